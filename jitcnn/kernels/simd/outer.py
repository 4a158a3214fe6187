"""Sums of outer products in registers: the inner loop of all engine kernels.

Forward and backward passes of convolutions and dense layers all multiply a few scalars of one array by a contiguous run of
another, summed over terms t:

    sums[r, j]  =  start[r, j]  +  Σ over t of  number[r, t] · run[t, j]

``sum_outer`` computes four rows r at a time; ``add_runs`` one row with terms at arbitrary offsets.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..runtime import kernel
from ..types import Array, IntArray
from .machine import MOST_VECTORS, VECTOR_BYTES
from .tiles import add_outer, load_tile, store_tile


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


def _tile_kernel(vectors: int) -> Callable[..., Any]:
    """Compile ``sum_outer`` for a number of vectors, at offset ``done`` in every run."""

    @kernel
    def sum_tiles(numbers: Numbers, runs: Runs, start: Rows, sums: Rows, done: int) -> None:
        a, places, steps, at = numbers.array, numbers.places, numbers.steps, runs.first + done
        for q in range(np.uintp(0), np.uintp(len(places)), np.uintp(4)):
            p0, p1 = numbers.first + places[q], numbers.first + places[q + np.uintp(1)]
            p2, p3 = numbers.first + places[q + np.uintp(2)], numbers.first + places[q + np.uintp(3)]
            tile = load_tile(start.array, start.first + done + q * start.apart, start.apart, 4, vectors)
            for t in range(np.uintp(len(steps))):
                four = p0 + steps[t], p1 + steps[t], p2 + steps[t], p3 + steps[t]
                tile = add_outer(tile, a, four, runs.array, at + runs.steps[t])
            store_tile(tile, sums.array, sums.first + done + q * sums.apart, sums.apart)

    return sum_tiles


_sum_tiles_1, _sum_tiles_2, _sum_tiles_4 = _tile_kernel(1), _tile_kernel(2), _tile_kernel(4)


@kernel
def sum_outer(numbers: Numbers, runs: Runs, start: Rows, sums: Rows) -> None:
    """sums[r, j] = start[r, j] + Σ_t number[r, t] · run[t, j] for all r, and j in 0 … length rounded up to whole vectors.

    All arrays are flat and all offsets unsigned.
    """
    lanes = np.uintp(VECTOR_BYTES // runs.array.itemsize)
    done, end = np.uintp(0), np.uintp(runs.length)
    if MOST_VECTORS == 4:
        while done + np.uintp(4) * lanes <= end:
            _sum_tiles_4(numbers, runs, start, sums, done)
            done += np.uintp(4) * lanes
    while done + np.uintp(2) * lanes <= end:
        _sum_tiles_2(numbers, runs, start, sums, done)
        done += np.uintp(2) * lanes
    while done < end:
        _sum_tiles_1(numbers, runs, start, sums, done)
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
