"""Weight initialisers: random weights, scaled to preserve the variance of activations from layer to layer."""

from math import prod

import numpy as np

from .errors import ConfigError
from .support.arrays import Array

Seed = int | np.random.Generator
MOST_WEIGHTS = 1 << 28  # per array: 1 GiB in float32; the largest array of VGG-19 has 102,760,448


class Blank(np.random.Generator):
    """A generator for weights that will be overwritten: gives zeros, which use no memory until they are written.

    Parameters
    ----------
    most : int, maximum number of weights per array

    Examples
    --------
    >>> from jitcnn.initializers import Blank, he_normal
    >>> he_normal((2, 2), 2, Blank()).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """

    def __init__(self, most: int = MOST_WEIGHTS) -> None:
        super().__init__(np.random.PCG64(0))
        self.most = min(most, MOST_WEIGHTS)


def he_normal(shape: tuple[int, ...], fan_in: int, rng: np.random.Generator, dtype: type = np.float32) -> Array:
    """Normal distribution with standard deviation √(2 / fan_in), for layers followed by a ReLU.

    Parameters
    ----------
    shape : tuple of int
    fan_in : int, number of inputs per output
    rng : numpy random Generator
    dtype : np.float32 or np.float64

    Raises
    ------
    ConfigError
        If ``shape`` exceeds the maximum number of weights.

    References
    ----------
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", arXiv:1502.01852.

    Examples
    --------
    >>> from jitcnn.initializers import he_normal
    >>> weights = he_normal((800, 100), fan_in=800, rng=np.random.default_rng(0))
    >>> weights.shape, round(float(weights.std()), 3)  # √(2 / 800) = 0.05
    ((800, 100), 0.05)
    """
    _check_size(shape, rng)
    if isinstance(rng, Blank):
        return np.zeros(shape, dtype)
    weights: Array = (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(dtype)
    return weights


def xavier_uniform(
    shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: type = np.float32
) -> Array:
    """Uniform distribution on ±√(6 / (fan_in + fan_out)), for layers followed by tanh or softmax.

    Parameters
    ----------
    shape : tuple of int
    fan_in : int, number of inputs per output
    fan_out : int, number of outputs per input
    rng : numpy random Generator
    dtype : np.float32 or np.float64

    Raises
    ------
    ConfigError
        If ``shape`` exceeds the maximum number of weights.

    References
    ----------
    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".

    Examples
    --------
    >>> from jitcnn.initializers import xavier_uniform
    >>> weights = xavier_uniform((30, 24), 30, 24, np.random.default_rng(0))
    >>> round(float(abs(weights).max()), 2)  # √(6 / 54) = 1/3
    0.33
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
            f"A layer may have at most {most:,} weights, got shape {shape}: use fewer channels or features or a smaller kernel."
        )
