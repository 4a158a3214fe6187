"""Checksums of arrays in one call, to notice that one has changed: half the reading of a comparison with copies."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from ..runtime import kernel, parallel_kernel
from ..types import Array, IntArray

WORDS = 1 << 14  # per chunk, at most
LARGE = 1 << 19  # words, in whole chunks, from which on the threads share them
BLOCK = 1 << 11  # words that are summed with one factor each
MULTIPLIER = 0x9E3779B97F4A7C15
_FACTORS = np.random.default_rng(0).integers(0, 1 << 32, BLOCK, np.uint32) | np.uint32(1)


def _words_at(address: Any, count: Any) -> IntArray:
    """The uint32 numbers at an address."""
    return np.ctypeslib.as_array((ctypes.c_uint32 * int(count)).from_address(int(address)))


def _checksum(words: IntArray, factors: IntArray) -> Any:
    """(((s_0 · m) + s_1) · m + …), with s_b = Σ_k words[b·BLOCK + k] · factors[k], mod 2⁶⁴.

    The factors are odd, below 2³²: a change of one word changes its sum, and the product with the odd m keeps sums apart.
    """
    total = np.zeros(1, np.uint64)
    for first in range(0, len(words), len(factors)):
        some = words[first : first + len(factors)].astype(np.uint64)
        total = total * np.uint64(MULTIPLIER) + (some * factors[: len(some)]).sum(keepdims=True)
    return total[0]


@intrinsic
def _pointer(_: Any, address: Any) -> Any:
    """An address as a pointer to uint32."""
    pointer = types.CPointer(types.uint32)  # type: ignore[no-untyped-call]

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(32).as_pointer())

    return pointer(types.uintp), emit


@kernel
def _compiled_words_at(address: Any, count: Any) -> IntArray:
    return numba.carray(_pointer(address), (count,))  # type: ignore[attr-defined, call-arg]


@kernel
def _compiled_checksum(words: IntArray, factors: IntArray) -> Any:
    """``_checksum`` in one pass."""
    total = np.uint64(0)
    for first in range(0, len(words), len(factors)):
        some = words[first : first + len(factors)]
        part = np.uint64(0)
        for k in range(np.uintp(len(some))):
            part += np.uint64(some[k]) * np.uint64(factors[k])
        total = total * np.uint64(MULTIPLIER) + part
    return total


if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
    words_at, checksum = _words_at, _checksum
else:
    words_at, checksum = _compiled_words_at, _compiled_checksum


@parallel_kernel
def _on_all_threads(chunks: IntArray, factors: IntArray, sums: IntArray) -> None:
    for k in prange(len(chunks)):
        sums[k] = checksum(words_at(chunks[k, 0], np.intp(chunks[k, 1])), factors)


@kernel
def _checksums(chunks: IntArray, factors: IntArray, shared: bool, sums: IntArray) -> None:
    if shared:
        _on_all_threads(chunks, factors, sums)
        return
    for k in range(len(chunks)):
        sums[k] = checksum(words_at(chunks[k, 0], np.intp(chunks[k, 1])), factors)


def _spanned(array: Array) -> tuple[int, int]:
    """The address of the first byte that an array spans, and how many words it spans."""
    if array.size == 0:
        return 0, 0
    steps = [(size - 1) * stride for size, stride in zip(array.shape, array.strides, strict=True)]
    last = sum(step for step in steps if step > 0) + array.itemsize
    first = sum(step for step in steps if step < 0)
    return array.ctypes.data + first, (last - first) // 4


class Checksums:
    """Notices whether numbers of arrays have changed; it keeps the arrays, not copies of them.

    The size of a number is a multiple of four bytes. Of an array that is not contiguous, all that lies between its numbers counts,
    too. A change of one float32 number is always noticed, any other change but for one in 2⁶⁴.
    """

    def __init__(self, arrays: Sequence[Array]) -> None:
        self._arrays = tuple(arrays)  # their addresses are valid as long as they live
        chunks = [
            (begin + 4 * first, min(WORDS, words - first))
            for begin, words in map(_spanned, arrays)
            for first in range(0, words, WORDS)
        ]
        self._chunks = np.array(chunks, np.uintp).reshape(-1, 2)
        self._first = self._take()

    def narrow(self, count: int) -> None:
        """Only the first ``count`` arrays."""
        self._arrays = self._arrays[:count]
        chunks = sum(-(-_spanned(array)[1] // WORDS) for array in self._arrays)
        self._chunks, self._first = self._chunks[:chunks], self._first[: 8 * chunks]

    def _take(self) -> bytes:
        sums = np.empty(len(self._chunks), np.uint64)
        _checksums(self._chunks, _FACTORS, len(sums) * WORDS >= LARGE, sums)
        return sums.tobytes()

    @property
    def are_unchanged(self) -> bool:
        """Whether all numbers are as they were when this object was made."""
        return len(self._chunks) == 0 or self._take() == self._first
