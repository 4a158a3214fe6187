"""Inference of several layers in one compiled call.

What runs is a ``table``. Of many images, each thread takes one at a time through all layers, so that it stays in the cache of a
core; of few images, one after another, the threads share the rows of every large layer. Both give the same bits: an image is computed
alone, and its result depends neither on the batch nor on the number of threads.
"""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array, IntArray, Pair
from . import entry
from .depthwise import convolve_by_channel
from .direct import convolve_directly
from .pools import copy_rows, pool_rows
from .table import CONVOLVE, COPY, DEPTHWISE, WINOGRAD, Tables
from .winograd import convolve_by_winograd


@kernel
def _run_layer(step: IntArray, tables: Tables, first: int, last: int, memory: Array, scratch: Array) -> None:
    """Units ``first`` to ``last`` of a layer."""
    if step[entry.KIND] == CONVOLVE:
        convolve_directly(step, tables, first, last, memory, scratch)
    elif step[entry.KIND] == WINOGRAD:
        convolve_by_winograd(step, tables, first, last, memory, scratch)
    elif step[entry.KIND] == DEPTHWISE:
        convolve_by_channel(step, tables, first, last, memory)
    elif step[entry.KIND] == COPY:
        copy_rows(step, tables, first, last, memory)
    else:
        pool_rows(step, tables, first, last, memory)


@kernel
def _read_image(x: Array, pixels: Array, n: int, step: IntArray, numbers: Array, memory: Array) -> None:
    """Image n of x or of ``pixels`` -> memory; of a pixel, the number that its row of the table has for it."""
    _, C, H, W = pixels.shape if len(pixels) > 0 else x.shape
    for c in range(C):
        for ih in range(H):
            to = np.uintp(step[entry.TO] + c * step[entry.CHANNEL] + ih * step[entry.TO_DOWN])
            if len(pixels) > 0:
                normalised = np.uintp(step[entry.FACTORS] + c * 256)
                for iw in range(np.uintp(W)):
                    memory[to + iw] = numbers[normalised + np.uintp(pixels[n, c, ih, iw])]
            else:
                for iw in range(np.uintp(W)):
                    memory[to + iw] = x[n, c, ih, iw]


@kernel
def _write_output(step: IntArray, memory: Array, out: Array) -> None:
    """The output of a layer -> out (C, H, W)."""
    for c in range(out.shape[0]):
        for oh in range(out.shape[1]):
            for ow in range(out.shape[2]):
                out[c, oh, ow] = memory[step[entry.TO] + oh * step[entry.TO_DOWN] + ow * step[entry.LANES] + c]


@kernel
def _run_images(
    x: Array,
    pixels: Array,
    some: Pair,
    steps: IntArray,
    tables: Tables,
    memory: Array,
    scratch: Array,
    out: Array,
) -> None:
    """All layers of images ``some`` (first, last), on this thread."""
    for n in range(some[0], some[1]):
        _read_image(x, pixels, n, steps[0], tables.numbers, memory)
        for k in range(1, len(steps)):
            _run_layer(steps[k], tables, np.intp(0), steps[k][entry.UNITS], memory, scratch)
        _write_output(steps[len(steps) - 1], memory, out[n])


@parallel_kernel
def _on_all_threads(
    x: Array, pixels: Array, k: int, steps: IntArray, tables: Tables, memory: Array, scratch: Array, out: Array
) -> None:
    """The units of layer k of the image in memory[0], shared among the threads; or, if k is 0, all images."""
    jobs, units = len(scratch), len(out) if k == 0 else steps[k][entry.UNITS]
    for number in prange(jobs):
        job = np.intp(number)
        first, last = job * units // jobs, (job + 1) * units // jobs
        if k == 0:
            _run_images(x, pixels, (first, last), steps, tables, memory[job], scratch[job], out)
        else:
            _run_layer(steps[k], tables, first, last, memory[0], scratch[job])


@kernel
def run(
    x: Array,
    pixels: Array,
    steps: IntArray,
    numbers: Array,
    offsets: IntArray,
    memory: Array,
    scratch: Array,
    out: Array,
) -> None:
    """x (N, C, H, W), or, if there are any, pixels (N, C, H, W) -> out (N, C_out, H_out, W_out).

    steps (1 + layers, entries), ``numbers`` and ``offsets`` of ``Tables``; scratch (jobs, R), memory (jobs, S), zero except where
    an earlier call has written. Each job takes N / jobs images; with memory (1, S), the jobs share the rows of each image instead.
    """
    tables = Tables(numbers, offsets)
    if len(memory) > 1:
        _on_all_threads(x, pixels, np.intp(0), steps, tables, memory, scratch, out)
        return
    for n in range(len(out)):
        _read_image(x, pixels, n, steps[0], numbers, memory[0])
        for k in range(1, len(steps)):
            if steps[k][entry.SHARED] == 1:
                _on_all_threads(x, pixels, k, steps, tables, memory, scratch, out)
            else:
                _run_layer(steps[k], tables, np.intp(0), steps[k][entry.UNITS], memory[0], scratch[0])
        _write_output(steps[len(steps) - 1], memory[0], out[n])
