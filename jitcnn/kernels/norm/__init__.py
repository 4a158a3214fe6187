"""Batch normalisation kernels: naive and compiled loops."""
