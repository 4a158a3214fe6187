"""The matrix product: the BLAS's, on one thread.

Work is shared among threads above this line, image by image. A BLAS with threads of its own would sum
in an order that depends on their number, and they spin after each product: on two cores that slowed
the compiled loops next to it by a half (one training step of mnist-cnn: 29 ms against 18 ms). Tried and given up: the
dense layer by compiled loops on all threads: as quick as this (0.15 ms for 64 × 1600 × 128), for 8 s more to
compile on the first run.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from .memory import empty
from .runtime import thread_count

Array = NDArray[Any]

Part = TypeVar("Part")
Result = TypeVar("Result")

# Multiply-adds from which on two threads are quicker: below, waking the second costs more than it does.
LARGE = 1 << 22

_LIBRARIES = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Context in which the BLAS keeps to the calling thread; one within another costs next to nothing."""
    several = [(library, library.num_threads) for library in _LIBRARIES if library.num_threads != 1]
    for library, _ in several:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, before in several:
            library.set_num_threads(before)


def for_each(parts: list[Part], work: Callable[[Part], Result]) -> list[Result]:
    """Do ``work`` on every part, on all threads and each product on one; results in the order of the parts."""
    threads = thread_count()
    with one_blas_thread():
        return list((_pool(threads).map if len(parts) > 1 and threads > 1 else map)(work, parts))


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    """A pool of that many threads, started once: starting them anew for every product costs 0.1 ms."""
    return ThreadPoolExecutor(count)


def matmul(a: Array, b: Array) -> Array:
    """A (I, K) and b (K, J) -> (I, J); large ones in two halves of rows, whatever the number of threads."""
    rows = len(a)
    product = empty((rows, b.shape[1]), a.dtype)
    half = (rows + 1) // 2 if product.size * len(b) >= LARGE else rows

    def work(part: slice) -> None:
        np.matmul(a[part], b, out=product[part])

    for_each([slice(0, half), slice(half, rows)] if half < rows else [slice(0, rows)], work)
    return product
