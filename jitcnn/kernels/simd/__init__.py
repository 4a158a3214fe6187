"""Building blocks of the engine: register tiles, and the memory layouts they read."""
