"""Mini-batches: shuffled, gathered from bytes, scaled as they are handed out."""

from collections.abc import Iterator

import numpy as np

from ..arrays import Array, IntArray
from ..kernels.batches import gather
from ..kernels.memory import empty
from ..model import PIXEL_SCALE


def minibatches(
    images: IntArray, labels: IntArray, batch_size: int, rng: np.random.Generator | None = None
) -> Iterator[tuple[Array, IntArray]]:
    """Batch after batch until every image was there once; the last batch may be smaller.

    Parameters
    ----------
    images : ndarray of shape (N, C, H, W), uint8
    labels : ndarray of shape (N,), int64
    batch_size : int
    rng : numpy random Generator that shuffles, or None to keep the order

    Yields
    ------
    x : ndarray of shape (≤ batch_size, C, H, W), float32, pixels / 255
    y : ndarray of shape (≤ batch_size,), int64
    """
    pixels = images.reshape(len(images), -1)
    order = np.arange(len(images)) if rng is None else rng.permutation(len(images))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        x = empty((len(chosen), *images.shape[1:]), PIXEL_SCALE.dtype)
        gather(pixels, chosen, PIXEL_SCALE, x.reshape(len(chosen), -1))
        yield x, labels[chosen]
