"""Padding of images as an operation of its own: with a constant, by reflection, or with the pixels at the edge."""

from types import ModuleType

import numpy as np

from ..errors import ConfigError, ShapeError
from ..kernels.memory import empty
from ..kernels.pad import loops, naive
from ..shapes import Padding, Pair, Sides, sides
from ..support.arrays import Array, IntArray
from .calls import Windows, call_on_planes
from .checks import float_arrays, has_shape

PAD_MODES = ("constant", "reflect", "edge")
PAD_IMPLEMENTATIONS: dict[str, ModuleType] = {"loops": loops, "naive": naive}


def pad2d(x: Array, padding: Padding, mode: str = "constant", value: float = 0.0, *, impl: str = "auto") -> Array:
    """Images with pixels added at their sides.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    padding : int or pair (height, width) on each side, or four ints (top, bottom, left, right), in pixels
    mode : {"constant", "reflect", "edge"}
        "reflect" mirrors the image at the centre of its outermost pixels: pixel -1 is pixel 1. "edge" repeats the outermost
        pixels.
    value : float, of the pixels added with mode "constant"
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Returns
    -------
    ndarray of shape (N, C, top + H + bottom, left + W + right), dtype of x

    Raises
    ------
    ShapeError
        If the image is too small to be reflected, or has no edge to repeat.
    DTypeError, ConfigError
        If x is not a float array; if a setting is out of range.

    Examples
    --------
    >>> from jitcnn.functional import pad2d
    >>> x = np.array([[[[1.0, 2.0, 3.0]]]])
    >>> pad2d(x, (0, 0, 2, 1)).ravel().tolist()
    [0.0, 0.0, 1.0, 2.0, 3.0, 0.0]
    >>> pad2d(x, (0, 0, 2, 1), "reflect").ravel().tolist()
    [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]
    >>> pad2d(x, (0, 0, 2, 1), "edge").ravel().tolist()
    [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]
    """
    (x,) = float_arrays("pad2d", x=x)
    has_shape("pad2d", "x", x, "N", "C", "H", "W")
    rows, columns = _sources((x.shape[2], x.shape[3]), padding, mode)
    out = empty((*x.shape[:2], len(rows), len(columns)), x.dtype)
    arguments, windows = (x, rows, columns, x.dtype.type(value), out), Windows((len(rows), len(columns)))
    call_on_planes("pad2d", PAD_IMPLEMENTATIONS, "pad2d_forward", x, windows, impl, *arguments)
    return out


def pad2d_backward(
    d_out: Array, x_shape: tuple[int, ...], padding: Padding, mode: str = "constant", *, impl: str = "auto"
) -> Array:
    """Gradient of ``pad2d`` with respect to x: each d_out is added to the pixel that it is a copy of.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, top + H + bottom, left + W + right), float32 or float64
    x_shape : tuple (N, C, H, W)
    padding, mode, impl : as passed to ``pad2d``

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``pad2d``; also if the shape of ``d_out`` differs from that of the output of ``pad2d``.

    Examples
    --------
    >>> from jitcnn.functional import pad2d_backward
    >>> d_out = np.array([[[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]]])
    >>> pad2d_backward(d_out, (1, 1, 1, 3), (0, 0, 2, 1), "reflect").ravel().tolist()  # the first is 3, the last is 2
    [3.0, 12.0, 6.0]
    """
    (d_out,) = float_arrays("pad2d_backward", d_out=d_out)
    has_shape("pad2d_backward", "x_shape", x_shape, "N", "C", "H", "W")
    rows, columns = _sources((x_shape[2], x_shape[3]), padding, mode)
    has_shape("pad2d_backward", "d_out", d_out, *x_shape[:2], len(rows), len(columns))
    d_x = empty(x_shape, d_out.dtype)
    arguments, windows = (d_out, rows, columns, d_x), Windows((len(rows), len(columns)))
    call_on_planes("pad2d_backward", PAD_IMPLEMENTATIONS, "pad2d_backward", d_x, windows, impl, *arguments)
    return d_x


def check_pad(padding: Padding, mode: str) -> Sides:
    """``padding`` as (top, bottom, left, right); ConfigError if it or ``mode`` is out of range."""
    if mode not in PAD_MODES:
        raise ConfigError(f"mode of padding must be one of {', '.join(PAD_MODES)}, got {mode!r}.")
    if isinstance(padding, str):
        raise ConfigError(f"padding of an image must be an integer, a pair or four integers, got {padding!r}.")
    return sides(padding)


def padded_size(image: Pair, padding: Padding, mode: str) -> Pair:
    """(H_out, W_out) for images of (H, W); ShapeError if they are too small for ``mode``."""
    (H, W), (top, bottom, left, right) = image, check_pad(padding, mode)
    reflected = max(top, bottom) + 1, max(left, right) + 1
    least_h, least_w = {"constant": (0, 0), "edge": (1, 1), "reflect": reflected}[mode]
    if least_h > H or least_w > W:
        raise ShapeError(
            f'Padding {(top, bottom, left, right)} with mode "{mode}" expects images of at least {least_h}×{least_w} pixels, '
            f"got {H}×{W}: use less padding or a larger image."
        )
    return top + H + bottom, left + W + right


def pad_sources(size: int, size_out: int, before: int, mode: str) -> IntArray:
    """The pixel that each output along one axis is a copy of; -1 where it is a copy of none."""
    places = np.arange(size_out) - before
    if mode == "constant":
        return np.where((places >= 0) & (places < size), places, -1)
    if mode == "edge":
        return places.clip(0, size - 1)
    places = abs(places)
    return np.minimum(places, 2 * (size - 1) - places)


def _sources(image: Pair, padding: Padding, mode: str) -> tuple[IntArray, IntArray]:
    """The row and the column of images of (H, W) that each output is a copy of; errors as ``padded_size``."""
    top, _, left, _ = check_pad(padding, mode)
    H_out, W_out = padded_size(image, padding, mode)
    return pad_sources(image[0], H_out, top, mode), pad_sources(image[1], W_out, left, mode)
