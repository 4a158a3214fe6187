"""GELU: the formula, and the compiled loop."""
