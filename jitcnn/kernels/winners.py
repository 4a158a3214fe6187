"""Backward through max pooling, ReLU and convolution at once: only the winners carry a gradient.

Behind a 2×2 pool at most one output of the convolution in four has a gradient, and behind ReLU some of those
have none. Each winner sends ``g · window`` to its filter and ``g · filter`` to its window, both runs of
neighbouring numbers as ``windows`` lays them.

The winners are first listed, those of one filter or those of one window together, and then worked off eight at
a time, so that each sum is read and written once for eight of them.
"""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .flat_rows import VECTOR, add_products
from .runtime import kernel, parallel_kernel
from .windows import Grid, fold_image

Array = NDArray[Any]

# Filters whose weight gradients stay in the L1 cache while one image after another passes by.
FILTERS_AT_ONCE = 8
# A list of winners is filled up to a multiple of eight with gradients of zero; long lists need little filling.
LONG_LIST = 64


@kernel
def _add_runs(gradients: Array, places: Array, count: int, row: Array, length: int, at: int, d_row: Array) -> None:
    """d_row[at + t] += Σ_k gradients[k] · row[places[k] + t], for k in 0 … count, a multiple of eight, t in 0 … length."""
    begin = np.uintp(at)
    for k in range(0, count, 8):
        g0, g1, g2, g3 = gradients[k], gradients[k + 1], gradients[k + 2], gradients[k + 3]
        g4, g5, g6, g7 = gradients[k + 4], gradients[k + 5], gradients[k + 6], gradients[k + 7]
        p0, p1, p2, p3 = np.uintp(places[k]), np.uintp(places[k + 1]), np.uintp(places[k + 2]), np.uintp(places[k + 3])
        p4, p5 = np.uintp(places[k + 4]), np.uintp(places[k + 5])
        p6, p7 = np.uintp(places[k + 6]), np.uintp(places[k + 7])
        for t in range(np.uintp(length)):
            left = g0 * row[p0 + t] + g1 * row[p1 + t] + g2 * row[p2 + t] + g3 * row[p3 + t]
            right = g4 * row[p4 + t] + g5 * row[p5 + t] + g6 * row[p6 + t] + g7 * row[p7 + t]
            d_row[begin + t] += left + right


@kernel
def _list_winners(
    d_out: Array,
    winners: Array,
    first: int,
    last: int,
    starts: Array,
    offset: int,
    gradients: Array,
    places: Array,
    count: int,
) -> int:
    """Append the living of the winners first … last to the lists: gradient, and offset + start of the window.

    d_out, winners, gradients, places: flat arrays. Returns how many are listed now.
    """
    for i in range(np.uintp(first), np.uintp(last)):
        # Written dead or alive, and overwritten if dead: a jump would be mispredicted every other time.
        winner = winners[i]
        gradients[np.uintp(count)] = d_out[i]
        places[np.uintp(count)] = offset + starts[np.uintp(max(winner, 0))]
        count += int(winner >= 0)
    return count


@kernel
def _fill_up_list(gradients: Array, places: Array, count: int) -> int:
    """Append gradients of zero until the count is a multiple of eight; return it."""
    while count % 8:
        gradients[count] = 0
        places[count] = 0
        count += 1
    return count


