"""Convolution as a matrix product (im2col): every window becomes a column, every filter a row.

The textbook method (Chellapilla, Puri and Simard 2006, "High Performance Convolutional Neural Networks
for Document Processing"). It copies the input K_h·K_w times and then runs at the speed of the BLAS. The
columns are built for a few images or rows at a time, small enough to stay in the cache until the product,
and these parts run in parallel.
"""

import numpy as np

from ..blas import for_each
from ..memory import empty
from ..runtime import thread_count
from ..types import Array, Grid, Pair

# Elements of the columns built at once: 1 MB of float32, the size of a core's L2 cache.
GROUP = 1 << 18


def im2col(x: Array, kernel_size: Pair, grid: Grid, col: Array, outside: float = 0.0) -> None:
    """x (N, C, H, W) -> col (C, K_h, K_w, N, H_out, W_out); ``outside`` is the padding value."""
    H, W = x.shape[2:]
    H_out, W_out = col.shape[4:]
    x_channels = x.transpose(1, 0, 2, 3)
    for kh in range(kernel_size[0]):
        h, ih = _inside(kh * grid.dilation[0] - grid.pad[0], grid.stride[0], H, H_out)
        for kw in range(kernel_size[1]):
            w, iw = _inside(kw * grid.dilation[1] - grid.pad[1], grid.stride[1], W, W_out)
            if h != slice(0, H_out) or w != slice(0, W_out):
                col[:, kh, kw] = outside
            col[:, kh, kw, :, h, w] = x_channels[:, :, ih, iw]


def col2im(col: Array, kernel_size: Pair, grid: Grid, x: Array) -> None:
    """Adjoint of im2col: sum col (C, K_h, K_w, N, H_out, W_out) into x (N, C, H, W)."""
    H, W = x.shape[2:]
    H_out, W_out = col.shape[4:]
    x[...] = 0
    x_channels = x.transpose(1, 0, 2, 3)
    for kh in range(kernel_size[0]):
        h, ih = _inside(kh * grid.dilation[0] - grid.pad[0], grid.stride[0], H, H_out)
        for kw in range(kernel_size[1]):
            w, iw = _inside(kw * grid.dilation[1] - grid.pad[1], grid.stride[1], W, W_out)
            x_channels[:, :, ih, iw] += col[:, kh, kw, :, h, w]


