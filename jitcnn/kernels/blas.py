"""The BLAS on one thread, and work shared among threads above it.

A BLAS with threads of its own would sum in an order that depends on their number, and they spin after each product: on
two cores that slowed the compiled loops next to it by a half (one training step of mnist-cnn: 29 ms against 18 ms).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import threadpoolctl

from .runtime import thread_count

Part = TypeVar("Part")
Result = TypeVar("Result")

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
