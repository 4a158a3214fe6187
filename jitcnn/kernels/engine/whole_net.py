"""Inference of several layers in one compiled call: each thread takes an image through all of them.

Between two layers an image stays where it is, in the cache of a core. Each of its layers is channels last, (H, W, lanes) with the
channels filled up to whole vectors, inside a border of zeros as wide as the next layer pads; so no layer copies its input, and the
sums of ``outer.sum_outer`` are written where the next layer reads them. The input of the network alone has its channels first.

What runs is a table of ``Step``, one row per layer, in the order in which the layers run; all places are offsets into the memory of
one image, ``memory``. An image is computed alone: its result depends neither on the batch nor on the number of threads.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..simd.outer import Numbers, Rows, Runs, sum_outer
from ..types import Array, IntArray

CONVOLVE, MAXIMUM, MEAN = range(3)
ROOM = 64  # elements after each layer: a tile reads and writes whole vectors
LANES_AT_ONCE = 32  # the largest block of lanes: two vectors of 512 bits

Step = np.dtype(
    [
        (name, np.int64)
        for name in (
            "kind", "rows", "columns", "lanes", "block",  # of the output; lanes of a convolution computed together
            "from_", "from_down", "down", "along",  # first window; offsets from row to row in its input, and between windows
            "to", "to_down",  # first pixel of the output, and offset from row to row
            "relu", "add", "add_down",  # whether a ReLU follows; the addend before it, or -1, and its offset from row to row
            "K_h", "K_w",  # of pooling
            "taps", "count", "factors", "bias", "places",  # of a convolution: where its numbers begin in ``Tables``
        )
    ]
)  # fmt: skip


class Tables(NamedTuple):
    """The numbers of all convolutions, one after another."""

    taps: IntArray
    """Offset of each tap from the first pixel of its window."""
    runs: IntArray
    """Offset of the factors of each tap in a block."""
    places: IntArray
    """Offset of each window of a row from the first, at least four."""
    factors: Array
    """Block by block, and in it tap by tap, those of its lanes."""
    bias: Array


class Place(NamedTuple):
    """Where an image lies: the first of its pixels, and the offsets from row to row, pixel to pixel and channel to channel."""

    first: Any
    down: Any
    along: Any
    channel: Any


@kernel
def _finish_row(memory: Array, to: int, count: int, add: int, relu: bool) -> None:
    """Add the row at ``add``, unless it is -1, to the ``count`` numbers at ``to``, and apply the ReLU."""
    start, addend, zero = np.uintp(to), np.uintp(max(add, 0)), memory.dtype.type(0)
    if add >= 0:
        for j in range(np.uintp(count)):
            memory[start + j] += memory[addend + j]
    if relu:
        for j in range(np.uintp(count)):
            memory[start + j] = max(memory[start + j], zero)


@kernel
def _sum_row(step: Any, tables: Tables, oh: int, lane: int, memory: Array, row: Array) -> None:
    """The sums of one row of the output, for the block of lanes that begins with ``lane``."""
    columns, lanes, some, taps, count = step["columns"], step["lanes"], step["block"], step["taps"], step["count"]
    offsets, places = tables.taps[taps : taps + count], tables.places[step["places"] :]
    start = Rows(tables.bias, np.uintp(step["bias"] + lane), np.uintp(0))
    factors = Runs(tables.factors, np.uintp(step["factors"] + lane * count), tables.runs[taps : taps + count], some)
    from_, to = step["from_"] + oh * step["down"], step["to"] + oh * step["to_down"] + lane
    if columns < 4:  # a tile is wider than the row
        numbers = Numbers(memory, np.uintp(from_), places[:4], offsets)
        sum_outer(numbers, factors, start, Rows(row, np.uintp(0), np.uintp(some)))
        for k in range(columns):
            for j in range(np.uintp(some)):
                memory[np.uintp(to + k * lanes) + j] = row[np.uintp(k * some) + j]
        return
    numbers = Numbers(memory, np.uintp(from_), places[: columns // 4 * 4], offsets)
    sum_outer(numbers, factors, start, Rows(memory, np.uintp(to), np.uintp(lanes)))
    if columns % 4:  # the last four once more
        last = columns - 4
        numbers = Numbers(memory, np.uintp(from_ + last * step["along"]), places[:4], offsets)
        sum_outer(numbers, factors, start, Rows(memory, np.uintp(to + last * lanes), np.uintp(lanes)))


@kernel
def _convolve(step: Any, tables: Tables, memory: Array, row: Array) -> None:
    """Convolution, sum and ReLU. The factors of one block of lanes stay in the L1 cache for all rows."""
    for lane in range(0, step["lanes"], step["block"]):
        for oh in range(step["rows"]):
            _sum_row(step, tables, oh, lane, memory, row)
    for oh in range(step["rows"]):
        add = step["add"] + oh * step["add_down"] if step["add"] >= 0 else -1
        _finish_row(memory, step["to"] + oh * step["to_down"], step["columns"] * step["lanes"], add, step["relu"] == 1)


@kernel
def _pool(step: Any, memory: Array) -> None:
    """Maximum or mean of each window."""
    lanes, maximum = step["lanes"], step["kind"] == MAXIMUM
    count, share = np.uintp(lanes), memory.dtype.type(1 / (step["K_h"] * step["K_w"]))
    for oh in range(step["rows"]):
        for ow in range(step["columns"]):
            window = step["from_"] + oh * step["down"] + ow * step["along"]
            to = np.uintp(step["to"] + oh * step["to_down"] + ow * lanes)
            for j in range(count):
                memory[to + j] = memory[np.uintp(window) + j]
            for k in range(1, step["K_h"] * step["K_w"]):
                pixel = np.uintp(window + k // step["K_w"] * step["from_down"] + k % step["K_w"] * lanes)
                if maximum:
                    for j in range(count):
                        memory[to + j] = max(memory[to + j], memory[pixel + j])
                else:
                    for j in range(count):
                        memory[to + j] += memory[pixel + j]
            if not maximum:
                for j in range(count):
                    memory[to + j] *= share


@kernel
def _run_image(image: Array, place: Place, steps: Any, tables: Tables, memory: Array, row: Array, out: Array) -> None:
    """image (C, H, W) -> out (C_out, H_out, W_out), the output of the last step."""
    C, H, W = image.shape
    for c in range(C):
        for ih in range(H):
            to = np.uintp(place.first + c * place.channel + ih * place.down)
            for iw in range(np.uintp(W)):
                memory[to + iw] = image[c, ih, iw]
    for k in range(len(steps)):
        if steps[k]["kind"] == CONVOLVE:
            _convolve(steps[k], tables, memory, row)
        else:
            _pool(steps[k], memory)
    last = steps[len(steps) - 1]
    for c in range(out.shape[0]):
        for oh in range(out.shape[1]):
            for ow in range(out.shape[2]):
                out[c, oh, ow] = memory[last["to"] + oh * last["to_down"] + ow * last["lanes"] + c]


@parallel_kernel
def run_images(x: Array, place: Place, steps: Any, tables: Tables, memory: Array, rows: Array, out: Array) -> None:
    """x (N, C, H, W) -> out (N, C_out, H_out, W_out).

    steps: records of ``Step``; memory (jobs, S), zero except where an earlier call has written; rows (jobs, 4·lanes) for a row of fewer than four pixels. Each job takes N / jobs images.
    """
    N, jobs = len(x), len(memory)
    for number in prange(jobs):
        job = np.intp(number)
        for n in range(job * N // jobs, (job + 1) * N // jobs):
            _run_image(x[n], place, steps, tables, memory[job], rows[job], out[n])
