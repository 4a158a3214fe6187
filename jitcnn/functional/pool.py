"""Max and average pooling, with their gradients."""

from types import ModuleType

import numpy as np

from ..errors import ConfigError
from ..kernels.engine import pooling
from ..kernels.memory import empty
from ..kernels.pool import im2col, loops, naive
from ..kernels.types import Grid
from ..shapes import IntOrPair, Padding, Pair, check_padding, pair, sides, window_grid
from ..support.arrays import Array, IntArray
from .calls import Windows, call_on_planes
from .checks import float_arrays, has_shape

POOL_IMPLEMENTATIONS: dict[str, ModuleType] = {"direct": pooling, "naive": naive, "loops": loops, "im2col": im2col}


def max_pool2d(
    x: Array,
    pool_size: IntOrPair = 2,
    stride: IntOrPair = 2,
    padding: Padding = 0,
    *,
    ceil_mode: bool = False,
    impl: str = "auto",
) -> tuple[Array, IntArray]:
    """Maximum of each window, and its position.

    Ties go to the first value in row-major order. NaN counts as the maximum. Padding is ignored.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    pool_size, stride : int or pair, in pixels
    padding : int, pair or four ints (top, bottom, left, right), in pixels, less than ``pool_size``; or "valid" or "same"
    ceil_mode : bool
        Whether a last window may end outside the padded image; it begins in the image or in the padding at the top or left.
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
    pool, grid, size_out = _grid((x.shape[2], x.shape[3]), pool_size, stride, padding, ceil_mode)
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
    ceil_mode: bool = False,
    impl: str = "auto",
) -> Array:
    """Gradient of ``max_pool2d`` with respect to x: each output gradient is added at the position of the maximum.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, H_out, W_out), float32 or float64
    max_indices : ndarray of shape (N, C, H_out, W_out), int32, from ``max_pool2d``
    x_shape : tuple (N, C, H, W)
    pool_size, stride, padding, ceil_mode, impl : as passed to ``max_pool2d``

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
    pool, grid, size_out = _grid((d_x.shape[2], d_x.shape[3]), pool_size, stride, padding, ceil_mode)
    has_shape("max_pool2d_backward", "d_out", d_out, *d_x.shape[:2], *size_out)
    has_shape("max_pool2d_backward", "max_indices", max_indices, *d_out.shape)
    name = "max_pool2d_backward"
    arguments, windows = (d_out, max_indices, pool, grid, d_x), Windows(size_out, pool, grid)
    call_on_planes(name, POOL_IMPLEMENTATIONS, name, d_x, windows, impl, *arguments)
    return d_x


def avg_pool2d(
    x: Array,
    pool_size: IntOrPair = 2,
    stride: IntOrPair = 2,
    padding: Padding = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    impl: str = "auto",
) -> Array:
    """Mean of each window. Padding counts as zeros, unless ``count_include_pad`` is False.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    pool_size, stride, padding, ceil_mode, impl : as ``max_pool2d``
    count_include_pad : bool
        Whether padding counts as zeros; otherwise a sum is divided by the number of pixels in the image. What ``ceil_mode``
        adds beyond the padding never counts.

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
    pool, grid, size_out = _grid((x.shape[2], x.shape[3]), pool_size, stride, padding, ceil_mode)
    out = empty((*x.shape[:2], *size_out), x.dtype)
    windows = Windows(size_out, pool, grid)
    call_on_planes("avg_pool2d", POOL_IMPLEMENTATIONS, "avg_pool2d_forward", x, windows, impl, x, pool, grid, out)
    factors = _count_factors((x.shape[2], x.shape[3]), pool, grid, size_out, padding, ceil_mode, count_include_pad)
    if factors is not None:
        out *= factors.astype(out.dtype)
    return out


def avg_pool2d_backward(
    d_out: Array,
    x_shape: tuple[int, ...],
    pool_size: IntOrPair = 2,
    stride: IntOrPair = 2,
    padding: Padding = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    impl: str = "auto",
) -> Array:
    """Gradient of ``avg_pool2d`` with respect to x: each output gradient is divided equally over its window.

    Parameters
    ----------
    d_out : ndarray of shape (N, C, H_out, W_out), float32 or float64
    x_shape : tuple (N, C, H, W)
    pool_size, stride, padding, ceil_mode, count_include_pad, impl : as passed to ``avg_pool2d``

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
    size = x_shape[2], x_shape[3]
    pool, grid, size_out = _grid(size, pool_size, stride, padding, ceil_mode)
    has_shape("avg_pool2d_backward", "d_out", d_out, *x_shape[:2], *size_out)
    factors = _count_factors(size, pool, grid, size_out, padding, ceil_mode, count_include_pad)
    if factors is not None:
        d_out = d_out * factors.astype(d_out.dtype)
    d_x = empty(x_shape, d_out.dtype)
    name = "avg_pool2d_backward"
    arguments = d_out, pool, grid, d_x
    call_on_planes(name, POOL_IMPLEMENTATIONS, name, d_x, Windows(size_out, pool, grid), impl, *arguments)
    return d_x


def _grid(
    image: Pair, pool_size: IntOrPair, stride: IntOrPair, padding: Padding, ceil_mode: bool
) -> tuple[Pair, Grid, Pair]:
    """The pool size, the grid of windows, and (H_out, W_out)."""
    pool = pair(pool_size, "pool_size")
    stride, padding = pair(stride, "stride"), check_padding(padding)
    pad, size_out = window_grid(image, pool, stride, padding, ceil_mode=ceil_mode)
    # Two sides are enough for a pair and for "same", which has at most one pixel more at the other two
    top, bottom, left, right = padding if isinstance(padding, tuple) and len(padding) == 4 else (pad[0], 0, pad[1], 0)
    if max(top, bottom) >= pool[0] or max(left, right) >= pool[1]:
        given = pad if isinstance(padding, str) else padding
        raise ConfigError(
            f"padding must be less than pool_size {pool}, got {given}: a window would contain only padding."
        )
    return pool, Grid(stride, pad=pad), size_out


def _count_factors(
    image: Pair, pool: Pair, grid: Grid, size_out: Pair, padding: Padding, ceil_mode: bool, count_include_pad: bool
) -> Array | None:
    """P_h·P_w divided by the number of pixels that count, of each window, (H_out, W_out); None if all pixels do."""
    if count_include_pad and (not ceil_mode or padding == "same"):
        return None
    outside = sides(padding) if count_include_pad else (0, 0, 0, 0)
    counts = []
    for axis, (before, after) in enumerate((outside[:2], outside[2:])):
        first = np.arange(size_out[axis]) * grid.stride[axis] - grid.pad[axis]
        counts.append(np.minimum(first + pool[axis], image[axis] + after) - np.maximum(first, -before))
    factors: Array = pool[0] * pool[1] / np.multiply.outer(*counts)
    return factors
