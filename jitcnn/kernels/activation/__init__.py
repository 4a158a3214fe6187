"""Activations with bends, and the error function: the formulas, and the compiled loops."""
