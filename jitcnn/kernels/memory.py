"""Memory pool: reuses the memory of large arrays from one training step to the next.

Every training step allocates the same large arrays. Allocated from the system each time, all their pages fault again:
4,700 page faults and 20 % of the time of an im2col step of mnist-cnn. ``empty`` returns memory of arrays without
references, so nothing large is allocated after the first step. Memory is only reused after the last reference to
its array is gone, so an array in use is never overwritten.
"""

import os
from collections import deque
from math import prod
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

LINE = 64  # bytes per cache line; a vector that crosses two lines is read twice
SMALL = 1 << 16  # bytes below which the system's allocator is as fast
MOST_IDLE = 1 << 27  # maximum bytes of unused blocks kept

Block = NDArray[np.uint8]

_lock = RLock()
_idle: dict[int, list[Block]] = {}  # unused blocks by size, the size that was used last at the end
_lent: "set[_Lent]" = set()
_returned: "deque[_Lent]" = deque()  # not yet sorted in, as an array may be deleted at any time, in any thread
if hasattr(os, "register_at_fork"):  # a child must not inherit the lock from a thread that it lacks
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class _Loan:
    """Owner of an array in the memory of ``block``: numpy deletes it with the last view of that array."""

    def __init__(self, block: Block, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        address = block.__array_interface__["data"][0]
        place = (address + -address % LINE, False)
        self.__array_interface__ = {"version": 3, "data": place, "shape": shape, "typestr": dtype.str}


class _Lent(ref[_Loan]):
    """Returns a block when its loan is deleted.

    The callback is no Python code, as ``__del__`` would be: Python ignores an exception there, and a Ctrl-C at that moment was lost.
    """

    __slots__ = ("block",)
    block: Block


def empty(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """``np.empty``, aligned to a cache line, in reused memory if a block of similar size is free."""
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    if size < SMALL:
        return np.empty(shape, dtype)
    with _lock:
        block = _take(size + LINE)
        loan = _Loan(block, shape, dtype)
        lent = _Lent(loan, _returned.append)
        lent.block = block
        _lent.add(lent)
    return np.asarray(loan)


def _take(size: int) -> Block:
    """Remove the best-fitting unused block from the pool, or allocate a new one."""
    _sort_in()
    fit = size if size in _idle else min((other for other in _idle if size < other <= 2 * size), default=0)
    if not fit:
        _drop(sum(other * len(blocks) for other, blocks in _idle.items()) - MOST_IDLE)
        return _allocate(size)
    block = _idle[fit].pop()
    if not _idle[fit]:
        del _idle[fit]
    return block


def _allocate(size: int) -> Block:
    return np.empty(size, np.uint8)


def _sort_in() -> None:
    """Move the returned blocks to the unused ones."""
    while _returned:
        lent = _returned.popleft()
        _lent.discard(lent)
        block = lent.block
        blocks = _idle[block.nbytes] = _idle.pop(block.nbytes, [])
        blocks.append(block)


def _drop(excess: int) -> None:
    """Free unused blocks of at least ``excess`` bytes, the sizes used least recently first."""
    while excess > 0:
        size = next(iter(_idle))
        excess -= size
        _idle[size].pop()
        if not _idle[size]:
            del _idle[size]
