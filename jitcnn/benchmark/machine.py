"""Peak throughput and memory bandwidth of the machine, and the benchmark environment."""

import os
import platform
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..kernels import runtime
from ..kernels.simd.machine import HOST
from ..support.versions import versions

ROUNDS = 5


@dataclass(frozen=True)
class Machine:
    """Processor and its measured limits.

    Attributes
    ----------
    processor : str
    matmul_gflops : float, GFLOP/s of the BLAS product of two 2048×2048 matrices on all threads
    copy_gigabytes : float, GB/s read and written when a large array is copied
    """

    processor: str
    matmul_gflops: float
    copy_gigabytes: float


def processor() -> str:
    """Model name of the processor if available, else the architecture."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    return platform.processor() or platform.machine()


def environment() -> dict[str, Any]:
    """What a result depends on besides the code: processor, vector width, cores, threads and versions."""
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
    """Measure a matrix product and a copy, best of 5 rounds each; takes about a second."""
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
