"""Mini-batches: shuffle uint8 images, optionally augment them, and normalise each batch on the fly."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..errors import ConfigError
from ..functional.pixels import normalise
from ..support.arrays import Array, IntArray
from .augment import Augmentation


def minibatches(
    images: IntArray,
    labels: IntArray,
    batch_size: int,
    rng: np.random.Generator | None = None,
    *,
    order: IntArray | None = None,
    augmentation: Augmentation | None = None,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
) -> Iterator[tuple[Array, IntArray]]:
    """Iterate once over all images, or those in ``order``, in mini-batches; the last batch may be smaller.

    Parameters
    ----------
    images : ndarray of shape (N, C, H, W), uint8
    labels : ndarray of shape (N,), int64
    batch_size : int
    rng : numpy random Generator for shuffling and augmentation, or None to keep the order
    order : ndarray of shape (≤ N,), integers; indices of the images to use, in this order, instead of shuffling all
    augmentation : Augmentation drawn from the same ``rng``; None for no augmentation
    mean, std : one value per channel, or one for all; by default pixels / 255 are unchanged

    Yields
    ------
    x : ndarray of shape (≤ batch_size, C, H, W), float32, (pixels / 255 - mean) / std
    y : ndarray of shape (≤ batch_size,), int64

    Raises
    ------
    ConfigError
        If ``augmentation`` is given without ``rng``.
    """
    if augmentation is not None and rng is None:
        raise ConfigError("minibatches: augmentation needs an rng, got None.")
    if order is None:
        order = np.arange(len(images)) if rng is None else rng.permutation(len(images))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        if augmentation is None or rng is None:
            yield normalise(images, mean, std, chosen), labels[chosen]
        else:
            yield normalise(augmentation.apply(images[chosen], rng), mean, std), labels[chosen]
