"""Morphology and connected components of a picture, in numpy.

scipy.ndimage, scikit-image and OpenCV do the same, but each is larger than this package with its dependencies Pillow
and click together, and reading a digit needs these three functions only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..support.arrays import Array, IntArray

Mask = NDArray[np.bool_]
Number = int | np.integer[Any]  # of a component


@dataclass(frozen=True)
class Components:
    """Connected components of a mask, 8 neighbours; component k has label k + 1.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32; 0 is background
    area : ndarray of shape (count,), in pixels
    top, bottom, left, right : ndarrays of shape (count,), bounding boxes in pixels; bottom and right are exclusive
    """

    labels: IntArray
    area: IntArray
    top: IntArray
    bottom: IntArray
    left: IntArray
    right: IntArray


def closing(x: Array, size: int) -> Array:
    """Grey closing with a square of side ``size``: (H, W) -> (H, W); fills dark details narrower than the square.

    An image that rises or falls steadily stays as it is, whatever the slope. The square is cut at the border.
    """
    for axis in (0, 1):
        x = running_max(x, size, axis)
    for axis in (0, 1):
        x = -running_max(-x, size, axis)
    return x


def running_max(x: NDArray[Any], size: int, axis: int) -> NDArray[Any]:
    """Maximum over windows of 2·(size // 2) + 1 pixels along one axis, by doubling: log2(size) passes."""
    radius = size // 2
    pad = [(radius, radius) if a == axis else (0, 0) for a in (0, 1)]
    padded = np.moveaxis(np.pad(x, pad, mode="edge"), axis, 0)
    width, reach = 2 * radius + 1, 1
    while reach < width:  # padded[i] is the maximum of x[i : i + reach]
        step = min(reach, width - reach)
        padded = np.maximum(padded[:-step], padded[step:])
        reach += step
    return np.moveaxis(padded, 0, axis)


def find_components(mask: Mask) -> Components:
    """Label the connected components of a mask (H, W) of bool.

    Each row is a list of runs; runs that touch in adjacent rows are joined, and every run takes the least number that
    it can reach.

    References
    ----------
    He, Chao and Suzuki (2008), "A run-based two-scan labeling algorithm", IEEE Trans. Image Processing 17(5).
    """
    H, W = mask.shape
    stride = W + 2  # one empty column on each side: runs of different rows never touch
    flat = np.zeros((H, stride), np.int8)
    flat[:, 1:-1] = mask
    edges = np.flatnonzero(np.diff(flat.ravel(), prepend=0, append=0))
    starts, ends = edges[::2], edges[1::2]
    first, last = np.searchsorted(ends + stride, starts, "left"), np.searchsorted(starts + stride, ends, "right")
    counts = np.maximum(last - first, 0)
    below = np.repeat(np.arange(len(starts)), counts)
    above = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    numbers = _join(len(starts), below, above)

    roots, component = np.unique(numbers, return_inverse=True)
    rows, lefts = np.divmod(starts, stride)
    lengths = ends - starts
    area = np.bincount(component, lengths, len(roots)).astype(np.int64)
    top, left = np.full(len(roots), H), np.full(len(roots), W)
    bottom, right = np.zeros(len(roots), np.int64), np.zeros(len(roots), np.int64)
    np.minimum.at(top, component, rows)
    np.maximum.at(bottom, component, rows + 1)
    np.minimum.at(left, component, lefts - 1)
    np.maximum.at(right, component, lefts - 1 + lengths)
    labels = np.zeros((H, W), np.int32)
    labels[mask] = np.repeat(component + 1, lengths)
    return Components(labels, area, top, bottom, left, right)


def _join(count: int, a: IntArray, b: IntArray) -> IntArray:
    """Least number of 0 … count − 1 that each can reach over the pairs (a[i], b[i])."""
    numbers = np.arange(count)
    while True:
        low, high = np.minimum(numbers[a], numbers[b]), np.maximum(numbers[a], numbers[b])
        if np.array_equal(low, high):
            return numbers
        np.minimum.at(numbers, high, low)
        while not np.array_equal(shorter := numbers[numbers], numbers):
            numbers = shorter