def _inside(offset: int, stride: int, size: int, size_out: int) -> tuple[slice, slice]:
    """The slice of o for which o·stride + offset lies in 0 … size, and the slice of these positions."""
    first = max(0, -(offset // stride))
    last = max(first, min(size_out, (size - 1 - offset) // stride + 1))
    if last == first:
        return slice(first, first), slice(0, 0)
    start = first * stride + offset
    return slice(first, last), slice(start, (last - 1) * stride + offset + 1, stride)


def _parts(images: int, rows: int, numbers_per_row: int) -> list[tuple[slice, slice]]:
    """Split the output into parts of about ``GROUP`` column elements: several images, or some rows of one.

    The parts depend only on the sizes: sums over them are bit-identical for any number of threads.
    """
    height = min(rows, max(1, GROUP // numbers_per_row))
    together = max(1, GROUP // (rows * numbers_per_row))
    return [
        (slice(n, min(images, n + together)), slice(top, min(rows, top + height)))
        for n in range(0, images, together)
        for top in range(0, rows, height)
    ]


def _grouped_parts(groups: int, images: int, rows: int, numbers_per_row: int) -> list[tuple[int, slice, slice]]:
    """``_parts`` of each group of channels."""
    parts = _parts(images, rows, numbers_per_row)
    return [(group, *part) for group in range(groups) for part in parts]


def _of_group(group: int, count: int) -> slice:
    """Slice of the ``count`` channels or filters of one group."""
    return slice(group * count, (group + 1) * count)


def columns_size(images: int, K: int, H_out: int, W_out: int, groups: int = 1) -> int:
    """Peak number of column elements in the forward pass with the current number of threads; K is that of one group."""
    parts = _parts(images, H_out, K * W_out)
    largest = max((n.stop - n.start) * (rows.stop - rows.start) for n, rows in parts)
    return int(largest * K * W_out * min(len(parts) * groups, thread_count()))


def _columns_by_image(columns: Array) -> Array:
    """View columns (n, C, K_h, K_w, H_out, W_out) in the axis order of im2col and col2im."""
    return columns.transpose(1, 2, 3, 0, 4, 5)


def _columns_of(x: Array, kernel_size: Pair, grid: Grid, rows: slice, W_out: int) -> Array:
    """Columns (n, C, K_h, K_w, rows, W_out) for some output rows of the images x (n, C, H, W)."""
    columns = empty((*x.shape[:2], *kernel_size, rows.stop - rows.start, W_out), x.dtype)
    top = grid.pad[0] - rows.start * grid.stride[0]
    im2col(x, kernel_size, grid._replace(pad=(top, grid.pad[1])), _columns_by_image(columns))
    return columns


def conv2d_forward(x: Array, weights: Array, bias: Array, grid: Grid, out: Array) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in / groups, K_h, K_w), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    N, C_out, H_out, W_out = out.shape
    C_group, K_h, K_w = weights.shape[1:]
    groups, K = x.shape[1] // C_group, C_group * K_h * K_w

    def work(part: tuple[int, slice, slice]) -> None:
        group, images, rows = part
        channels, filters = _of_group(group, C_group), _of_group(group, C_out // groups)
        columns = _columns_of(x[images, channels], (K_h, K_w), grid, rows, W_out)
        product = out[images, filters, rows].reshape(len(columns), C_out // groups, -1)
        np.matmul(weights[filters].reshape(-1, K), columns.reshape(len(columns), K, -1), out=product)
        product += bias[filters, None]

    for_each(_grouped_parts(groups, N, H_out, K * W_out), work)


def conv2d_backward_weights(d_out: Array, x: Array, grid: Grid, d_weights: Array, d_bias: Array) -> None:
    """d_out (N, C_out, H_out, W_out), x (N, C_in, H, W) -> d_weights (C_out, C_in / groups, K_h, K_w), d_bias (C_out,)."""
    N, C_out, H_out, W_out = d_out.shape
    C_group, K_h, K_w = d_weights.shape[1:]
    groups, K = x.shape[1] // C_group, C_group * K_h * K_w

    def work(part: tuple[int, slice, slice]) -> tuple[slice, Array, Array]:
        group, images, rows = part
        channels, filters = _of_group(group, C_group), _of_group(group, C_out // groups)
        columns = _columns_of(x[images, channels], (K_h, K_w), grid, rows, W_out)
        product = d_out[images, filters, rows].reshape(len(columns), C_out // groups, -1)
        per_image = empty((len(columns), C_out // groups, K), x.dtype)
        np.matmul(product, columns.reshape(len(columns), K, -1).transpose(0, 2, 1), out=per_image)
        return filters, per_image.sum(axis=0), product.sum(axis=(0, 2))

    d_weights[...] = 0
    d_bias[...] = 0
    for filters, part, part_bias in for_each(_grouped_parts(groups, N, H_out, K * W_out), work):
        d_weights[filters] += part.reshape(-1, C_group, K_h, K_w)
        d_bias[filters] += part_bias


def conv2d_backward_input(d_out: Array, weights: Array, grid: Grid, d_x: Array) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in / groups, K_h, K_w) -> d_x (N, C_in, H, W)."""
    N, C_out, H_out, W_out = d_out.shape
    C_group, K_h, K_w = weights.shape[1:]
    groups, P = d_x.shape[1] // C_group, H_out * W_out

    def work(part: tuple[int, slice, slice]) -> None:
        group, images, channels = part
        filters, count = _of_group(group, C_out // groups), images.stop - images.start
        taps = weights[filters, channels].reshape(C_out // groups, -1)
        columns = empty((count, channels.stop - channels.start, K_h, K_w, H_out, W_out), d_out.dtype)
        np.matmul(taps.T, d_out[images, filters].reshape(count, -1, P), out=columns.reshape(count, -1, P))
        first = group * C_group
        to = d_x[images, first + channels.start : first + channels.stop]
        col2im(_columns_by_image(columns), (K_h, K_w), grid, to)

    # Windows overlap along rows but not along channels, so the parts are split over channels.
    for_each(_grouped_parts(groups, N, C_group, K_h * K_w * P), work)
