"""The compiler of kernels: the same bits whether a kernel is compiled or loaded, and functions that Python calls as well."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from jitcnn.kernels.compiler import is_inner
from jitcnn.kernels.runtime import kernel, parallel_kernel

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")

TRAIN = """
import numpy as np
from jitcnn import CNN, SGD, BatchNorm2D, Conv2D, Dense, GlobalAvgPool2D, ReLU, Softmax, train_step
rng = np.random.default_rng(0)
blocks = [layer for _ in range(2) for layer in (Conv2D(16, 16, 3, padding=1, rng=rng), BatchNorm2D(16), ReLU())]
net = CNN([*blocks, GlobalAvgPool2D(), Dense(16, 10, rng=rng), Softmax()], input_shape=(16, 16, 16))
x, y = rng.random((16, 16, 16, 16), dtype=np.float32), rng.integers(0, 10, 16)
optimizer = SGD(0.01)
for _ in range(2):
    train_step(net, x, y, optimizer)
print(net.fingerprint())
"""


def test_training_has_the_same_bits_compiled_and_loaded(tmp_path):
    """numba's default compiler links functions weakly: which code of two equal functions ran depended on what was loaded first."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", TRAIN], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))


def pair(options=kernel):
    """A kernel, and the function it calls."""

    @kernel
    def scaled_sum(x, by):
        total = x[0] * by
        for i in range(1, len(x)):
            total += x[i] * by
        return total

    @options
    def apply(x, out):
        for i in numba.prange(len(out)):
            out[i] = scaled_sum(x, 2) + scaled_sum(x, np.intp(i))

    return apply, scaled_sum


@pytest.mark.parametrize("options", [kernel, parallel_kernel])
def test_kernel_compiles_what_it_calls_for_itself_alone(options):
    apply, scaled_sum = pair(options)
    out = np.zeros(3)
    apply(np.array([1.0, 2.0]), out)
    assert out.tolist() == [6, 9, 12]
    (inner,) = scaled_sum.overloads.values()  # one, though an argument is a constant once
    assert is_inner(inner)
    assert scaled_sum(np.array([1.0, 2.0]), 3) == 9
    (callable_,) = scaled_sum.overloads.values()
    assert not is_inner(callable_)
    apply(np.array([1.0, 2.0]), out)
    assert out.tolist() == [6, 9, 12]


def test_function_from_the_cache_gives_a_kernel_the_same_bits(tmp_path, rng):
    x, bits = rng.random(1000).astype(np.float32), []
    for _ in range(2):
        apply, scaled_sum = pair(parallel_kernel)
        out = np.zeros(3)
        apply(x, out)
        bits.append(out.tobytes())
        scaled_sum(x, 3)
        for file in tmp_path.rglob("*apply*"):  # is compiled again; the function is loaded
            file.unlink()
    assert list(tmp_path.rglob("*scaled_sum*"))
    assert bits[0] == bits[1]


def test_function_called_before_can_be_used_by_a_kernel():
    apply, scaled_sum = pair()
    assert scaled_sum(np.array([1.0, 2.0]), 3) == 9
    out = np.zeros(3)
    apply(np.array([1.0, 2.0]), out)
    assert out.tolist() == [6, 9, 12]


def test_functions_of_a_kernel_are_its_own():
    apply, _ = pair(parallel_kernel)
    apply(np.array([1.0, 2.0]), np.zeros(3))
    (code,) = apply.inspect_llvm().values()
    assert "define linkonce" not in code
    assert "define weak" not in code
