"""Read many images: several at a time, in order, with progress."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from PIL import Image

from ..errors import DataError
from .images import SeveralDigitsWarning

Source = TypeVar("Source")
Read = TypeVar("Read")

MOST_THREADS = 8  # more decode faster than the main thread collects


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
    Image.preinit()  # not by several threads at once
    threads = max(1, min(_cores(), MOST_THREADS, len(sources)))
    results: list[Read | DataError] = []
    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor(threads, "jitcnn-images") as pool:
        warnings.simplefilter("always", SeveralDigitsWarning)
        futures = [pool.submit(read, source) for source in sources]
        try:
            for future in futures:
                try:
                    results.append(future.result())
                except DataError as error:
                    results.append(error)
                if on_image is not None:
                    on_image(len(results))
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C, do not decode the rest
    return results


def _cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
