"""Long runs and concurrent processes."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from jitcnn import CNN, SGD, Conv2D, Dense, Flatten, MaxPool2D, ReLU, train_step

STEPS, GROWTH = 2000, 5  # number of steps, and allowed memory growth in MB

TRAIN_A_DENSE_NET = """
import hashlib, json, sys
import numpy as np
from jitcnn import CNN, SGD, Dense, train_step
from jitcnn.kernels import runtime
rng = np.random.default_rng(0)
with runtime.CompileClock() as clock:
    model = CNN([Dense(6, 3, rng=rng)])
    losses = [train_step(model, rng.random((4, 6), np.float32), np.array([0, 1, 2, 0]), SGD()) for _ in range(3)]
json.dump([losses, clock.kernels], sys.stdout)
"""


def resident():
    """Resident memory of this process, in MB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.compiled
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory_stays_flat_over_many_steps(rng):
    model = CNN([Conv2D(1, 8, 3, rng=rng), ReLU(), MaxPool2D(), Flatten(), Dense(8 * 25, 10, rng=rng)])
    optimizer, x, y = SGD(), rng.random((16, 1, 12, 12), np.float32), rng.integers(0, 10, 16)
    before = 0.0
    for step in range(STEPS):
        train_step(model, x[: 16 - step % 3], y[: 16 - step % 3], optimizer)
        if step == STEPS // 10:
            before = resident()
    assert resident() - before < GROWTH


@pytest.mark.compiled
def test_two_processes_can_share_one_kernel_cache(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", TRAIN_A_DENSE_NET]

    def start():
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def answer(process):
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        return json.loads(out)

    first, second = [answer(process) for process in (start(), start())]
    later = answer(start())
    assert first[0] == second[0] == later[0]
    assert first[1] + second[1] > 0  # each kernel in one of them
    assert later[1] == 0  # the cache is complete although two processes wrote it at once
