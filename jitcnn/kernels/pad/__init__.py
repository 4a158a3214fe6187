"""Padding of images: naive reference and compiled loops."""
