"""What batch normalisation takes and gives, under one name each."""

from typing import NamedTuple

from ..types import Array


class Settings(NamedTuple):
    """scale and shift (C,), epsilon above 0; ``training`` by the batch's own statistics, ``relu`` in the same pass."""

    scale: Array
    shift: Array
    epsilon: float
    training: bool
    relu: bool


class Statistics(NamedTuple):
    """mean and variance (C,): set in training, and taken as they are else."""

    mean: Array
    variance: Array


class Gradients(NamedTuple):
    """d_x (N, C, H, W), d_addend of that shape or empty, d_scale and d_shift (C,)."""

    d_x: Array
    d_addend: Array
    d_scale: Array
    d_shift: Array
