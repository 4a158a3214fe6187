"""Blurred pooling: a weighted mean around every pixel, of which every ``stride``-th is kept."""

from math import comb
from types import ModuleType

import numpy as np

from ..arrays import Array
from ..errors import ConfigError, ShapeError
from ..kernels.blur import loops, naive
from ..kernels.memory import empty
from ..kernels.types import Grid
from ..shapes import IntOrPair, Pair, pair
from .calls import call, plane_plan
from .checks import float_arrays, has_shape

BLUR_IMPLEMENTATIONS: dict[str, ModuleType] = {"naive": naive, "loops": loops}
SMALLEST, LARGEST = 2, 7  # taps along each axis: the filters of the paper


def blur_pool2d(x: Array, kernel_size: int = 3, stride: IntOrPair = 2, *, impl: str = "auto") -> Array:
    """Weighted mean of the window around every ``stride``-th pixel.

    The weights are binomial coefficients along both axes, for three taps [1 2 1] ⊗ [1 2 1] / 16. Outside the image its
    pixels are mirrored, as in the paper: with zeros there a plane of ones would come out as 9/16 in its corners.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    kernel_size : int, 2 to 7, taps along each axis
    stride : int or pair, in pixels
    impl : "auto", "naive" or "loops"; the other names are as "auto" here

    Returns
    -------
    ndarray of shape (N, C, ⌈H / stride⌉, ⌈W / stride⌉), dtype of x

    Raises
    ------
    ShapeError
        If the image is too small to be mirrored as far as the window reaches.
    DTypeError, ConfigError
        If x is no float array; if a setting is out of range.

    References
    ----------
    Zhang (2019), "Making Convolutional Networks Shift-Invariant Again", arXiv:1904.11486.
    """
    (x,) = float_arrays("blur_pool2d", x=x)
    has_shape("blur_pool2d", "x", x, "N", "C", "H", "W")
    size_out = blurred_size((x.shape[2], x.shape[3]), kernel_size, stride)
    out = empty((*x.shape[:2], *size_out), x.dtype)
    _call("blur_pool2d", "blur_pool2d_forward", x, size_out, kernel_size, stride, impl, x, out)
    return out


def blur_pool2d_backward(
    d_out: Array, x_shape: tuple[int, ...], kernel_size: int = 3, stride: IntOrPair = 2, *, impl: str = "auto"
) -> Array:
    """Each output's gradient goes to the pixels of its window by their weights.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, H_out, W_out), float32 or float64
    x_shape : tuple (N, C, H, W)
    kernel_size, stride, impl : as they went into ``blur_pool2d``

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``blur_pool2d``; also if ``d_out`` is not of the shape that ``blur_pool2d`` returned.
    """
    (d_out,) = float_arrays("blur_pool2d_backward", d_out=d_out)
    has_shape("blur_pool2d_backward", "x_shape", x_shape, "N", "C", "H", "W")
    size_out = blurred_size((x_shape[2], x_shape[3]), kernel_size, stride)
    has_shape("blur_pool2d_backward", "d_out", d_out, *x_shape[:2], *size_out)
    d_x = empty(x_shape, d_out.dtype)
    name = "blur_pool2d_backward"
    _call(name, name, d_x, size_out, kernel_size, stride, impl, d_out, d_x)
    return d_x


def _call(
    operation: str,
    function: str,
    x: Array,
    size_out: Pair,
    kernel_size: int,
    stride: IntOrPair,
    impl: str,
    given: Array,
    result: Array,
) -> None:
    """Call ``function`` of the algorithm that the plan names, for images like x: from ``given`` into ``result``."""
    step = pair(stride, "stride")
    taps = (int(kernel_size), int(kernel_size))
    problem, chosen = plane_plan(operation, x.shape, size_out, taps, Grid(step), x.dtype, impl)
    kernel = getattr(BLUR_IMPLEMENTATIONS[chosen.algorithm], function)
    call(operation, problem, chosen, kernel, given, binomial(kernel_size).astype(x.dtype), step, result)


def binomial(kernel_size: int) -> Array:
    """The taps along one axis, of sum 1: (kernel_size,) float64, for 3 [1/4, 1/2, 1/4].

    Raises
    ------
    ConfigError
        If ``kernel_size`` is no integer from 2 to 7.
    """
    whole = isinstance(kernel_size, int | np.integer) and not isinstance(kernel_size, bool)
    if not whole or not SMALLEST <= kernel_size <= LARGEST:
        raise ConfigError(
            f"kernel_size of a blur must be an integer from {SMALLEST} to {LARGEST}, got {kernel_size!r}."
        )
    coefficients = [comb(int(kernel_size) - 1, k) for k in range(kernel_size)]
    return np.array(coefficients) / sum(coefficients)


def blurred_size(image: Pair, kernel_size: int, stride: IntOrPair) -> Pair:
    """(H_out, W_out) of images of (H, W); ShapeError if they cannot be mirrored so far, ConfigError as ``binomial``."""
    reach = len(binomial(kernel_size)) // 2
    stride_h, stride_w = pair(stride, "stride")
    if min(image) <= reach:
        raise ShapeError(
            f"A blur of {kernel_size} taps expects at least {reach + 1} pixels along each axis, to be mirrored at the border, "
            f"got {image[0]}×{image[1]}: use fewer taps or a larger image."
        )
    return (image[0] - 1) // stride_h + 1, (image[1] - 1) // stride_w + 1
