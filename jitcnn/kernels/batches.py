"""A batch of images from bytes, gathered and scaled in one pass."""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .runtime import kernel, parallel_kernel

Array = NDArray[Any]


@kernel
def _scale_image(image: Array, scale: float, x: Array) -> None:
    for i in range(np.uintp(len(x))):
        x[i] = image[i] * scale


@parallel_kernel
def gather(images: Array, chosen: Array, scale: float, x: Array) -> None:
    """x[k] = images[chosen[k]] · scale; images (N, S) uint8, chosen (B,), x (B, S), scale a number of its dtype."""
    for k in prange(len(chosen)):
        _scale_image(images[chosen[k]], scale, x[k])
