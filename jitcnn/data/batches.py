"""Mini-batches: shuffle images, optionally augment them, and normalise each batch on the fly."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ..errors import ConfigError
from ..functional.pixels import normalise
from ..support.arrays import Array, IntArray
from ..support.image_rows import will_need
from .augment import Augmentation

AHEAD = 4  # batches that the system reads from a memory-mapped file while the model computes


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
    drop_last: bool = False,
) -> Iterator[tuple[Array, IntArray]]:
    """Iterate once over all images, or those in ``order``, in mini-batches; the last batch may be smaller.

    When shuffled or in a given ``order``, as for training, a single image at the end joins the batch before it: batch
    normalisation has no variance of one image.

    Parameters
    ----------
    images : ndarray of shape (N, C, H, W), uint8, or float, which is used unchanged
    labels : ndarray of shape (N,), int64
    batch_size : int
    rng : numpy random Generator for shuffling and augmentation, or None to keep the order
    order : ndarray of any length, integers; indices of the images to use, in this order, instead of shuffling all; an
        index may be missing or repeated, as when sampled with replacement
    augmentation : Augmentation drawn from the same ``rng``; None for no augmentation
    mean, std : one value per channel, or one for all; by default pixels / 255 are unchanged
    drop_last : bool; leave the last batch out if it is smaller than ``batch_size``, unless it is the only one

    Yields
    ------
    x : ndarray of shape (≤ batch_size + 1, C, H, W), float32, (pixels / 255 - mean) / std; float images in their dtype
    y : ndarray of shape (≤ batch_size + 1,), int64

    Raises
    ------
    ConfigError
        If ``augmentation`` is given without ``rng``, or with float images.
    """
    is_float = images.dtype.kind == "f"
    if augmentation is not None and rng is None:
        raise ConfigError("minibatches: augmentation needs an rng, got None.")
    if augmentation is not None and is_float:
        raise ConfigError(
            f"minibatches: augmentation needs uint8 images, got {images.dtype}; train without, or on pixels."
        )
    trains = rng is not None or order is not None
    if order is None:
        order = np.arange(len(images)) if rng is None else rng.permutation(len(images))
    count = images_in_batches(len(order), batch_size, drop_last=drop_last)
    starts = batch_starts(count, batch_size) if trains else range(0, count, batch_size)
    will_need(images, order[: AHEAD * batch_size])
    for start, end in pairwise([*starts, count]):
        chosen = order[start:end]
        will_need(images, order[start + AHEAD * batch_size : end + AHEAD * batch_size])
        if is_float:
            yield images[chosen], labels[chosen]  # type: ignore[misc]
        elif augmentation is None or rng is None:
            yield normalise(images, mean, std, chosen), labels[chosen]
        else:
            yield normalise(augmentation.apply(images[chosen], rng), mean, std), labels[chosen]


def batch_starts(count: int, batch_size: int) -> range:
    """Where the training batches of ``count`` images begin; a last batch of one image is none of its own."""
    return range(0, count - (batch_size < count and count % batch_size == 1), batch_size)


def images_in_batches(count: int, batch_size: int, *, drop_last: bool = False) -> int:
    """How many of ``count`` images the batches of an epoch hold: all, or with ``drop_last`` those of the full batches."""
    return count - count % batch_size if drop_last and count > batch_size else count
