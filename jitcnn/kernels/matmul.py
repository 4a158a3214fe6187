"""The matrix product: the BLAS's, on one thread.

Work is shared among threads above this line, image by image. A BLAS with threads of its own would sum
in an order that depends on their number, and they spin after each product: on two cores that slowed
the compiled loops next to it by a half (one training step of mnist-cnn: 29 ms against 18 ms). Tried and lost: the dense product by the
convolution's loops on two threads, 0.20 to 0.35 ms for 64 × 1600 × 128, against 0.25 ms for this.
"""

from typing import Any

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

Array = NDArray[Any]

_BLAS = threadpoolctl.ThreadpoolController().select(user_api="blas")


def matmul(a: Array, b: Array) -> Array:
    """A (…, I, K) and b (…, K, J) -> (…, I, J)."""
    with one_blas_thread():
        product: Array = np.matmul(a, b)
    return product


def one_blas_thread() -> Any:
    """Context in which the BLAS keeps to the calling thread; entering costs 6 µs."""
    return _BLAS.limit(limits=1)