@kernel
def _add_to_filters(
    windows: Array,
    starts: Array,
    d_out: Array,
    winners: Array,
    first: int,
    last: int,
    d_runs: Array,
    d_bias: Array,
) -> None:
    """As ``add_winners_to_filters``, for the filters first … last."""
    N, C_out, H_out, W_out = d_out.shape
    plane = H_out * W_out
    images = max(1, LONG_LIST // plane)
    gradients = np.empty(images * plane + 8, d_runs.dtype)
    places = np.empty(len(gradients), np.int64)
    flat_windows, flat_d_out, flat_winners = windows.ravel(), d_out.ravel(), winners.ravel()
    flat_runs, length = d_runs.ravel(), d_runs.shape[1]
    d_runs[first:last] = 0
    d_bias[first:last] = 0
    for n in range(0, N, images):
        for co in range(first, last):
            count = 0
            for m in range(n, min(N, n + images)):
                at, offset = (m * C_out + co) * plane, m * windows.shape[1]
                count = _list_winners(
                    flat_d_out, flat_winners, at, at + plane, starts, offset, gradients, places, count
                )
            for i in range(np.uintp(count)):
                d_bias[co] += gradients[i]
            count = _fill_up_list(gradients, places, count)
            _add_runs(gradients, places, count, flat_windows, length, co * length, flat_runs)


@parallel_kernel
def add_winners_to_filters(
    windows: Array,
    starts: Array,
    d_out: Array,
    winners: Array,
    d_runs: Array,
    d_bias: Array,
) -> None:
    """d_runs[co] = Σ over winners of g · window; d_bias[co] = Σ g.

    windows (N, S) and starts (H_conv·W_conv,) from ``lay_windows``; d_out, winners (N, C_out, H_out, W_out);
    d_runs (≥ C_out, length), d_bias (C_out,).
    """
    C_out = d_out.shape[1]
    for job in prange((C_out + FILTERS_AT_ONCE - 1) // FILTERS_AT_ONCE):
        first = np.intp(job * FILTERS_AT_ONCE)
        last = min(C_out, first + FILTERS_AT_ONCE)
        _add_to_filters(windows, starts, d_out, winners, first, last, d_runs, d_bias)


@kernel
def _sort_winners(d_out: Array, winners: Array, length: int, ends: Array, gradients: Array, places: Array) -> None:
    """List the living winners of one image (C_out, H_out, W_out) window by window: gradient, and start of the filter.

    The list of window w is ends[w - 1] … ends[w], a multiple of eight; filters in order.
    """
    flat_d_out, flat_winners = d_out.ravel(), winners.ravel()
    plane = np.uintp(winners.shape[1] * winners.shape[2])
    ends[:] = 0
    for i in range(np.uintp(len(flat_winners))):
        ends[np.uintp(flat_winners[i] + 1)] += 1  # the dead are counted before the first window
    total = 0
    ends[0] = 0
    for w in range(1, len(ends)):
        count = (ends[w] + 7) // 8 * 8
        ends[w] = total
        total += count
    gradients[:total] = 0
    places[:total] = 0
    for co in range(np.uintp(len(d_out))):
        for i in range(co * plane, (co + np.uintp(1)) * plane):
            winner = flat_winners[i]
            if winner >= 0:
                slot = np.uintp(ends[np.uintp(winner + 1)])
                gradients[slot] = flat_d_out[i]
                places[slot] = np.intp(co) * length
                ends[np.uintp(winner + 1)] += 1


@kernel
def _add_to_windows(
    starts: Array, d_out: Array, winners: Array, runs: Array, grid: Grid, d_windows: Array, d_x: Array
) -> None:
    """As ``add_winners_to_windows``, for one image: d_out, winners (C_out, H_out, W_out), d_windows (S,), d_x (C_in, H, W)."""
    ends = np.empty(len(starts) + 1, np.int64)
    gradients = np.empty(winners.size + 8 * len(starts), d_x.dtype)
    places = np.empty(len(gradients), np.int64)
    length = runs.shape[1]
    _sort_winners(d_out, winners, length, ends, gradients, places)
    d_windows[:] = 0
    filters = runs.ravel()
    first = 0
    for w in range(len(starts)):
        count = (ends[w + 1] - first + 7) // 8 * 8
        _add_runs(gradients[first:], places[first:], count, filters, length, starts[w], d_windows)
        first += count
    fold_image(d_windows, grid, d_x)


@parallel_kernel
def add_winners_to_windows(
    starts: Array, d_out: Array, winners: Array, runs: Array, grid: Grid, d_windows: Array, d_x: Array
) -> None:
    """d_x (N, C_in, H, W) = Σ over winners of g · filter, each at its window.

    starts, d_out, winners as ``add_winners_to_filters``; runs (≥ C_out, length) from ``filter_runs``; ``grid`` as
    ``lay_windows`` returns it; d_windows (N, S), a place to sum in.
    """
    for n in prange(len(d_x)):
        _add_to_windows(starts, d_out[n], winners[n], runs, grid, d_windows[n], d_x[n])


@kernel
def _multiply_four(
    row: Array,
    offsets: Array,
    plane: int,
    starts: Array,
    d_out: Array,
    winners: Array,
    r: int,
    d_taps: Array,
    d_bias: Array,
) -> None:
    """As ``multiply_winners``, for the filters r … r + 3."""
    N, C_out, H_out, W_out = d_out.shape
    length = (starts[-1] + VECTOR) // VECTOR * VECTOR
    d_taps[r : r + 4] = 0
    d_bias[r : r + 4] = 0
    d_rows = np.zeros((4, length), row.dtype)
    flat, flat_d_out, flat_winners = d_rows.ravel(), d_out.ravel(), winners.ravel()
    gradients = np.empty(H_out * W_out + 1, row.dtype)
    places = np.empty(H_out * W_out + 1, np.int64)
    for n in range(N):
        for k in range(min(4, C_out - r)):
            at = (n * C_out + r + k) * H_out * W_out
            count = _list_winners(
                flat_d_out, flat_winners, at, at + H_out * W_out, starts, k * length, gradients, places, 0
            )
            total = row.dtype.type(0)
            for i in range(np.uintp(count)):
                flat[np.uintp(places[i])] = gradients[i]
                total += gradients[i]
            d_bias[r + k] += total
        add_products(row[n * plane :], offsets, 0, len(offsets), d_rows, 0, 0, length, d_taps[r : r + 4])
        d_rows[:] = 0


@parallel_kernel
def multiply_winners(
    row: Array,
    offsets: Array,
    plane: int,
    starts: Array,
    d_out: Array,
    winners: Array,
    d_taps: Array,
    d_bias: Array,
) -> None:
    """d_taps[co, t] = Σ over winners of g · row[n·plane + start + offsets[t]]; d_bias[co] = Σ g.

    row (S,) and offsets (T,) from ``input_rows``; starts (H_conv·W_conv,): where in a plane each output of the
    convolution stands; d_out, winners (N, C_out, H_out, W_out); d_taps (R, T), d_bias (R,), R a multiple of four.
    """
    for job in prange(len(d_taps) // 4):
        _multiply_four(row, offsets, plane, starts, d_out, winners, np.intp(job * 4), d_taps, d_bias)
