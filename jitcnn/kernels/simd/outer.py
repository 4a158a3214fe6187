"""Sums of outer products that stay in registers: the inner loop of every fast pass.

Whatever the engine computes, forward or backward, convolution or dense layer, is a few single numbers of one array times a
run of neighbouring numbers of another, summed over terms t:

    sums[r, j]  =  start[r, j]  +  Σ over t of  number[r, t] · run[t, j]

``sum_outer`` does that for four rows r at a time; ``add_runs`` for one row whose terms stand anywhere.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..runtime import kernel
from ..types import Array
from .machine import MOST_VECTORS, VECTOR_BYTES
from .tiles import add_outer, load_tile, store_tile


class Numbers(NamedTuple):
    """Single numbers: row r and term t have array[first + places[r] + steps[t]]; as many rows as places, a multiple of four."""

    array: Array
    first: Any
    places: Array
    steps: Array


class Runs(NamedTuple):
    """Runs of ``length`` neighbouring numbers: that of term t begins at array[first + steps[t]]."""

    array: Array
    first: Any
    steps: Array
    length: int


class Rows(NamedTuple):
    """Rows of sums: row r begins at array[first + r·apart]."""

    array: Array
    first: Any
    apart: Any


def _tile_kernel(vectors: int) -> Callable[..., Any]:
    """``sum_outer`` for that many vectors, ``done`` numbers into every run."""

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
    """sums[r, j] = start[r, j] + Σ_t number[r, t] · run[t, j], for every row r, and j in 0 … length filled up to whole vectors.

    All arrays flat and all places unsigned.
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
    """``add_runs`` for that many vectors."""

    @kernel
    def add_run(factors: Array, count: int, row: Array, places: Array, offset: int, sums: Array, at: int) -> None:
        tile = load_tile(sums, at, at, 1, vectors)
        for k in range(np.uintp(count)):
            tile = add_outer(tile, factors, (k,), row, places[k] + offset)
        store_tile(tile, sums, at, at)

    return add_run


_add_run_1, _add_run_3, _add_run_6, _add_run_12 = _run_kernel(1), _run_kernel(3), _run_kernel(6), _run_kernel(12)


@kernel
def add_runs(
    factors: Array, count: int, row: Array, places: Array, offset: int, length: int, sums: Array, at: int
) -> None:
    """sums[at + j] += Σ_k factors[k] · row[places[k] + offset + j], for k in 0 … count, j in 0 … length, a multiple of 16.

    All arrays flat and all places unsigned. Twelve vectors at a time, six, three, one: of a filter row of three pixels,
    channels side by side, nothing is left over.
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
    factors: Array, count: int, row: Array, places: Array, pitch: int, length: int, sums: Array, at: int
) -> None:
    """``add_runs`` for three short runs at once, each ``pitch`` further on in ``row`` and ``length`` further on in ``sums``.

    A single vector of sums would wait for itself at every step.
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
