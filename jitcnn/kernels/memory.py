"""Memory that is used again: large arrays of one step live on in the next.

A training step asks for the same large arrays over and over. Taken from the system each time, every page is
faulted in anew: 4,700 faults and a fifth of the time of an im2col step of mnist-cnn. ``empty`` hands out memory
of arrays that no one holds any more, so after the first step nothing large is allocated; and as an array is
only reused when the last reference to it has gone, no result is ever overwritten behind its owner's back.
"""

import sys
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .types import Array

LINE = 64  # bytes of a cache line; a vector that lies across two is read twice
SMALL = 1 << 16  # bytes below which the system's allocator is as quick
MOST_IDLE = 1 << 27  # bytes kept for later, at most

_lock = Lock()
_blocks: list[NDArray[np.uint8]] = []  # those used last at the end


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """As ``np.empty``, on a cache line, in memory that was used before if there is any of about the right size."""
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    if size < SMALL:
        return np.empty(shape, dtype)
    with _lock:
        block = _idle_block(size + LINE)
        _blocks.append(block)
        first = -block.ctypes.data % LINE
        array: Array = block[first : first + size].view(dtype).reshape(shape)
        return array


def _idle_block(size: int) -> NDArray[np.uint8]:
    """Take the best block that nobody uses out of the list, or make a new one."""
    best, idle = -1, []
    for k in range(len(_blocks)):
        if sys.getrefcount(_blocks[k]) == 2:  # the list's reference, and this call's
            idle.append(k)
            if size <= _blocks[k].nbytes <= 2 * size and (best < 0 or _blocks[k].nbytes < _blocks[best].nbytes):
                best = k
    if best >= 0:
        return _blocks.pop(best)
    excess, dropped = sum(_blocks[k].nbytes for k in idle) - MOST_IDLE, []
    for k in idle:  # the longest unused first
        if excess > 0:
            excess -= _blocks[k].nbytes
            dropped.append(k)
    for k in reversed(dropped):
        del _blocks[k]
    return np.empty(size, np.uint8)
