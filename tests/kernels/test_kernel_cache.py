"""The cache of kernels: of several processes that need a kernel, one compiles it."""

import os
import subprocess
import sys
from time import monotonic

import numba
import pytest

from jitcnn.kernels import kernel_cache
from jitcnn.kernels.kernel_cache import _Claim

pytestmark = [
    pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled"),
    pytest.mark.skipif(kernel_cache.fcntl is None, reason="Windows has no flock"),
]

SCRIPT = """
import sys
import numpy as np
from numba import prange
from jitcnn.kernels import runtime

@runtime.parallel_kernel
def twice(x, out):
    for i in prange(len(x)):
        out[i] = 2 * x[i]

print("ready", flush=True)
sys.stdin.readline()
with runtime.CompileClock() as clock:
    out = np.empty(3)
    twice(np.array([1.0, 2.0, 3.0]), out)
print(clock.kernels, out.tolist())
"""


def test_one_process_compiles_and_the_others_load(tmp_path):
    script = tmp_path / "kernels.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    processes = [
        subprocess.Popen(
            [sys.executable, script], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = sorted(process.communicate()[0] for process in processes)
    assert outputs == ["0 [2.0, 4.0, 6.0]\n", "0 [2.0, 4.0, 6.0]\n", "1 [2.0, 4.0, 6.0]\n"]
    assert not list(tmp_path.rglob("*.lock"))


def test_wait_ends_though_the_other_process_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_cache, "LONGEST_WAIT", 0.1)
    holder, other = _Claim(tmp_path, "kernel"), _Claim(tmp_path, "kernel")
    assert not holder.wait()
    start = monotonic()
    assert other.wait()
    assert 0.1 <= monotonic() - start < 5
    holder.release()
    assert not other.wait()
    other.release()


def test_claims_of_two_kernels_are_independent(tmp_path):
    one, other = _Claim(tmp_path, "one"), _Claim(tmp_path, "other")
    assert not one.wait()
    assert not other.wait()
    one.release()
    other.release()
