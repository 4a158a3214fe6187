"""Max, average and global average pooling, with their gradients."""

from types import ModuleType

import numpy as np

from ..arrays import Array, IntArray
from ..errors import ConfigError, ShapeError
from ..kernels.engine import pooling
from ..kernels.memory import empty
from ..kernels.pool import im2col, loops, naive, plane_means
from ..kernels.types import Grid
from ..shapes import IntOrPair, Padding, Pair, pair, window_grid
from .calls import call, call_the_only_form, plane_plan
from .checks import float_arrays, has_shape

POOL_IMPLEMENTATIONS: dict[str, ModuleType] = {"naive": naive, "loops": loops, "im2col": im2col, "direct": pooling}


def max_pool2d(
    x: Array, pool_size: IntOrPair = 2, stride: IntOrPair = 2, padding: Padding = 0, *, impl: str = "auto"
) -> tuple[Array, IntArray]:
    """Largest value of each window, and where it stood.

    Of equal values the first in reading order wins; NaN counts as the largest. Padding never wins.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    pool_size, stride : int or pair, in pixels
    padding : int or pair, in pixels, less than ``pool_size``; "valid" or "same"
    impl : "auto", "naive", "loops", "im2col" or "direct"; "winograd" and "fused" are as "auto" here

    Returns
    -------
    out : ndarray of shape (N, C, H_out, W_out), dtype of x
    max_indices : ndarray of shape (N, C, H_out, W_out), int32; position in the flattened H·W plane

    Raises
    ------
    ShapeError
        If the window is larger than the padded image.
    DTypeError, ConfigError
        If x is no float array; if a setting is out of range.

    References
    ----------
    Dumoulin and Visin (2016), arXiv:1603.07285.
    """
    (x,) = float_arrays("max_pool2d", x=x)
    has_shape("max_pool2d", "x", x, "N", "C", "H", "W")
    pool, grid, size_out = _grid((x.shape[2], x.shape[3]), pool_size, stride, padding)
    out = empty((*x.shape[:2], *size_out), x.dtype)
    max_indices = empty(out.shape, np.int32)
    _call("max_pool2d", "max_pool2d_forward", x, size_out, pool, grid, impl, x, pool, grid, out, max_indices)
    return out, max_indices


def max_pool2d_backward(
    d_out: Array,
    max_indices: IntArray,
    x_shape: tuple[int, ...],
    pool_size: IntOrPair = 2,
    stride: IntOrPair = 2,
    padding: Padding = 0,
    *,
    impl: str = "auto",
) -> Array:
    """Each output's gradient goes to the pixel that won; pixels that won several windows sum theirs.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, H_out, W_out), float32 or float64
    max_indices : ndarray of shape (N, C, H_out, W_out), int32, from ``max_pool2d``
    x_shape : tuple (N, C, H, W)
    pool_size, stride, padding, impl : as they went into ``max_pool2d``

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``max_pool2d``; also if ``d_out`` is not of the shape of ``max_indices``.
    """
    (d_out,) = float_arrays("max_pool2d_backward", d_out=d_out)
    d_x = empty(x_shape, d_out.dtype)
    has_shape("max_pool2d_backward", "x_shape", d_x, "N", "C", "H", "W")
    pool, grid, size_out = _grid((d_x.shape[2], d_x.shape[3]), pool_size, stride, padding)
    has_shape("max_pool2d_backward", "d_out", d_out, *d_x.shape[:2], *size_out)
    has_shape("max_pool2d_backward", "max_indices", max_indices, *d_out.shape)
    name = "max_pool2d_backward"
    _call(name, name, d_x, size_out, pool, grid, impl, d_out, max_indices, pool, grid, d_x)
    return d_x


def avg_pool2d(
    x: Array, pool_size: IntOrPair = 2, stride: IntOrPair = 2, padding: Padding = 0, *, impl: str = "auto"
) -> Array:
    """Mean of each window; padding counts as zeros, so every sum is divided by the size of a whole window.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    pool_size, stride, padding, impl : as ``max_pool2d``

    Returns
    -------
    ndarray of shape (N, C, H_out, W_out), dtype of x

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``max_pool2d``.
    """
    (x,) = float_arrays("avg_pool2d", x=x)
    has_shape("avg_pool2d", "x", x, "N", "C", "H", "W")
    pool, grid, size_out = _grid((x.shape[2], x.shape[3]), pool_size, stride, padding)
    out = empty((*x.shape[:2], *size_out), x.dtype)
    _call("avg_pool2d", "avg_pool2d_forward", x, size_out, pool, grid, impl, x, pool, grid, out)
    return out


