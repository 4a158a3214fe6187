"""What every room uses: array types, atomic files, deferred interrupts, deprecated names, versions."""
