"""Blur pooling: naive reference and compiled loops."""
