"""Convolution: naive reference, compiled loops, and im2col with a matrix product."""
