"""Measured machine performance."""

import numpy as np
import pytest

from jitcnn.benchmark import machine
from jitcnn.kernels.simd.machine import HOST, Machine, machine_of


def test_rates_use_the_best_round(monkeypatch, dtype):
    """Rounds of 3, 1 and 2 seconds: 2·64³ operations, and twice the bytes of an array of 2²⁴ elements."""
    ticks = iter([0, 3, 0, 1, 0, 2] * 2)
    monkeypatch.setattr(machine, "ROUNDS", 3)
    monkeypatch.setattr(machine, "perf_counter", lambda: next(ticks))
    measured = machine.measure_machine(dtype, size=64)
    assert measured.matmul_gflops == pytest.approx(2 * 64**3 / 1e9)
    assert measured.copy_gigabytes == pytest.approx(2 * 2**24 * np.dtype(dtype).itemsize / 1e9)
    assert next(ticks, None) is None


def test_environment_contains_processor_threads_and_versions():
    record = machine.environment()
    assert record["processor"] == machine.processor() != ""
    assert record["vector_bits"] == 8 * HOST.vector_bytes
    assert record["threads"] <= record["cores"]
    assert {"jitcnn", "numpy", "numba"} <= set(record["versions"])


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"avx512f": True, "avx2": True, "avx": True}, Machine(32, 64)),
        ({"avx512f": False, "avx2": True, "avx": True}, Machine(16, 32)),
        ({"avx2": True}, Machine(16, 32)),
        ({"sse2": True}, Machine(16, 16)),
        ({"neon": True}, Machine(32, 16)),
    ],
)
def test_registers_match_the_instruction_set(features, expected):
    assert machine_of(features, "x86_64" if "neon" not in features else "aarch64") == expected
