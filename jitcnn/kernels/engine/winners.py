"""Backward pass of max pooling, ReLU and convolution in one step, over the winners alone.

A *winner* is the convolution output that a pooling window selected, if it is positive. Only winners have a non-zero
gradient: with 2×2 pooling at most one output in four. Each winner adds ``g · window`` to the gradient of its filter and
``g · filter`` to the gradient of its window. The image is stored channels last, where a row of a window and a row of a
filter are each one contiguous run.

The winners are first listed, per filter or per window, and then accumulated with the sums in registers
(``outer.add_runs``).
"""

import numpy as np
from numba import prange

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.layouts import ROOM, planes_of_pixels
from ..simd.outer import add_runs, add_three_runs
from ..types import Array, IntArray, Pair
from .over_channels import LANES, whole_lanes

# Filters per job: their weight gradients stay in the L1 cache while the images are processed.
FILTERS_AT_ONCE = 8
# Winners of one filter listed before they are accumulated: longer lists keep its sums in registers for longer.
LONG_LIST = 64


def filter_runs(weights: Array) -> Array:
    """Filters (C_out, C_in, K_h, K_w) -> (C_out, K_h, length): channels last, each row zero-padded."""
    C_out, C_in, K_h, K_w = weights.shape
    runs = empty((C_out, K_h, whole_lanes(K_w * C_in)), weights.dtype)
    runs[:, :, K_w * C_in :] = 0
    runs[:, :, : K_w * C_in].reshape(C_out, K_h, K_w, C_in)[...] = weights.transpose(0, 2, 3, 1)
    return runs


def weights_of_runs(runs: Array, weights: Array) -> None:
    """Inverse of ``filter_runs``: runs (C_out, K_h, length) -> weights (C_out, C_in, K_h, K_w)."""
    C_out, C_in, K_h, K_w = weights.shape
    weights[...] = runs[:, :, : K_w * C_in].reshape(C_out, K_h, K_w, C_in).transpose(0, 3, 1, 2)


@kernel
def _list_winners(
    d_out: Array,
    winners: Array,
    some: Pair,
    starts: IntArray,
    offset: int,
    gradients: Array,
    places: IntArray,
    count: int,
) -> int:
    """Append the gradient and window offset of every winner in ``some`` (first, last); return the new count.

    d_out, winners, gradients and places are flat arrays; an entry of -1 in winners has no gradient.
    """
    for i in range(np.uintp(some[0]), np.uintp(some[1])):
        # Written in any case and overwritten if there is no winner: a branch would be mispredicted every other time.
        winner = winners[i]
        gradients[np.uintp(count)] = d_out[i]
        places[np.uintp(count)] = np.uintp(offset + starts[np.uintp(max(winner, 0))])
        count += int(winner >= 0)
    return count


