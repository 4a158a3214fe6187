"""Padding of images as an operation of its own: with a constant, by reflection, or with the pixels at the edge."""

import numpy as np

from ..errors import ConfigError, ShapeError
from ..kernels.memory import empty
from ..shapes import Padding, Pair, Sides, sides
from ..support.arrays import Array, IntArray
from .checks import float_arrays, has_shape

PAD_MODES = ("constant", "reflect", "edge")


def pad2d(x: Array, padding: Padding, mode: str = "constant", value: float = 0.0) -> Array:
    """Images with pixels added at their sides.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    padding : int or pair (height, width) on each side, or four ints (top, bottom, left, right), in pixels
    mode : {"constant", "reflect", "edge"}
        "reflect" mirrors the image at the centre of its outermost pixels: pixel -1 is pixel 1. "edge" repeats the outermost
        pixels.
    value : float, of the pixels added with mode "constant"

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
    N, C, H, W = x.shape
    top, _, left, _ = check_pad(padding, mode)
    H_out, W_out = padded_size((H, W), padding, mode)
    if mode != "constant":
        rows, columns = pad_sources(H, H_out, top, mode), pad_sources(W, W_out, left, mode)
        return np.ascontiguousarray(x[:, :, rows[:, None], columns])
    out = empty((N, C, H_out, W_out), x.dtype)
    out[...] = value
    out[:, :, top : top + H, left : left + W] = x
    return out


def pad2d_backward(d_out: Array, x_shape: tuple[int, ...], padding: Padding, mode: str = "constant") -> Array:
    """Gradient of ``pad2d`` with respect to x: each d_out is added to the pixel that it is a copy of.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, top + H + bottom, left + W + right), float32 or float64
    x_shape : tuple (N, C, H, W)
    padding, mode : as passed to ``pad2d``

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
    H, W = x_shape[2], x_shape[3]
    top, _, left, _ = check_pad(padding, mode)
    H_out, W_out = padded_size((H, W), padding, mode)
    has_shape("pad2d_backward", "d_out", d_out, *x_shape[:2], H_out, W_out)
    d_rows = d_out[:, :, top : top + H]
    if mode == "constant":
        return d_rows[:, :, :, left : left + W].copy()
    d_rows = d_rows.copy()
    for oh, ih in enumerate(pad_sources(H, H_out, top, mode)):
        if not 0 <= oh - top < H:
            d_rows[:, :, ih] += d_out[:, :, oh]
    d_x = d_rows[:, :, :, left : left + W].copy()
    for ow, iw in enumerate(pad_sources(W, W_out, left, mode)):
        if not 0 <= ow - left < W:
            d_x[:, :, :, iw] += d_rows[:, :, :, ow]
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
    """The pixel that each output along one axis is a copy of, with mode "reflect" or "edge"."""
    places = np.arange(size_out) - before
    if mode == "edge":
        return places.clip(0, size - 1)
    places = abs(places)
    return np.minimum(places, 2 * (size - 1) - places)
