"""Convolution: the blackboard form, the loop nest, and im2col with a matrix product."""
