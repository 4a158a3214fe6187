"""Gradient clipping by norm."""

from collections.abc import Sequence
from math import isfinite, sqrt

import numpy as np

from ..errors import ConfigError
from ..support.arrays import Array


def clip_gradients(gradients: Sequence[Array], clip_norm: float) -> float:
    """Scale all gradients in place by one factor, if their joint Euclidean norm exceeds ``clip_norm``.

    Parameters
    ----------
    gradients : sequence of ndarray, modified
    clip_norm : float, > 0

    Returns
    -------
    float
        The norm before: √(Σ g²) over all values of all gradients.

    Raises
    ------
    ConfigError
        If ``clip_norm`` is not a positive number.

    References
    ----------
    Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks", arXiv:1211.5063.

    Examples
    --------
    >>> from jitcnn.optim import clip_gradients
    >>> gradients = [np.array([3.0]), np.array([0.0, 4.0])]
    >>> clip_gradients(gradients, 1.0), gradients
    (5.0, [array([0.6]), array([0. , 0.8])])
    """
    check_clip_norm(clip_norm)
    flat = [gradient.reshape(-1) for gradient in gradients]
    norm = sqrt(sum(float(np.einsum("i,i->", each, each, dtype=np.float64)) for each in flat))
    if norm > clip_norm:
        for gradient in gradients:
            np.multiply(gradient, gradient.dtype.type(clip_norm / norm), out=gradient)
    return norm


def check_clip_norm(clip_norm: float) -> None:
    """Raise ConfigError unless ``clip_norm`` is a positive number."""
    if not (isfinite(clip_norm) and clip_norm > 0):
        raise ConfigError(f"clip_norm must be a positive number, got {clip_norm}.")
