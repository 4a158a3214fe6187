"""Max, average and global average pooling, with their gradients."""

from types import ModuleType

import numpy as np

from ..errors import ConfigError, ShapeError
from ..kernels.engine import pooling
from ..kernels.memory import empty
from ..kernels.pool import im2col, loops, naive, plane_means
from ..kernels.types import Grid
from ..shapes import IntOrPair, Padding, Pair, pair, window_grid
from ..support.arrays import Array, IntArray
from .calls import Windows, call_on_planes, call_single
from .checks import float_arrays, has_shape

POOL_IMPLEMENTATIONS: dict[str, ModuleType] = {"direct": pooling, "naive": naive, "loops": loops, "im2col": im2col}


def max_pool2d(
    x: Array, pool_size: IntOrPair = 2, stride: IntOrPair = 2, padding: Padding = 0, *, impl: str = "auto"
) -> tuple[Array, IntArray]:
    """Maximum of each window, and its position.

    Ties go to the first value in row-major order. NaN counts as the maximum. Padding is ignored.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    pool_size, stride : int or pair, in pixels
    padding : int or pair, in pixels, less than ``pool_size``; or "valid" or "same"
    impl : {"auto", "naive", "loops", "im2col", "direct"}; "winograd" and "fused" are treated as "auto"

    Returns
    -------
    out : ndarray of shape (N, C, H_out, W_out), dtype of x
    max_indices : ndarray of shape (N, C, H_out, W_out), int32; position in the flattened H·W plane

    Raises
    ------
    ShapeError
        If the window is larger than the padded image.
    DTypeError, ConfigError
        If x is not a float array; if a setting is out of range.

    References
    ----------
    Dumoulin and Visin (2016), arXiv:1603.07285.

    Examples
    --------
    >>> from jitcnn.functional import max_pool2d
    >>> out, max_indices = max_pool2d(np.array([[[[1.0, 2.0], [4.0, 3.0]]]]))
    >>> out.tolist(), max_indices.tolist()
    ([[[[4.0]]]], [[[[2]]]])
    """
    (x,) = float_arrays("max_pool2d", x=x)
    has_shape("max_pool2d", "x", x, "N", "C", "H", "W")
    pool, grid, size_out = _grid((x.shape[2], x.shape[3]), pool_size, stride, padding)
    out = empty((*x.shape[:2], *size_out), x.dtype)
    max_indices = empty(out.shape, np.int32)
    windows = Windows(size_out, pool, grid)
    arguments = x, pool, grid, out, max_indices
    call_on_planes("max_pool2d", POOL_IMPLEMENTATIONS, "max_pool2d_forward", x, windows, impl, *arguments)
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
    """Gradient of ``max_pool2d`` with respect to x: each output gradient is added at the position of the maximum.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, H_out, W_out), float32 or float64
    max_indices : ndarray of shape (N, C, H_out, W_out), int32, from ``max_pool2d``
    x_shape : tuple (N, C, H, W)
    pool_size, stride, padding, impl : as passed to ``max_pool2d``

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``max_pool2d``; also if the shapes of ``d_out`` and ``max_indices`` differ.

    Examples
    --------
    >>> from jitcnn.functional import max_pool2d, max_pool2d_backward
    >>> out, max_indices = max_pool2d(np.array([[[[1.0, 2.0], [4.0, 3.0]]]]))
    >>> max_pool2d_backward(np.full((1, 1, 1, 1), 5.0), max_indices, (1, 1, 2, 2)).tolist()
    [[[[0.0, 0.0], [5.0, 0.0]]]]
    """
    (d_out,) = float_arrays("max_pool2d_backward", d_out=d_out)
    d_x = empty(x_shape, d_out.dtype)
    has_shape("max_pool2d_backward", "x_shape", d_x, "N", "C", "H", "W")
    pool, grid, size_out = _grid((d_x.shape[2], d_x.shape[3]), pool_size, stride, padding)
    has_shape("max_pool2d_backward", "d_out", d_out, *d_x.shape[:2], *size_out)
    has_shape("max_pool2d_backward", "max_indices", max_indices, *d_out.shape)
    name = "max_pool2d_backward"
    arguments = d_out, max_indices, pool, grid, d_x
    call_on_planes(name, POOL_IMPLEMENTATIONS, name, d_x, Windows(size_out, pool, grid), impl, *arguments)
    return d_x


