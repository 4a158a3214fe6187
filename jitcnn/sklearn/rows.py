"""The samples of a training: weights, equal rows merged, standardisation, and a share held out for validation."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from ..data.strata import stratified
from ..errors import ConfigError, DataError
from ..support.arrays import Array, IntArray
from .layout import Layout

BLOCK_VALUES = 1 << 20  # numbers converted to float64 at once
CONSTANT = 1e-12  # standard deviation, relative to the mean, below which a feature is taken for constant


@dataclass(frozen=True)
class Rows:
    """Samples with labels and weights.

    Parameters
    ----------
    x : ndarray of shape (N, features), uint8 or float, as given; or prepared for the net, float32
    y : ndarray of shape (N,), int64, index of the class
    weights : ndarray of shape (N,), float64
    """

    x: Any
    y: IntArray
    weights: Array

    def __len__(self) -> int:
        return len(self.y)

    def take(self, chosen: IntArray) -> "Rows":
        """Some of the rows."""
        return Rows(self.x[chosen], self.y[chosen], self.weights[chosen])


def merge(x: Any, y: IntArray, weights: Array) -> Rows:
    """Merge equal rows of one class, sum their weights, drop the weight 0, and order the rows by their contents.

    A row with weight 3 is then the same as three rows, and the order of the rows has no effect.
    """
    kept = np.flatnonzero(weights > 0)
    keys = np.empty(len(kept), np.uint64)
    for where in _blocks(len(kept), x.shape[1]):
        values = np.ascontiguousarray(x[kept[where]], np.float64) + 0.0  # turns -0.0 into 0.0
        hashes = [
            blake2b(row, digest_size=8, salt=int(label).to_bytes(8, "little")).digest()
            for row, label in zip(values, y[kept[where]], strict=True)
        ]
        keys[where] = np.frombuffer(b"".join(hashes), "<u8")
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    sums: Array = np.bincount(inverse, weights=weights[kept], minlength=len(first)).astype(np.float64)
    chosen = kept[first]
    return Rows(x[chosen], y[chosen], sums)


def statistics(rows: Rows, layout: Layout) -> tuple[Array, Array]:
    """Weighted mean and standard deviation of each feature, or of each channel of images; 1 for a constant one.

    Raises
    ------
    DataError
        If the values are too large to square.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = _weighted_mean(rows, layout, lambda values: values)
        shift = layout.per_channel(mean)
        std = np.sqrt(_weighted_mean(rows, layout, lambda values: (values - shift) ** 2))
    if not np.isfinite(std).all():
        raise DataError("X has values too large to standardise: scale X before, or set normalise=False.")
    return mean, np.where(std <= CONSTANT * np.abs(mean), 1.0, std)


def _weighted_mean(rows: Rows, layout: Layout, function: Any) -> Array:
    """Mean of a function of the values per feature or channel, weighted by row."""
    total = np.zeros(layout.net_shape[0])
    for where in _blocks(len(rows), layout.size):
        values = function(layout.arrange(rows.x[where]).astype(np.float64))
        of_row = values.reshape(*values.shape[:2], -1).mean(axis=2) if layout.is_image else values
        total += rows.weights[where] @ of_row
    mean: Array = total / rows.weights.sum()
    return mean


def prepare(x: Any, layout: Layout, mean: Array, scale: Array) -> Array:
    """Input of the net, float32: rows (N, features) -> (x - mean) / scale, arranged as ``layout.net_shape``.

    Raises
    ------
    DataError
        If a value is too large for float32.
    """
    out = np.empty((len(x), *layout.net_shape), np.float32)
    mean, scale = layout.per_channel(mean), layout.per_channel(scale)
    with np.errstate(over="ignore"):
        for where in _blocks(len(x), layout.size):
            np.divide(
                layout.arrange(x[where]).astype(np.float64) - mean,
                scale,
                out=out[where],
                dtype=np.float64,
                casting="unsafe",
            )
    if not np.isfinite(out).all():
        raise DataError("X has values too large for float32: scale X before.")
    return out


def split(rows: Rows, fraction: float | int, seed: int) -> tuple[Rows, Rows]:
    """Rows to train on, and rows held out for validation: the same share of every class.

    Parameters
    ----------
    rows : Rows
    fraction : share below 1, or a number of rows
    seed : int, chooses the rows

    Raises
    ------
    ConfigError
        If a part would be empty.
    """
    share = fraction if fraction < 1 else fraction / len(rows)
    chosen, rest = stratified(rows.y, share, np.random.default_rng(seed))
    if share >= 1 or len(chosen) == 0:
        raise ConfigError(
            f"early_stopping expects validation images, validation_fraction {fraction} of {len(rows)} different rows leaves "
            "none to train or to validate with: change it, set it to None to watch the training loss, or set "
            "early_stopping=False."
        )
    return rows.take(rest), rows.take(chosen)


def _blocks(count: int, values: int) -> list[slice]:
    """Slices of rows with about ``BLOCK_VALUES`` numbers."""
    size = max(1, BLOCK_VALUES // max(1, values))
    return [slice(start, start + size) for start in range(0, count, size)]
