"""Blur pooling: the blackboard form and the compiled loops."""
