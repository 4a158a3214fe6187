"""Other machines on this one: vectors of 16 bytes, as on Arm; no tbb, as on macOS. A short training, and a comparison with naive."""

import json
import os
import platform
import subprocess
import sys
from importlib.util import find_spec

import pytest

from jitcnn.kernels import runtime

pytestmark = pytest.mark.compiled

# Before jitcnn is imported: 32 registers, as machine_of finds them on any architecture but x86-64. Kernels contain the number
# of registers, and numba's cache distinguishes them by the features.
ARM = "import numba, platform; platform.machine = lambda: 'arm64'"
SSE = {16: "+sse2,+ssse3,+sse4.1,+sse4.2", 32: "+sse2,+ssse3,+sse4.1"}
WITHOUT_TBB = "import sys; sys.modules['numba.np.ufunc.tbbpool'] = None; sys.prefix = 'none'"
SCRIPT = """
import json
import numpy as np
from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU, evaluate, fit, load_digits
from jitcnn.functional import conv2d, conv2d_backward
from jitcnn.kernels import runtime
from jitcnn.kernels.simd.machine import HOST

rng = np.random.default_rng(0)
x, weights = rng.random((3, 5, 9, 8), np.float32), rng.random((18, 5, 3, 3), np.float32)
found = {}
for impl in ("naive", "auto"):
    out = conv2d(x, weights, None, 1, 1, impl=impl)
    found[impl] = [out, *conv2d_backward(out, x, weights, 1, 1, impl=impl)]
largest = max(float(abs(a - b).max() / abs(a).max()) for a, b in zip(*found.values(), strict=True))
net = CNN([Conv2D(1, 8, 3, rng=rng), ReLU(), MaxPool2D(), Flatten(), Dense(1352, 10, rng=rng)], input_shape=(1, 28, 28))
data = load_digits()
fit(net, data, epochs=2, batch_size=16)
accuracy = evaluate(net, data.x_test, data.y_test).accuracy
print(json.dumps([HOST, runtime.threading_layer(), largest, accuracy]))
"""


def run(before, **environment):
    """Vector registers, thread pool, largest relative difference from naive, and accuracy after two epochs."""
    # In the cache of the other tests, so that only the first run compiles
    settings = {**os.environ, "NUMBA_CACHE_DIR": runtime.cache_folder(), **environment}
    settings.pop("NUMBA_THREADING_LAYER", None)
    done = subprocess.run(
        [sys.executable, "-c", f"{before}\n{SCRIPT}"], env=settings, capture_output=True, text=True, check=False,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="Arm has these vectors anyway")
@pytest.mark.parametrize(("before", "registers"), [("", 16), (ARM, 32)], ids=["SSE", "Arm"])
def test_vectors_of_16_bytes_train_and_agree_with_naive(before, registers):
    host, _, difference, accuracy = run(before, NUMBA_CPU_NAME="nehalem", NUMBA_CPU_FEATURES=SSE[registers])
    assert host == [registers, 16]
    assert difference < 1e-5
    assert accuracy > 0.8


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_other_pools_than_tbb_train_and_agree_with_naive(layer):
    if layer == "omp" and find_spec("numba.np.ufunc.omppool") is None:
        pytest.skip("this numba has no OpenMP layer")
    without = f"{WITHOUT_TBB}; sys.modules['numba.np.ufunc.omppool'] = None" if layer == "workqueue" else WITHOUT_TBB
    _, used, difference, accuracy = run(without)
    assert used == layer
    assert difference < 1e-5
    assert accuracy > 0.8
