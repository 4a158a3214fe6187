"""Pooling: naive reference, compiled loops, and im2col."""