def avg_pool2d(
    x: Array, pool_size: IntOrPair = 2, stride: IntOrPair = 2, padding: Padding = 0, *, impl: str = "auto"
) -> Array:
    """Mean of each window. Padding counts as zeros: every sum is divided by the full window size.

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

    Examples
    --------
    >>> from jitcnn.functional import avg_pool2d
    >>> avg_pool2d(np.array([[[[1.0, 3.0], [5.0, 7.0]]]])).tolist()
    [[[[4.0]]]]
    """
    (x,) = float_arrays("avg_pool2d", x=x)
    has_shape("avg_pool2d", "x", x, "N", "C", "H", "W")
    pool, grid, size_out = _grid((x.shape[2], x.shape[3]), pool_size, stride, padding)
    out = empty((*x.shape[:2], *size_out), x.dtype)
    windows = Windows(size_out, pool, grid)
    call_on_planes("avg_pool2d", POOL_IMPLEMENTATIONS, "avg_pool2d_forward", x, windows, impl, x, pool, grid, out)
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
    """Gradient of ``avg_pool2d`` with respect to x: each output gradient is divided equally over its window.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, H_out, W_out), float32 or float64
    x_shape : tuple (N, C, H, W)
    pool_size, stride, padding, impl : as passed to ``avg_pool2d``

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``avg_pool2d``; also if the shape of ``d_out`` differs from that of the output of ``avg_pool2d``.

    Examples
    --------
    >>> from jitcnn.functional import avg_pool2d_backward
    >>> avg_pool2d_backward(np.full((1, 1, 1, 1), 8.0), (1, 1, 2, 2)).tolist()
    [[[[2.0, 2.0], [2.0, 2.0]]]]
    """
    (d_out,) = float_arrays("avg_pool2d_backward", d_out=d_out)
    has_shape("avg_pool2d_backward", "x_shape", x_shape, "N", "C", "H", "W")
    pool, grid, size_out = _grid((x_shape[2], x_shape[3]), pool_size, stride, padding)
    has_shape("avg_pool2d_backward", "d_out", d_out, *x_shape[:2], *size_out)
    d_x = empty(x_shape, d_out.dtype)
    name = "avg_pool2d_backward"
    arguments = d_out, pool, grid, d_x
    call_on_planes(name, POOL_IMPLEMENTATIONS, name, d_x, Windows(size_out, pool, grid), impl, *arguments)
    return d_x


def global_avg_pool2d(x: Array) -> Array:
    """Mean over each channel.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64

    Returns
    -------
    ndarray of shape (N, C), dtype of x

    Raises
    ------
    ShapeError, DTypeError
        If x has another shape or no pixels; if x is not a float array.

    Examples
    --------
    >>> from jitcnn.functional import global_avg_pool2d
    >>> global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
    [[1.5, 5.5]]
    """
    (x,) = float_arrays("global_avg_pool2d", x=x)
    has_shape("global_avg_pool2d", "x", x, "N", "C", "H", "W")
    N, C, H, W = x.shape
    if H * W == 0:
        raise ShapeError(f"global_avg_pool2d expects at least one pixel per channel, got x of shape {x.shape}.")
    out = empty((N, C), x.dtype)
    planes = x.reshape(N * C, H * W), out.reshape(-1)
    call_single("global_avg_pool2d", x, plane_means.mean_of_planes, *planes)
    return out


def global_avg_pool2d_backward(d_out: Array, x_shape: tuple[int, ...]) -> Array:
    """Gradient of ``global_avg_pool2d`` with respect to x: each d_out is divided equally over its channel.

    Parameters
    ----------
    d_out : ndarray of shape (N, C), float32 or float64
    x_shape : tuple (N, C, H, W)

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError
        If the shapes do not match, or d_out is not a float array.

    Examples
    --------
    >>> from jitcnn.functional import global_avg_pool2d_backward
    >>> global_avg_pool2d_backward(np.array([[4.0, 8.0]]), (1, 2, 2, 2)).tolist()
    [[[[1.0, 1.0], [1.0, 1.0]], [[2.0, 2.0], [2.0, 2.0]]]]
    """
    (d_out,) = float_arrays("global_avg_pool2d_backward", d_out=d_out)
    has_shape("global_avg_pool2d_backward", "x_shape", x_shape, "N", "C", "H", "W")
    has_shape("global_avg_pool2d_backward", "d_out", d_out, *x_shape[:2])
    d_x = empty(x_shape, d_out.dtype)
    planes = d_out.reshape(-1), d_x.reshape(d_out.size, x_shape[2] * x_shape[3])
    call_single("global_avg_pool2d_backward", d_x, plane_means.share_among_planes, *planes)
    return d_x


def _grid(image: Pair, pool_size: IntOrPair, stride: IntOrPair, padding: Padding) -> tuple[Pair, Grid, Pair]:
    """The pool size, the grid of windows, and (H_out, W_out)."""
    pool = pair(pool_size, "pool_size")
    stride = pair(stride, "stride")
    pad, size_out = window_grid(image, pool, stride, padding)
    if pad[0] >= pool[0] or pad[1] >= pool[1]:
        raise ConfigError(
            f"padding must be less than pool_size {pool}, got {pad}: a window would contain only padding."
        )
    return pool, Grid(stride, pad=pad), size_out
