"""The vector registers of the host, or of the CPU set by ``NUMBA_CPU_FEATURES``.

This is numba's own variable: with ``NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx2,+fma``, an AVX-512 machine compiles and
plans for AVX2.
"""

import platform
from typing import Any, NamedTuple

import numba
from llvmlite import binding


class Machine(NamedTuple):
    """Machine properties that a plan depends on; the number of threads is excluded because it must not change results."""

    registers: int
    vector_bytes: int


def _features() -> dict[str, bool]:
    """The instruction sets numba compiles for."""
    config: Any = numba.config
    if config.CPU_FEATURES is None:
        return dict(binding.get_host_cpu_features())
    named = [feature.strip() for feature in config.CPU_FEATURES.split(",") if feature.strip()]
    return {feature.lstrip("+-"): not feature.startswith("-") for feature in named}


def machine_of(features: dict[str, bool], architecture: str) -> Machine:
    """The vector registers of a CPU with these instruction sets."""
    if features.get("avx512f"):
        return Machine(32, 64)
    if features.get("avx") or features.get("avx2"):
        return Machine(16, 32)
    return Machine(16 if architecture in ("x86_64", "AMD64") else 32, 16)


HOST = machine_of(_features(), platform.machine())
REGISTERS, VECTOR_BYTES = HOST
# Rows of two vectors in a tile: half of the registers hold sums.
TILE_ROWS = REGISTERS // 4
