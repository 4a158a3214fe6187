"""Grouped arguments and results of the batch normalisation kernels."""

from typing import NamedTuple

from ..types import Array


class Settings(NamedTuple):
    """scale and shift (C,), epsilon > 0; ``training``: use the batch statistics; ``relu``: apply ReLU to the output."""

    scale: Array
    shift: Array
    epsilon: float
    training: bool
    relu: bool


class Statistics(NamedTuple):
    """mean and variance (C,): written in training, read in evaluation."""

    mean: Array
    variance: Array


class Gradients(NamedTuple):
    """d_x (N, C, H, W), d_addend of the same shape or empty, d_scale and d_shift (C,)."""

    d_x: Array
    d_addend: Array
    d_scale: Array
    d_shift: Array
