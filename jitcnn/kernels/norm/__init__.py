"""Batch normalisation: the blackboard form and the compiled loops."""
