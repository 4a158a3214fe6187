"""Blur pooling: binomial smoothing followed by subsampling with ``stride``."""

from math import comb
from types import ModuleType

import numpy as np

from ..errors import ConfigError, ShapeError
from ..kernels.blur import loops, naive
from ..kernels.memory import empty
from ..kernels.types import Grid
from ..shapes import IntOrPair, Pair, pair
from ..support.arrays import Array
from .calls import Windows, call_on_planes
from .checks import float_arrays, has_shape

BLUR_IMPLEMENTATIONS: dict[str, ModuleType] = {"loops": loops, "naive": naive}
SMALLEST, LARGEST = 2, 7  # taps along each axis: the filter sizes of the paper


def blur_pool2d(x: Array, kernel_size: int = 3, stride: IntOrPair = 2, *, impl: str = "auto") -> Array:
    """Weighted mean of the window around every ``stride``-th pixel.

    The weights are binomial coefficients along both axes, for kernel_size 3 [1 2 1] ⊗ [1 2 1] / 16. The image is
    reflection-padded, as in the paper: with zero padding, an image of ones would become 9/16 in its corners.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    kernel_size : int, 2 to 7, taps along each axis
    stride : int or pair, in pixels
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Returns
    -------
    ndarray of shape (N, C, ⌈H / stride⌉, ⌈W / stride⌉), dtype of x

    Raises
    ------
    ShapeError
        If the image is too small for the reflection padding.
    DTypeError, ConfigError
        If x is not a float array; if a setting is out of range.

    References
    ----------
    Zhang (2019), "Making Convolutional Networks Shift-Invariant Again", arXiv:1904.11486.

    Examples
    --------
    A checkerboard: subsampling alone keeps only the zeros, the blur keeps the mean.

    >>> from jitcnn.functional import blur_pool2d
    >>> x = (np.indices((4, 4)).sum(axis=0) % 2.0).reshape(1, 1, 4, 4)
    >>> x[0, 0, ::2, ::2].tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    >>> blur_pool2d(x, kernel_size=3, stride=2)[0, 0].tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    (x,) = float_arrays("blur_pool2d", x=x)
    has_shape("blur_pool2d", "x", x, "N", "C", "H", "W")
    size_out = blurred_size((x.shape[2], x.shape[3]), kernel_size, stride)
    out = empty((*x.shape[:2], *size_out), x.dtype)
    windows, taps = _windows(size_out, kernel_size, stride), binomial(kernel_size).astype(x.dtype)
    arguments = x, taps, windows.grid.stride, out
    call_on_planes("blur_pool2d", BLUR_IMPLEMENTATIONS, "blur_pool2d_forward", x, windows, impl, *arguments)
    return out


def blur_pool2d_backward(
    d_out: Array, x_shape: tuple[int, ...], kernel_size: int = 3, stride: IntOrPair = 2, *, impl: str = "auto"
) -> Array:
    """Gradient of ``blur_pool2d`` with respect to x: each output gradient is added to its window, times the weights.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, H_out, W_out), float32 or float64
    x_shape : tuple (N, C, H, W)
    kernel_size, stride, impl : as passed to ``blur_pool2d``

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``blur_pool2d``; also if the shape of ``d_out`` differs from that of the output of ``blur_pool2d``.

    Examples
    --------
    The weights of a window sum to 1, so the sum of the gradient is preserved.

    >>> from jitcnn.functional import blur_pool2d_backward
    >>> d_x = blur_pool2d_backward(np.ones((1, 1, 2, 2)), x_shape=(1, 1, 4, 4))
    >>> d_x.shape, d_x.sum().item()
    ((1, 1, 4, 4), 4.0)
    """
    (d_out,) = float_arrays("blur_pool2d_backward", d_out=d_out)
    has_shape("blur_pool2d_backward", "x_shape", x_shape, "N", "C", "H", "W")
    size_out = blurred_size((x_shape[2], x_shape[3]), kernel_size, stride)
    has_shape("blur_pool2d_backward", "d_out", d_out, *x_shape[:2], *size_out)
    d_x = empty(x_shape, d_out.dtype)
    name = "blur_pool2d_backward"
    windows, taps = _windows(size_out, kernel_size, stride), binomial(kernel_size).astype(d_x.dtype)
    call_on_planes(name, BLUR_IMPLEMENTATIONS, name, d_x, windows, impl, d_out, taps, windows.grid.stride, d_x)
    return d_x


def binomial(kernel_size: int) -> Array:
    """The filter along one axis, normalised to sum 1: (kernel_size,) float64, for kernel_size 3 [1/4, 1/2, 1/4].

    Raises
    ------
    ConfigError
        If ``kernel_size`` is not an integer from 2 to 7.
    """
    whole = isinstance(kernel_size, int | np.integer) and not isinstance(kernel_size, bool)
    if not whole or not SMALLEST <= kernel_size <= LARGEST:
        raise ConfigError(
            f"kernel_size of blur pooling must be an integer from {SMALLEST} to {LARGEST}, got {kernel_size!r}."
        )
    coefficients = [comb(int(kernel_size) - 1, k) for k in range(kernel_size)]
    return np.array(coefficients) / sum(coefficients)


def blurred_size(image: Pair, kernel_size: int, stride: IntOrPair) -> Pair:
    """(H_out, W_out) for images of (H, W); ShapeError if they are too small to reflect, ConfigError as ``binomial``."""
    reach = len(binomial(kernel_size)) // 2
    stride_h, stride_w = pair(stride, "stride")
    if min(image) <= reach:
        raise ShapeError(
            f"Blur pooling with kernel_size {kernel_size} expects at least {reach + 1} pixels along each axis, got "
            f"{image[0]}×{image[1]}: use a smaller kernel_size or a larger image."
        )
    return (image[0] - 1) // stride_h + 1, (image[1] - 1) // stride_w + 1


def _windows(size_out: Pair, kernel_size: int, stride: IntOrPair) -> Windows:
    return Windows(size_out, (int(kernel_size), int(kernel_size)), Grid(pair(stride, "stride")))
