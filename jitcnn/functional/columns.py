"""im2col, and its adjoint col2im."""

from ..kernels.conv import im2col as columns
from ..kernels.memory import empty
from ..kernels.types import Grid
from ..shapes import IntOrPair, Padding, Pair, Shape, pair, window_grid
from ..support.arrays import Array
from .checks import float_arrays, has_shape


def im2col(x: Array, FH: int, FW: int, stride: IntOrPair = 1, padding: Padding = 0, dilation: IntOrPair = 1) -> Array:
    """Rearrange the windows of an image into columns.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    FH, FW : int, height and width of the filter in pixels
    stride, padding, dilation : as in ``conv2d``

    Returns
    -------
    ndarray of shape (C·FH·FW, N·H_out·W_out)
        Row index: (channel, row, column) within the filter. Column index: (image, row, column) of the output.

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``conv2d``.

    Examples
    --------
    >>> from jitcnn.functional import im2col
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> im2col(x, 2, 2).T.tolist()  # the four windows of 2×2 pixels
    [[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0], [3.0, 4.0, 6.0, 7.0], [4.0, 5.0, 7.0, 8.0]]
    """
    (x,) = float_arrays("im2col", x=x)
    has_shape("im2col", "x", x, "N", "C", "H", "W")
    filter_size, (grid, size_out) = _filter_windows(x.shape, FH, FW, stride, padding, dilation)
    col = empty((x.shape[1], *filter_size, x.shape[0], *size_out), x.dtype)
    columns.im2col(x, filter_size, grid, col)
    return col.reshape(x.shape[1] * filter_size[0] * filter_size[1], -1)


def col2im(
    col: Array,
    x_shape: tuple[int, ...],
    FH: int,
    FW: int,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
) -> Array:
    """Adjoint of ``im2col``: add every column to its window; overlapping windows are summed.

    Parameters
    ----------
    col : ndarray of shape (C·FH·FW, N·H_out·W_out), float32 or float64
    x_shape : tuple (N, C, H, W)
    FH, FW, stride, padding, dilation : as passed to ``im2col``

    Returns
    -------
    ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``im2col``; also if the shape of ``col`` differs from that of ``im2col`` for ``x_shape``.

    Examples
    --------
    >>> from jitcnn.functional import col2im
    >>> col2im(np.ones((4, 4)), (1, 1, 3, 3), 2, 2)[0, 0].tolist()  # the number of windows over each pixel
    [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    """
    (col,) = float_arrays("col2im", col=col)
    x = empty(x_shape, col.dtype)
    has_shape("col2im", "x_shape", x, "N", "C", "H", "W")
    filter_size, (grid, size_out) = _filter_windows(x.shape, FH, FW, stride, padding, dilation)
    N, C = x.shape[:2]
    has_shape("col2im", "col", col, C * filter_size[0] * filter_size[1], N * size_out[0] * size_out[1])
    columns.col2im(col.reshape(C, *filter_size, N, *size_out), filter_size, grid, x)
    return x


def _filter_windows(
    x_shape: Shape, FH: int, FW: int, stride: IntOrPair, padding: Padding, dilation: IntOrPair
) -> tuple[Pair, tuple[Grid, Pair]]:
    """The filter size, and the grid and output size for images of ``x_shape``."""
    size, stride, dilation = pair((FH, FW), "filter size"), pair(stride, "stride"), pair(dilation, "dilation")
    pad, size_out = window_grid((x_shape[2], x_shape[3]), size, stride, padding, dilation)
    return size, (Grid(stride, dilation, pad), size_out)
