"""First weights: random, and as large as keeps a signal's variance from layer to layer."""

import numpy as np

from .arrays import Array


def he_normal(shape: tuple[int, ...], fan_in: int, rng: np.random.Generator, dtype: type = np.float32) -> Array:
    """Normal numbers of standard deviation √(2 / fan_in), for layers followed by a ReLU.

    Parameters
    ----------
    shape : tuple of int
    fan_in : int, how many inputs are summed into one output
    rng : numpy random Generator
    dtype : np.float32 or np.float64

    References
    ----------
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", arXiv:1502.01852.
    """
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

    References
    ----------
    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".
    """
    bound = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, shape).astype(dtype)