def avg_pool2d_backward(
    d_out: Array,
    x_shape: tuple[int, ...],
    pool_size: IntOrPair = 2,
    stride: IntOrPair = 2,
    padding: Padding = 0,
    *,
    impl: str = "auto",
) -> Array:
    """Each output's gradient is shared equally among the pixels of its window; what falls on padding is lost.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, H_out, W_out), float32 or float64
    x_shape : tuple (N, C, H, W)
    pool_size, stride, padding, impl : as they went into ``avg_pool2d``

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``avg_pool2d``; also if ``d_out`` is not of the shape that ``avg_pool2d`` returned.
    """
    (d_out,) = float_arrays("avg_pool2d_backward", d_out=d_out)
    has_shape("avg_pool2d_backward", "x_shape", x_shape, "N", "C", "H", "W")
    pool, grid, size_out = _grid((x_shape[2], x_shape[3]), pool_size, stride, padding)
    has_shape("avg_pool2d_backward", "d_out", d_out, *x_shape[:2], *size_out)
    d_x = empty(x_shape, d_out.dtype)
    name = "avg_pool2d_backward"
    _call(name, name, d_x, size_out, pool, grid, impl, d_out, pool, grid, d_x)
    return d_x


def global_avg_pool2d(x: Array) -> Array:
    """Mean of each plane: x (N, C, H, W), float32 or float64 -> (N, C); ShapeError or DTypeError for any other x."""
    (x,) = float_arrays("global_avg_pool2d", x=x)
    has_shape("global_avg_pool2d", "x", x, "N", "C", "H", "W")
    N, C, H, W = x.shape
    if H * W == 0:
        raise ShapeError(f"global_avg_pool2d expects planes of at least one pixel, got x of shape {x.shape}.")
    out = empty((N, C), x.dtype)
    planes = x.reshape(N * C, H * W), out.reshape(-1)
    call_the_only_form("global_avg_pool2d", x, plane_means.mean_of_planes, *planes)
    return out


def global_avg_pool2d_backward(d_out: Array, x_shape: tuple[int, ...]) -> Array:
    """d_out (N, C) -> d_x of ``x_shape`` (N, C, H, W): each gradient is shared equally among its plane."""
    (d_out,) = float_arrays("global_avg_pool2d_backward", d_out=d_out)
    has_shape("global_avg_pool2d_backward", "x_shape", x_shape, "N", "C", "H", "W")
    has_shape("global_avg_pool2d_backward", "d_out", d_out, *x_shape[:2])
    d_x = empty(x_shape, d_out.dtype)
    planes = d_out.reshape(-1), d_x.reshape(d_out.size, x_shape[2] * x_shape[3])
    call_the_only_form("global_avg_pool2d_backward", d_x, plane_means.share_among_planes, *planes)
    return d_x


def _call(
    operation: str, function: str, x: Array, size_out: Pair, pool: Pair, grid: Grid, impl: str, *arguments: object
) -> None:
    """Call ``function`` of the algorithm that the plan names, for a pooling of images like x."""
    problem, chosen = plane_plan(operation, x.shape, size_out, pool, grid, x.dtype, impl)
    kernel = getattr(POOL_IMPLEMENTATIONS[chosen.algorithm], function)
    call(operation, problem, chosen, kernel, *arguments)


def _grid(image: Pair, pool_size: IntOrPair, stride: IntOrPair, padding: Padding) -> tuple[Pair, Grid, Pair]:
    """Pool size, the grid on which windows stand, and (H_out, W_out)."""
    pool = pair(pool_size, "pool_size")
    stride = pair(stride, "stride")
    pad, size_out = window_grid(image, pool, stride, padding)
    if pad[0] >= pool[0] or pad[1] >= pool[1]:
        raise ConfigError(f"Padding {pad} must be less than pool_size {pool}: a window would hold nothing but padding.")
    return pool, Grid(stride, pad=pad), size_out
