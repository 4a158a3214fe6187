"""``runtime``: threads, kernel cache and compile clock."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitcnn.kernels import runtime
from jitcnn.kernels.engine.plan import IMPLEMENTATIONS

TRAIN_SOME_STEPS = """
import hashlib, json, sys
import numpy as np
from jitcnn import SGD, train_step
from jitcnn.functional import conv2d, conv2d_backward
from jitcnn.kernels import runtime
from jitcnn.kernels.engine.plan import IMPLEMENTATIONS
from jitcnn.models import mnist_cnn
digests = {}
for impl in IMPLEMENTATIONS:
    for threads in (1, 2, 4):
        runtime.set_threads(threads)
        rng = np.random.default_rng(3)
        bits = b""
        for N, C_in, C_out, groups in ((5, 3, 5, 1), (5, 40, 48, 1), (5, 6, 6, 3), (2, 64, 96, 2)):
            x, weights = rng.random((N, C_in, 7, 6), np.float32), rng.random((C_out, C_in // groups, 3, 3), np.float32)
            out = conv2d(x, weights, None, 1, 1, 1, groups, impl=impl)
            bits += b"".join(a.tobytes() for a in (out, *conv2d_backward(out, x, weights, 1, 1, 1, groups, impl=impl)))
        if impl != "naive":  # naive takes seconds per step
            model, optimizer = mnist_cnn(seed=1, impl=impl), SGD()
            for _ in range(3):
                x = rng.random((21, 1, 28, 28), np.float32)
                train_step(model, x, rng.integers(0, 10, 21), optimizer)
            bits += b"".join(p.tobytes() for p in model.parameters())
        digests[f"{impl} {threads}"] = hashlib.sha256(bits).hexdigest()
json.dump(digests, sys.stdout)
"""


def run(script, **environment):
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.compiled
def test_results_are_bitwise_equal_on_one_two_and_four_threads():
    digests = json.loads(run(TRAIN_SOME_STEPS, NUMBA_NUM_THREADS="4"))
    by_impl = {impl: {digests[f"{impl} {threads}"] for threads in (1, 2, 4)} for impl in IMPLEMENTATIONS}
    assert {impl: len(found) for impl, found in by_impl.items()} == dict.fromkeys(IMPLEMENTATIONS, 1)
    # The algorithms sum in different orders, so their results differ bitwise.
    assert len(set.union(*by_impl.values())) == len(IMPLEMENTATIONS)


def test_edit_in_any_subpackage_changes_the_source_hash(tmp_path):
    """Numba does not detect an edit in an imported file, so a stale kernel would be loaded from the cache."""
    rooms = tmp_path / "kernels"
    shutil.copytree(Path(runtime.__file__).parent, rooms, ignore=shutil.ignore_patterns("__pycache__"))
    assert runtime._source_hash(rooms) == runtime._source_hash()
    hashes = {runtime._source_hash(rooms)}
    sources = sorted(rooms.rglob("*.py"))
    assert len({source.parent for source in sources}) > 5
    for source in sources:
        source.write_bytes(source.read_bytes() + b"#")
        hashes.add(runtime._source_hash(rooms))
    assert len(hashes) == len(sources) + 1


def test_tbb_is_loaded_only_when_numba_supports_it(monkeypatch, tmp_path):
    if not runtime._load_tbb():
        pytest.skip("tbb is not installed")
    monkeypatch.setattr(runtime, "find_spec", lambda _: SimpleNamespace(submodule_search_locations=[str(tmp_path)]))
    assert not runtime._load_tbb()
    (tmp_path / "np" / "ufunc").mkdir(parents=True)
    (tmp_path / "np" / "ufunc" / "tbbpool.cpython-311-x86_64-linux-gnu.so").touch()
    assert runtime._load_tbb()


@pytest.mark.parametrize("cache", ["/proc/none", "/dev/null"])
def test_kernels_are_cached_elsewhere_when_the_cache_is_not_writable(cache):
    script = "from jitcnn.kernels import runtime; import jitcnn.kernels.conv.im2col; print(runtime.cache_folder())"
    assert "jitcnn-kernels-" in run(script, XDG_CACHE_HOME=cache, HOME=cache, TMPDIR="")


def test_kernels_run_when_the_home_folder_is_deleted(tmp_path):
    script = """
import os, shutil
import numpy as np
from jitcnn import functional
from jitcnn.kernels import runtime
home = os.environ["HOME"]
assert runtime.cache_folder().startswith(home)
shutil.rmtree(home)
open(home, "w").close()  # prevents a new folder
print(functional.relu(np.array([-1, 2], np.float32)))
"""
    home = tmp_path / "home"
    home.mkdir()
    assert run(script, HOME=str(home), XDG_CACHE_HOME="", NUMBA_CACHE_DIR="") == "[0. 2.]\n"


@pytest.mark.compiled
def test_compile_clock_counts_only_new_kernels():
    import numba

    doubled = numba.njit(lambda x: 2 * x)
    told = []
    with runtime.CompileClock(lambda name, before: told.append((name, before)), lambda: told.append("done")) as first:
        assert doubled(2) == 4
    with runtime.CompileClock() as second:
        assert doubled(3) == 6
    assert (first.kernels, told) == (1, [("<lambda>", 0), "done"])
    assert first.seconds > 0
    assert (second.kernels, second.seconds) == (0, 0.0)
