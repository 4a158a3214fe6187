"""Local response normalisation: naive reference and compiled loops."""
