"""Sums of outer products in registers: the inner loop of all engine kernels.

Forward and backward passes of convolutions and dense layers all multiply a few scalars of one array by a contiguous run of
another, summed over terms t:

    sums[r, j]  =  start[r, j]  +  Σ over t of  number[r, t] · run[t, j]

``sum_outer`` computes four or eight rows r at a time; ``add_runs`` one row with terms at arbitrary offsets.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..runtime import kernel
from ..types import Array, IntArray
from .machine import TILE_ROWS, VECTOR_BYTES
from .tiles import add_outer, load_tile, prefetch, store_tile


class Numbers(NamedTuple):
    """Scalars: array[first + places[r] + steps[t]] for row r and term t; the number of rows is a multiple of four."""

    array: Array
    first: Any
    places: IntArray
    steps: IntArray


class Runs(NamedTuple):
    """Contiguous runs of ``length`` elements: the run of term t starts at array[first + steps[t]]."""

    array: Array
    first: Any
    steps: IntArray
    length: int


class Rows(NamedTuple):
    """Rows of sums: row r starts at array[first + r·apart]."""

    array: Array
    first: Any
    apart: Any


# Elements by which runs are prefetched, past the ends of the pages of 4 KB, where the hardware stops. In a compiled network, whose
# runs come from the L3 cache, 512×7² -> 512 takes 1.9 instead of 2.7 ms with F(2×2); runs in the L2 cache are as fast without.
AHEAD = 2048

Four = tuple[int, int, int, int]
Eight = tuple[int, int, int, int, int, int, int, int]


@kernel
def _four(p: IntArray, q: int, by: int) -> Four:
    """p[q] + by and the next three."""
    q1, q2, q3 = q + np.uintp(1), q + np.uintp(2), q + np.uintp(3)
    return p[q] + by, p[q1] + by, p[q2] + by, p[q3] + by


@kernel
def _eight(p: IntArray, q: int, by: int) -> Eight:
    """p[q] + by and the next seven."""
    a, b, c, d = _four(p, q, by)
    e, f, g, h = _four(p, q + np.uintp(4), by)
    return a, b, c, d, e, f, g, h


@kernel
def _four_moved(p: Four, by: int) -> Four:
    return p[0] + by, p[1] + by, p[2] + by, p[3] + by


@kernel
def _eight_moved(p: Eight, by: int) -> Eight:
    return p[0] + by, p[1] + by, p[2] + by, p[3] + by, p[4] + by, p[5] + by, p[6] + by, p[7] + by


def _tile_kernel(rows: int, vectors: int) -> Callable[..., Any]:
    """Compile ``sum_outer`` for a number of rows at a time, from row ``q`` on, and of vectors, at offset ``done`` in every run."""
    some, moved = (_four, _four_moved) if rows == 4 else (_eight, _eight_moved)

    @kernel
    def sum_tiles(numbers: Numbers, runs: Runs, start: Rows, sums: Rows, q: Any, done: int) -> Any:
        a, places, steps, at = numbers.array, numbers.places, numbers.steps, runs.first + done
        while q + np.uintp(rows) <= np.uintp(len(places)):
            from_ = some(places, q, numbers.first)
            tile = load_tile(start.array, start.first + done + q * start.apart, start.apart, rows, vectors)
            for t in range(np.uintp(len(steps))):
                run = at + runs.steps[t]
                prefetch(runs.array, run + np.uintp(AHEAD), vectors)
                tile = add_outer(tile, a, moved(from_, steps[t]), runs.array, run)
            store_tile(tile, sums.array, sums.first + done + q * sums.apart, sums.apart)
            q += np.uintp(rows)
        return q

    return sum_tiles


_sum_4x2, _sum_4x1 = _tile_kernel(4, 2), _tile_kernel(4, 1)
_sum_8x2, _sum_8x1 = _tile_kernel(8, 2), _tile_kernel(8, 1)


@kernel
def sum_outer(numbers: Numbers, runs: Runs, start: Rows, sums: Rows) -> None:
    """sums[r, j] = start[r, j] + Σ_t number[r, t] · run[t, j] for all r, and j in 0 … length rounded up to whole vectors.

    All arrays are flat and all offsets unsigned. An addition to a register takes four cycles, and two start in each cycle: a tile
    needs at least eight registers, so that none waits for itself. With 512-bit vectors and 16 filters, eight rows of one vector
    reach 185 GFLOP/s on one core, four rows 117; with 64 filters, eight rows of two vectors 171, four rows of four 159.
    """
    lanes = np.uintp(VECTOR_BYTES // runs.array.itemsize)
    done, end = np.uintp(0), np.uintp(runs.length)
    while done + np.uintp(2) * lanes <= end:
        q = np.uintp(0)
        if TILE_ROWS == 8:
            q = _sum_8x2(numbers, runs, start, sums, q, done)
        _sum_4x2(numbers, runs, start, sums, q, done)
        done += np.uintp(2) * lanes
    while done < end:
        q = _sum_8x1(numbers, runs, start, sums, np.uintp(0), done)
        _sum_4x1(numbers, runs, start, sums, q, done)
        done += lanes


def _run_kernel(vectors: int) -> Callable[..., Any]:
    """Compile ``add_runs`` for a number of vectors."""

    @kernel
    def add_run(factors: Array, count: int, row: Array, places: IntArray, offset: int, sums: Array, at: int) -> None:
        tile = load_tile(sums, at, at, 1, vectors)
        for k in range(np.uintp(count)):
            tile = add_outer(tile, factors, (k,), row, places[k] + offset)
        store_tile(tile, sums, at, at)

    return add_run


_add_run_1, _add_run_3, _add_run_6, _add_run_12 = _run_kernel(1), _run_kernel(3), _run_kernel(6), _run_kernel(12)


@kernel
def add_runs(
    factors: Array, count: int, row: Array, places: IntArray, offset: int, length: int, sums: Array, at: int
) -> None:
    """sums[at + j] += Σ_k factors[k] · row[places[k] + offset + j], for k in 0 … count, j in 0 … length, a multiple of 16.

    All arrays are flat and all offsets unsigned. Takes 12, 6, 3 or 1 vectors at a time, which leaves no remainder for a
    channels-last filter row of three pixels.
    """
    lanes = np.uintp(VECTOR_BYTES // row.itemsize)
    done, end = np.uintp(0), np.uintp(length)
    while done + np.uintp(12) * lanes <= end:
        _add_run_12(factors, count, row, places, offset + done, sums, at + done)
        done += np.uintp(12) * lanes
    while done + np.uintp(6) * lanes <= end:
        _add_run_6(factors, count, row, places, offset + done, sums, at + done)
        done += np.uintp(6) * lanes
    while done + np.uintp(3) * lanes <= end:
        _add_run_3(factors, count, row, places, offset + done, sums, at + done)
        done += np.uintp(3) * lanes
    while done < end:
        _add_run_1(factors, count, row, places, offset + done, sums, at + done)
        done += lanes


@kernel
def add_three_runs(
    factors: Array, count: int, row: Array, places: IntArray, pitch: int, length: int, sums: Array, at: int
) -> None:
    """``add_runs`` for three short runs at once, ``pitch`` apart in ``row`` and ``length`` apart in ``sums``.

    With a single vector of sums, each addition would wait for the previous one.
    """
    lanes = np.uintp(VECTOR_BYTES // row.itemsize)
    done, end, apart = np.uintp(0), np.uintp(length), np.uintp(length)
    while done < end:
        first, second, third = at + done, at + done + apart, at + done + apart + apart
        tile0, tile1 = load_tile(sums, first, first, 1, 1), load_tile(sums, second, second, 1, 1)
        tile2 = load_tile(sums, third, third, 1, 1)
        for k in range(np.uintp(count)):
            place = places[k] + done
            tile0 = add_outer(tile0, factors, (k,), row, place)
            tile1 = add_outer(tile1, factors, (k,), row, place + pitch)
            tile2 = add_outer(tile2, factors, (k,), row, place + pitch + pitch)
        store_tile(tile0, sums, first, first)
        store_tile(tile1, sums, second, second)
        store_tile(tile2, sums, third, third)
        done += lanes
