"""Pooling: the blackboard form, the loop nest, and im2col."""
