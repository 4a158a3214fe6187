"""What the engine is made of: tiles of vector registers, and arrays in the order that they read."""
