"""What this machine can do at best: the lines that everything else is drawn below."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..kernels import runtime
from ..kernels.simd.machine import HOST
from ..versions import versions

ROUNDS = 5


@dataclass(frozen=True)
class Machine:
    """The processor, and what was measured on it.

    ``matmul_gflops`` is the BLAS's own product of two 2048² matrices on all its threads, ``copy_gigabytes`` the
    bytes read and written per second when a large array is copied.
    """

    processor: str
    matmul_gflops: float
    copy_gigabytes: float


def processor() -> str:
    """The processor's name, as its maker calls it where the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def environment() -> dict[str, Any]:
    """What a figure depends on beside the code: processor, vectors, cores, threads, and the versions that ran."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "vector_bits": 8 * HOST.vector_bytes,
        "threads": runtime.thread_count(),
        "threading_layer": runtime.threading_layer(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
    }


def measure_machine(dtype: Any = np.float32, size: int = 2048) -> Machine:
    """Best of some rounds of a matrix product and of a copy; takes about a second."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, size, size)).astype(dtype)
    out = np.empty_like(a)
    product = _best(lambda: np.matmul(a, b, out=out))
    large = np.ones(1 << 24, dtype)
    copied = np.empty_like(large)
    copy = _best(lambda: np.copyto(copied, large))
    return Machine(processor(), 2 * size**3 / product / 1e9, 2 * large.nbytes / copy / 1e9)


def _best(work: Any) -> float:
    seconds = []
    for _ in range(ROUNDS):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return min(seconds)
