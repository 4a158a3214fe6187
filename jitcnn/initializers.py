"""First weights: random, and as large as keeps a signal's variance from layer to layer."""

from math import prod

import numpy as np

from .arrays import Array
from .errors import ConfigError

Seed = int | np.random.Generator
MOST_WEIGHTS = 1 << 28  # in one array: 1 GiB in float32; the largest of VGG-19 has 102,760,448


class Blank(np.random.Generator):
    """Instead of a generator, where initial weights are of no use: zeros, which take no memory until they are written.

    Parameters
    ----------
    most : int, how many there may be in one array
    """

    def __init__(self, most: int = MOST_WEIGHTS) -> None:
        super().__init__(np.random.PCG64(0))
        self.most = min(most, MOST_WEIGHTS)


def he_normal(shape: tuple[int, ...], fan_in: int, rng: np.random.Generator, dtype: type = np.float32) -> Array:
    """Normal numbers of standard deviation √(2 / fan_in), for layers followed by a ReLU.

    Parameters
    ----------
    shape : tuple of int
    fan_in : int, how many inputs are summed into one output
    rng : numpy random Generator
    dtype : np.float32 or np.float64

    Raises
    ------
    ConfigError
        If that are more numbers than any net needs.

    References
    ----------
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", arXiv:1502.01852.
    """
    _check_size(shape, rng)
    if isinstance(rng, Blank):
        return np.zeros(shape, dtype)
    weights: Array = (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(dtype)
    return weights


def xavier_uniform(
    shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: type = np.float32
) -> Array:
    """Uniform numbers within ±√(6 / (fan_in + fan_out)), for layers followed by tanh or softmax.

    Parameters
    ----------
    shape : tuple of int
    fan_in, fan_out : int, how many inputs one output sums, how many outputs one input reaches
    rng : numpy random Generator
    dtype : np.float32 or np.float64

    Raises
    ------
    ConfigError
        If that are more numbers than any net needs.

    References
    ----------
    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".
    """
    _check_size(shape, rng)
    if isinstance(rng, Blank):
        return np.zeros(shape, dtype)
    bound = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, shape).astype(dtype)


def _check_size(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    most = rng.most if isinstance(rng, Blank) else MOST_WEIGHTS
    if prod(shape) > most:
        raise ConfigError(
            f"A layer may have at most {most:,} weights here, got the shape {shape}: use fewer channels, features or taps."
        )
