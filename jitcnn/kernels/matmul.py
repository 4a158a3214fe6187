"""The matrix product: the BLAS's, on one thread.

Work is shared among threads above this line, image by image. A BLAS with threads of its own would sum
in an order that depends on their number, and they spin after each product: on two cores that slowed
the compiled loops next to it by a half (one training step of mnist-cnn: 29 ms against 18 ms). Tried and given up: the
dense layer by compiled loops on all threads, 0.15 ms a product against 0.25 (64 × 1600 × 128), 7 % of a training
step, for 8 s more to compile on the first run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from .memory import empty

Array = NDArray[Any]

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


def matmul(a: Array, b: Array) -> Array:
    """A (I, K) and b (K, J) -> (I, J)."""
    product = empty((a.shape[0], b.shape[1]), a.dtype)
    with one_blas_thread():
        np.matmul(a, b, out=product)
    return product
