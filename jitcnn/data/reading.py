"""Read many images: several at a time, in order, with progress."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from PIL import Image

from ..errors import DataError
from .images import SeveralDigitsWarning

Source = TypeVar("Source")
Read = TypeVar("Read")

MOST_THREADS = 8  # more decode faster than the main thread collects
AHEAD = 16  # sources per thread that are read before their results are taken


def read_all(
    read: Callable[[Source], Read], sources: Sequence[Source], on_image: Callable[[int], object] | None = None
) -> list[Read | DataError]:
    """Apply ``read`` to each source on several threads; return the results in order, or the DataError of a source.

    Parameters
    ----------
    read : called with one source; must be thread-safe. Decoders release Python's lock, so that threads run in parallel
    sources : sequence
    on_image : called with the number of results after each of them, on the calling thread
    """
    results: list[Read | DataError] = []
    for result in read_in_order(read, sources):
        results.append(result)
        if on_image is not None:
            on_image(len(results))
    return results


def read_in_order(
    read: Callable[[Source], Read], sources: Sequence[Source], threads: int | None = None
) -> Iterator[Read | DataError]:
    """As ``read_all``, one result after the other, with only a few that wait; ``threads`` is by default one per core."""
    Image.preinit()  # not by several threads at once
    threads = max(1, min(threads or min(cores(), MOST_THREADS), len(sources)))
    waiting: deque[Future[Read]] = deque()
    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor(threads, "jitcnn-images") as pool:
        warnings.simplefilter("always", SeveralDigitsWarning)
        rest = iter(sources)
        try:
            while True:
                for source in rest:
                    waiting.append(pool.submit(read, source))
                    if len(waiting) >= AHEAD * threads:
                        break
                if not waiting:
                    return
                yield _result(waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C, do not decode the rest


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except DataError as error:
        return error


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
