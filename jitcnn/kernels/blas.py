"""Single-threaded BLAS calls, distributed over our own threads.

The order of summation of a multithreaded BLAS depends on the number of threads, and its threads spin after each product: on
two cores a training step of mnist-cnn took 29 ms instead of 18 ms.

The limit holds in every Python thread. An OpenBLAS with threads of its own has one limit for the process, and threadpoolctl 3.8
lets only the first Python thread set it; here all threads share one count of products, and the limit is lifted after the
last. With OpenMP every thread has a limit of its own, so every thread sets it.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from threading import Condition, RLock, get_ident, local
from typing import Any, TypeVar

import threadpoolctl

from .runtime import thread_count

Part = TypeVar("Part")
Result = TypeVar("Result")


def _own_functions(library: Any) -> tuple[Callable[[], int], Callable[[int], object]] | None:
    """The functions of an OpenBLAS with threads of its own, which read and set the limit of the process; else None."""
    if getattr(library, "threading_layer", "") == "openmp":
        return None
    for symbol in library.check_symbols:
        setter = symbol.replace("openblas_get_num_threads", "openblas_set_num_threads")
        if setter != symbol and hasattr(library.dynlib, symbol) and hasattr(library.dynlib, setter):
            return getattr(library.dynlib, symbol), getattr(library.dynlib, setter)
    return None


class OneBlasThread:
    """Context manager that limits each BLAS to the calling thread; may be nested and entered by several threads at once.

    Parameters
    ----------
    libraries : list of threadpoolctl.LibController
    """

    def __init__(self, libraries: list[Any]) -> None:
        own = [_own_functions(library) for library in libraries]
        self._of_process = [functions for functions in own if functions]
        self._of_thread = [library for library, functions in zip(libraries, own, strict=True) if not functions]
        self._before = [1] * len(self._of_process)
        self._inside: list[int] = []  # a thread's identifier for each product that runs
        self._lock = RLock()
        self._left = Condition(self._lock)
        self._saved = local()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._wait_for_products, after_in_parent=self._lock.release, after_in_child=self._lock.release
            )

    def __enter__(self) -> None:
        with self._lock:
            for k, (get, set_to) in enumerate(self._of_process):
                if (count := get()) != 1:
                    self._before[k] = count
                    set_to(1)
            self._inside.append(get_ident())
        if self._of_thread:
            counts = [library.num_threads for library in self._of_thread]
            self._saved.__dict__.setdefault("counts", []).append(counts)
            for library in self._of_thread:
                library.set_num_threads(1)

    def __exit__(self, *exception: object) -> None:
        if self._of_thread:
            for library, count in zip(self._of_thread, self._saved.counts.pop(), strict=True):
                library.set_num_threads(count)
        with self._lock:
            self._inside.remove(get_ident())
            if not self._inside:
                for k, (_, set_to) in enumerate(self._of_process):
                    if self._before[k] != 1:
                        set_to(self._before[k])
                        self._before[k] = 1
            self._left.notify_all()

    def _wait_for_products(self) -> None:
        """Before a fork: let the other threads' products end, and no other start. The child would inherit a locked BLAS."""
        self._lock.acquire()
        while any(thread != get_ident() for thread in self._inside):
            self._left.wait()


_ONE_THREAD = OneBlasThread(threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers)


def one_blas_thread() -> OneBlasThread:
    """Context manager that limits the BLAS to the calling thread, from any Python thread; nesting is cheap."""
    return _ONE_THREAD


def for_each(parts: list[Part], work: Callable[[Part], Result]) -> list[Result]:
    """Map ``work`` over the parts on all threads, each product on one; return the results in order."""
    results: dict[int, Result] = {}
    rest = iter(range(len(parts)))

    def some_parts() -> None:
        for k in rest:  # each thread takes the next part
            with _ONE_THREAD:
                results[k] = work(parts[k])

    threads, others = min(thread_count(), len(parts)), list[Future[None]]()
    with suppress(RuntimeError):  # the interpreter ends and starts no thread: the caller works alone
        others.extend(_pool(threads - 1).submit(some_parts) for _ in range(threads - 1))
    try:
        some_parts()
    finally:
        waited = [other for other in others if not other.cancel()]
    for other in waited:
        other.result()
    return [results[k] for k in range(len(parts))]


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    """A pool of ``count`` threads, started once: starting threads for every product would cost 0.1 ms."""
    return ThreadPoolExecutor(count, thread_name_prefix="jitcnn")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # its threads do not exist in the child