@kernel
def _add_to_filters(
    pixels: Array, pitch: int, starts: IntArray, d_out: Array, winners: Array, some: Pair, d_runs: Array, d_bias: Array
) -> None:
    """``add_winners_to_filters`` for the filters in ``some`` (first, last)."""
    first, last = some
    N, C_out, H_out, W_out = d_out.shape
    _, K_h, length = d_runs.shape
    plane = H_out * W_out
    images = max(1, LONG_LIST // plane)
    gradients = np.empty(images * plane + 1, d_runs.dtype)
    places = np.empty(len(gradients), np.uintp)
    flat_pixels, flat_d_out, flat_winners, flat_runs = pixels.ravel(), d_out.ravel(), winners.ravel(), d_runs.ravel()
    d_runs[first:last] = 0
    d_bias[first:last] = 0
    for n in range(0, N, images):
        for co in range(first, last):
            count = 0
            for m in range(n, min(N, n + images)):
                at, offset = (m * C_out + co) * plane, m * pixels.shape[1]
                count = _list_winners(
                    flat_d_out, flat_winners, (at, at + plane), starts, offset, gradients, places, count
                )
            for i in range(np.uintp(count)):
                d_bias[co] += gradients[i]
            run = np.uintp(co * K_h * length)
            if length == LANES and K_h == 3:
                add_three_runs(gradients, count, flat_pixels, places, np.uintp(pitch), length, flat_runs, run)
            else:
                for kh in range(np.uintp(K_h)):
                    to = run + kh * np.uintp(length)
                    add_runs(gradients, count, flat_pixels, places, kh * np.uintp(pitch), length, flat_runs, to)


@parallel_kernel
def add_winners_to_filters(
    pixels: Array,
    pitch: int,
    starts: IntArray,
    d_out: Array,
    winners: Array,
    d_runs: Array,
    d_bias: Array,
) -> None:
    """d_runs[co] = Σ over winners of g · window; d_bias[co] = Σ g.

    pixels (N, ≥ H·pitch) from ``channels_last``; starts (H_conv·W_conv,), the offset in the image of each convolution
    output's window; d_out, winners (N, C_out, H_out, W_out); d_runs (C_out, K_h, length), d_bias (C_out,).
    """
    C_out = d_out.shape[1]
    for job in prange((C_out + FILTERS_AT_ONCE - 1) // FILTERS_AT_ONCE):
        first = np.intp(job * FILTERS_AT_ONCE)
        last = min(C_out, first + FILTERS_AT_ONCE)
        _add_to_filters(pixels, pitch, starts, d_out, winners, (first, last), d_runs, d_bias)


@kernel
def _sort_winners(d_out: Array, winners: Array, length: int, ends: Array, gradients: Array, places: IntArray) -> None:
    """Sort the winners of one image (C_out, H_out, W_out) by window: gradient, and offset of the filter.

    The list of window w is ends[w] … ends[w + 1], in filter order.
    """
    flat_d_out, flat_winners = d_out.ravel(), winners.ravel()
    plane = np.uintp(winners.shape[1] * winners.shape[2])
    ends[:] = 0
    for i in range(np.uintp(len(flat_winners))):
        ends[np.uintp(flat_winners[i] + 1)] += 1  # entries of -1 are counted before the first window
    total = 0
    ends[0] = 0
    for w in range(1, len(ends)):
        count = ends[w]
        ends[w] = total
        total += count
    for co in range(np.uintp(len(d_out))):
        for i in range(co * plane, (co + np.uintp(1)) * plane):
            winner = flat_winners[i]
            if winner >= 0:
                slot = np.uintp(ends[np.uintp(winner + 1)])
                gradients[slot] = flat_d_out[i]
                places[slot] = co * np.uintp(length)
                ends[np.uintp(winner + 1)] += 1


@kernel
def _add_to_windows(
    starts: IntArray, d_out: Array, winners: Array, runs: Array, pad: tuple[int, int], size: tuple[int, int], d_x: Array
) -> None:
    """``add_winners_to_windows`` for one image: d_out, winners (C_out, H_out, W_out), d_x (C_in, H, W)."""
    _, K_h, length = runs.shape
    pitch = size[1] * d_x.shape[0]
    ends = np.empty(len(starts) + 1, np.int64)
    gradients = np.empty(winners.size, d_x.dtype)
    places = np.empty(winners.size, np.uintp)
    _sort_winners(d_out, winners, K_h * length, ends, gradients, places)
    d_pixels = np.zeros(size[0] * pitch + ROOM, d_x.dtype)
    filters = runs.ravel()
    for w in range(len(starts)):
        first, count = ends[w], ends[w + 1] - ends[w]
        if count:
            for kh in range(K_h):
                add_runs(
                    gradients[first:], count, filters, places[first:], np.uintp(kh * length), length,
                    d_pixels, np.uintp(starts[w] + kh * pitch),
                )  # fmt: skip
    planes_of_pixels(d_pixels, pad, size, d_x)


@parallel_kernel
def add_winners_to_windows(
    starts: IntArray, d_out: Array, winners: Array, runs: Array, pad: tuple[int, int], size: tuple[int, int], d_x: Array
) -> None:
    """d_x (N, C_in, H, W) = Σ over winners of g · filter, added at the winner's window.

    starts, d_out, winners as in ``add_winners_to_filters``; runs (C_out, K_h, length) from ``filter_runs``; ``size`` is that
    of the padded input that contains all windows, ``pad`` the position of d_x in it.
    """
    for n in prange(len(d_x)):
        _add_to_windows(starts, d_out[n], winners[n], runs, pad, size, d_x[n])
