"""Gather, scale and normalise a batch of uint8 images in one pass."""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array


@kernel
def _normalise_image(image: Array, scale: float, mean: Array, std: Array, x: Array) -> None:
    C, S = image.shape
    for c in range(np.uintp(C)):
        for i in range(np.uintp(S)):
            x[c, i] = (image[c, i] * scale - mean[c]) / std[c]


@parallel_kernel
def gather(images: Array, chosen: Array, scale: float, mean: Array, std: Array, x: Array) -> None:
    """x[k] = (images[chosen[k]] · scale - mean) / std; images (N, C, S) uint8, mean and std (C,), x (B, C, S)."""
    for k in prange(len(chosen)):
        _normalise_image(images[chosen[k]], scale, mean, std, x[k])
