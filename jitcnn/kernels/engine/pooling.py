"""Max and average pooling as compiled loops; each ``prange`` iteration computes one feature map (n, c)."""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array, Grid, Pair


@kernel
def _keep_larger(pixels: Array, place: int, step: int, best: Array, won: Array, at: int, count: int) -> None:
    """Update best[at + j] and won[at + j] with pixels[place + j·step] if larger or the first NaN, for j in 0 … count."""
    from_, to = np.uintp(place), np.uintp(at)
    for j in range(np.uintp(count)):
        value, largest = pixels[from_ + j * np.uintp(step)], best[to + j]
        # Branch-free: a branch would be mispredicted every other time.
        better = (not np.isnan(largest)) & (not value <= largest)
        best[to + j] = value if better else largest
        won[to + j] = np.int32(from_ + j * np.uintp(step)) if better else won[to + j]


@kernel
def _max_pool_plane(x: Array, pool: Pair, stride: Pair, pad: Pair, out: Array, max_indices: Array) -> None:
    """``max_pool2d_forward`` for one feature map: x (H, W) -> out and max_indices (H_out, W_out).

    Vectorised over neighbouring windows, one pixel of each window at a time.
    """
    (H, W), (H_out, W_out) = x.shape, out.shape
    pixels, best, won = x.ravel(), out.ravel(), max_indices.ravel()
    for oh in range(H_out):
        top, bottom = max(0, oh * stride[0] - pad[0]), min(H, oh * stride[0] - pad[0] + pool[0])
        at = oh * W_out
        for ow in range(W_out):
            best[at + ow] = -np.inf
            won[at + ow] = top * W + max(0, ow * stride[1] - pad[1])
        for ih in range(top, bottom):
            for v in range(pool[1]):
                first, last = max(0, -((v - pad[1]) // stride[1])), min(W_out, (W - 1 + pad[1] - v) // stride[1] + 1)
                place = ih * W + first * stride[1] + v - pad[1]
                if last > first and stride[1] == 2:  # the compiler vectorises only constant strides
                    _keep_larger(pixels, place, 2, best, won, at + first, last - first)
                elif last > first and stride[1] == 1:
                    _keep_larger(pixels, place, 1, best, won, at + first, last - first)
                elif last > first:
                    _keep_larger(pixels, place, stride[1], best, won, at + first, last - first)


@kernel
def _max_pool_wide(x: Array, pool: Pair, stride: Pair, pad: Pair, out: Array, max_indices: Array) -> None:
    """``_max_pool_plane`` for windows wider than the row of outputs: vectorised over the columns of each window."""
    (H, W), (H_out, W_out), pixels = x.shape, out.shape, x.ravel()
    best, won = np.empty(pool[1], x.dtype), np.empty(pool[1], np.int32)  # maximum of each column, and its position
    for oh in range(H_out):
        top, bottom = max(0, oh * stride[0] - pad[0]), min(H, oh * stride[0] - pad[0] + pool[0])
        for ow in range(W_out):
            left, right = max(0, ow * stride[1] - pad[1]), min(W, ow * stride[1] - pad[1] + pool[1])
            for j in range(right - left):
                best[j], won[j] = -np.inf, top * W + left + j
            for ih in range(top, bottom):
                _keep_larger(pixels, ih * W + left, 1, best, won, 0, right - left)
            winner = 0
            for j in range(1, right - left):
                value, largest = best[j], best[winner]
                tie = value == largest or (np.isnan(value) and np.isnan(largest))
                larger = not np.isnan(largest) and not value <= largest
                if larger or (tie and won[j] < won[winner]):
                    winner = j
            out[oh, ow], max_indices[oh, ow] = best[winner], won[winner]


@kernel
def _max_pool_2x2(x: Array, out: Array, max_indices: Array) -> None:
    """``_max_pool_plane`` for 2×2 windows with stride 2 that lie inside the image, unrolled: takes half the time."""
    W, (H_out, W_out) = x.shape[1], out.shape
    pixels, best, won = x.ravel(), out.ravel(), max_indices.ravel()
    right, below, both, pitch = np.int32(1), np.int32(W), np.int32(W + 1), np.uintp(W)
    for oh in range(H_out):
        at, start, place = np.uintp(oh * W_out), np.uintp(2 * oh * W), np.int32(2 * oh * W)
        for ow in range(np.uintp(W_out)):
            p = start + ow + ow
            v0, v1, v2, v3 = pixels[p], pixels[p + np.uintp(1)], pixels[p + pitch], pixels[p + pitch + np.uintp(1)]
            largest, winner = v0, np.int32(0)
            better = (not np.isnan(largest)) & (not v1 <= largest)
            largest, winner = v1 if better else largest, right if better else winner
            better = (not np.isnan(largest)) & (not v2 <= largest)
            largest, winner = v2 if better else largest, below if better else winner
            better = (not np.isnan(largest)) & (not v3 <= largest)
            best[at + ow] = v3 if better else largest
            won[at + ow] = place + np.int32(ow + ow) + (both if better else winner)


@parallel_kernel
def max_pool2d_forward(x: Array, pool: Pair, grid: Grid, out: Array, max_indices: Array) -> None:
    """x (N, C, H, W) -> out and max_indices (N, C, H_out, W_out); an index is ih·W + iw of the maximum."""
    C, (stride, _, pad) = x.shape[1], grid
    inside = pad == (0, 0) and 2 * out.shape[2] <= x.shape[2] and 2 * out.shape[3] <= x.shape[3]
    for plane in prange(len(x) * C):
        n, c = np.intp(plane) // C, np.intp(plane) % C
        if inside and pool == (2, 2) and stride == (2, 2):
            _max_pool_2x2(x[n, c], out[n, c], max_indices[n, c])
        elif out.shape[3] < pool[1]:
            _max_pool_wide(x[n, c], pool, stride, pad, out[n, c], max_indices[n, c])
        else:
            _max_pool_plane(x[n, c], pool, stride, pad, out[n, c], max_indices[n, c])


@kernel
def _send_to_winners(d_out: Array, max_indices: Array, d_x: Array) -> None:
    """``max_pool2d_backward`` for one feature map."""
    gradients, winners, pixels = d_out.ravel(), max_indices.ravel(), d_x.ravel()
    pixels[:] = 0
    for p in range(np.uintp(len(winners))):
        pixels[np.uintp(winners[p])] += gradients[p]


@parallel_kernel
def max_pool2d_backward(d_out: Array, max_indices: Array, pool: Pair, grid: Grid, d_x: Array) -> None:
    """d_out and max_indices (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is added at its maximum."""
    C = d_x.shape[1]
    for plane in prange(len(d_x) * C):
        n, c = np.intp(plane) // C, np.intp(plane) % C
        _send_to_winners(d_out[n, c], max_indices[n, c], d_x[n, c])


@kernel
def _windows_inside(kw: int, stride_w: int, pad_left: int, W: int, W_out: int) -> tuple[int, int]:
    """First and last + 1 of the windows in a row whose column kw lies inside the image."""
    first = max(0, (pad_left - kw + stride_w - 1) // stride_w)
    return first, max(first, min(W_out, (W - 1 + pad_left - kw) // stride_w + 1))


@kernel
def _average_plane(x: Array, pool: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], out: Array) -> None:
    """x (H, W) -> out (H_out, W_out); sums down all columns first, then along the row of column sums."""
    (H, W), (H_out, W_out) = x.shape, out.shape
    size, step = x.dtype.type(pool[0] * pool[1]), np.uintp(stride[1])
    sums = np.empty(W, x.dtype)
    for oh in range(H_out):
        top = oh * stride[0] - pad[0]
        for iw in range(np.uintp(W)):
            sums[iw] = 0
        for ih in range(max(0, top), min(H, top + pool[0])):
            for iw in range(np.uintp(W)):
                sums[iw] += x[ih, iw]
        for ow in range(np.uintp(W_out)):
            out[oh, ow] = 0
        for kw in range(pool[1]):
            first, last = _windows_inside(kw, stride[1], pad[1], W, W_out)
            left = np.uintp(first * stride[1] + kw - pad[1])
            for k in range(np.uintp(last - first)):
                out[oh, np.uintp(first) + k] += sums[left + k * step]
        for ow in range(np.uintp(W_out)):
            out[oh, ow] /= size


@parallel_kernel
def avg_pool2d_forward(x: Array, pool: Pair, grid: Grid, out: Array) -> None:
    """x (N, C, H, W) -> out (N, C, H_out, W_out), the mean of each window."""
    (N, C), (stride, _, pad) = x.shape[:2], grid
    for plane in prange(N * C):
        n, c = np.intp(plane) // C, np.intp(plane) % C
        _average_plane(x[n, c], pool, stride, pad, out[n, c])


@kernel
def _share_plane(
    d_out: Array, pool: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], d_x: Array
) -> None:
    """d_out (H_out, W_out) -> d_x (H, W); spreads along the row first, then down the columns."""
    (H, W), (H_out, W_out) = d_x.shape, d_out.shape
    size, step = d_x.dtype.type(pool[0] * pool[1]), np.uintp(stride[1])
    shares = np.empty(W, d_x.dtype)
    for ih in range(H):
        for iw in range(np.uintp(W)):
            d_x[ih, iw] = 0
    for oh in range(H_out):
        top = oh * stride[0] - pad[0]
        for iw in range(np.uintp(W)):
            shares[iw] = 0
        for kw in range(pool[1]):
            first, last = _windows_inside(kw, stride[1], pad[1], W, W_out)
            left = np.uintp(first * stride[1] + kw - pad[1])
            for k in range(np.uintp(last - first)):
                shares[left + k * step] += d_out[oh, np.uintp(first) + k] / size
        for ih in range(max(0, top), min(H, top + pool[0])):
            for iw in range(np.uintp(W)):
                d_x[ih, iw] += shares[iw]


@parallel_kernel
def avg_pool2d_backward(d_out: Array, pool: Pair, grid: Grid, d_x: Array) -> None:
    """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is divided equally over its window."""
    (N, C), (stride, _, pad) = d_x.shape[:2], grid
    for plane in prange(N * C):
        n, c = np.intp(plane) // C, np.intp(plane) % C
        _share_plane(d_out[n, c], pool, stride, pad, d_x[n, c])
