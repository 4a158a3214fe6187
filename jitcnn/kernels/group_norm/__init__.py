"""Group normalisation: the formula, and the compiled loops."""
