"""Types shared by all kernels: arrays, pairs (height, width), and the sampling grid of windows."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""float32 (training) or float64 (gradient checks)."""

IntArray = NDArray[np.integer[Any]]
"""Labels, indices, pixels, offsets."""

Pair = tuple[int, int]
DType = np.dtype[Any]


class Grid(NamedTuple):
    """Window positions: tap (kh, kw) of output (oh, ow) reads pixel (oh, ow)·stride + (kh, kw)·dilation - pad."""

    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pad: Pair = (0, 0)


def extent(count: int, step: int) -> int:
    """Number of pixels spanned by ``count`` points, ``step`` apart: (count - 1)·step + 1."""
    return (count - 1) * step + 1


def windows_extent(size_out: Pair, kernel_size: Pair, grid: Grid) -> Pair:
    """Height and width of the padded input covered by all windows."""
    height = extent(size_out[0], grid.stride[0]) + extent(kernel_size[0], grid.dilation[0]) - 1
    width = extent(size_out[1], grid.stride[1]) + extent(kernel_size[1], grid.dilation[1]) - 1
    return height, width
