"""Gather and normalise a batch of uint8 images in one pass."""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array, IntArray


@kernel
def _look_up(image: IntArray, values: Array, x: Array) -> None:
    C, S = image.shape
    for c in range(np.uintp(C)):
        for i in range(np.uintp(S)):
            x[c, i] = values[c, image[c, i]]


@parallel_kernel
def gather(images: IntArray, chosen: IntArray, values: Array, x: Array) -> None:
    """x[k, c, i] = values[c, images[chosen[k], c, i]]; images (N, C, S) uint8, values (C, 256), x (B, C, S).

    Half as fast as the arithmetic, whose vectors and remainders round a pixel differently: 256 images of 3×32² take 0.16 ms.
    """
    for k in prange(len(chosen)):
        _look_up(images[chosen[k]], values, x[k])
