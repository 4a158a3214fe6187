"""Same seed, same bits from any Python thread and process: threads, forks, spawned processes, joblib and pytest-xdist."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from bits import IMPLS

from jitcnn.kernels import runtime

TESTS = Path(__file__).parents[1]
LAYERS = ("tbb", "omp", "workqueue")
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
pytestmark = pytest.mark.compiled
START = """
import json, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import bits
from bits import IMPLS, digest, forked, in_thread
from jitcnn.kernels import blas, memory, pools, runtime
found = {}
"""


def run(script, layer=None, before="", **environment):
    """What the script leaves in ``found``; a new process because the pool of threads is chosen once per process."""
    if layer == "tbb" and not runtime._HAS_TBB:
        pytest.skip("tbb is not installed")
    if layer == "omp" and find_spec("numba.np.ufunc.omppool") is None:
        pytest.skip("this numba has no OpenMP layer")
    settings = {"NUMBA_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": str(TESTS)}
    settings |= {"NUMBA_THREADING_LAYER": layer} if layer else {}
    done = subprocess.run(
        [sys.executable, "-c", f"{before}{START}\n{script}\nprint(json.dumps(found))"],
        env={**os.environ, **settings, **environment}, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def expected():
    """Digest of each implementation in a fresh main thread, with a BLAS that has one thread."""
    found = run("found = {impl: digest(impl) for impl in IMPLS}", OPENBLAS_NUM_THREADS="1")
    assert len(set(found.values())) >= len(IMPLS) - 1  # "auto" may take the same algorithms as another
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_bits_are_the_same_in_three_python_threads_at_once(expected, layer):
    script = """
with ThreadPoolExecutor(3) as threads:
    for impl in IMPLS:
        found[impl] = sorted({digest(impl), *threads.map(digest, [impl] * 3)})
"""
    assert run(script, layer) == {impl: [bits] for impl, bits in expected.items()}


@FORKS
@pytest.mark.parametrize("layer", LAYERS)
def test_forked_child_gives_the_bits_of_its_parent(expected, layer):
    """From the main thread and from another, and a child of the child; each after the parent used its pools."""
    script = """
for impl in IMPLS:
    found[impl] = [digest(impl), forked(digest, impl), in_thread(forked, digest, impl), forked(forked, digest, impl)]
    found[impl].append(digest(impl))
found["threads"] = forked(runtime.thread_count)
"""
    assert run(script, layer) == {impl: [bits] * 5 for impl, bits in expected.items()} | {"threads": "2"}


@FORKS
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("impl", ["direct", "im2col"])
def test_forked_child_answers_while_another_thread_of_the_parent_computes(expected, layer, impl):
    script = f"""
digest({impl!r})
stop = threading.Event()
def compute():
    while not stop.is_set():
        digest({impl!r})
busy = threading.Thread(target=compute)
busy.start()
for fork in (forked, lambda *work: in_thread(forked, *work)):
    for _ in range(6):
        answer = fork(digest, {impl!r})
        found[answer] = found.get(answer, 0) + 1
        if answer == "no answer":
            break
stop.set()
busy.join()
"""
    assert run(script, layer) == {expected[impl]: 12}


@FORKS
def test_fork_after_one_pool_was_started_by_other_code(expected):
    """Kernels that are loaded only in the child use the pool that replaces the parent's."""
    script = """
import numba
numba.get_num_threads()
@numba.njit(parallel=True)
def double(x):
    for i in numba.prange(len(x)):
        x[i] *= 2
double(np.ones(1000))
found = {impl: forked(digest, impl) for impl in ("direct", "im2col")}
"""
    assert run(script) == {impl: expected[impl] for impl in ("direct", "im2col")}


@FORKS
def test_forked_child_computes_serially_when_openmp_cannot_be_loaded(expected):
    script = """
pools._omp = lambda: None
digest("direct")
found = [pools.layer(), *forked(lambda: f"{pools.layer()} {digest('direct')}").split()]
"""
    assert run(script, "tbb") == ["tbb", "serial", expected["direct"]]


@FORKS
def test_forked_child_of_tbb_runs_its_kernels_on_openmp():
    script = "digest('direct'); found = [runtime.threading_layer(), forked(runtime.threading_layer)]"
    assert run(script, "tbb") == ["tbb", "omp" if find_spec("numba.np.ufunc.omppool") else "serial"]


@FORKS
@pytest.mark.torch
@pytest.mark.parametrize("imports_torch_first", [True, False])
@pytest.mark.parametrize("layer", ["tbb", "omp"])
def test_forked_child_answers_after_torch_started_its_threads(expected, layer, imports_torch_first):
    """torch brings a libgomp of its own, to which the names in numba's module are bound."""
    pytest.importorskip("torch")
    use = """
import torch
a = torch.randn(400, 400, requires_grad=True)
(a @ a).sum().backward()
torch.nn.Conv2d(8, 8, 3)(torch.randn(16, 8, 28, 28)).sum().backward()
"""
    fork = "found = [forked(digest, impl) for impl in ('direct', 'im2col') for _ in range(3)]"
    script = f"{use}\ndigest('direct')\n{fork}" if imports_torch_first else f"digest('direct')\n{use}\n{fork}"
    assert run(script, layer) == [expected["direct"]] * 3 + [expected["im2col"]] * 3


@FORKS
@pytest.mark.parametrize("layer", ["tbb", "omp"])
def test_forked_child_computes_serially_when_openmp_cannot_end_its_threads(expected, layer):
    script = """
pools._omp()  # the parent's libgomp has threads
pools._pauses = lambda: []
digest("direct")
found = [forked(lambda: f"{pools.layer()} {digest('direct')}"), forked(forked, pools.layer)]
"""
    if find_spec("numba.np.ufunc.omppool") is None:
        pytest.skip("this numba has no OpenMP layer")
    serial = run(script, layer)
    if serial[0].startswith("omp"):
        pytest.skip("OpenMP is not that of GNU")
    assert serial == [f"serial {expected['direct']}", "serial"]


def test_python_threads_share_workqueue_on_a_system_without_forks(expected):
    """As on Windows: numba's own workqueue ends the process when two Python threads call it at once."""
    script = """
with ThreadPoolExecutor(3) as threads:
    found = sorted({digest("direct"), *threads.map(digest, ["direct"] * 6)})
"""
    without_forks = "import os, concurrent.futures, multiprocessing, numba.np.ufunc.parallel\ndel os.register_at_fork\n"
    assert run(script, "workqueue", before=without_forks) == [expected["direct"]]


@FORKS
def test_fork_does_not_load_openmp_with_a_setting_that_stays():
    script = """
os.environ.pop("OMP_WAIT_POLICY", None)
digest("direct")
found = [forked(os.environ.get, "OMP_WAIT_POLICY"), os.environ.get("OMP_WAIT_POLICY")]
"""
    assert run(script, "tbb") == ["None", None]


@FORKS
@pytest.mark.parametrize("lock", ["memory._lock", "blas.one_blas_thread()", "pools._COMPILER_LOCK"])
def test_fork_waits_for_a_lock_that_another_thread_holds(expected, lock):
    script = f"""
held = threading.Event()
def hold():
    with {lock}:
        held.set()
        time.sleep(1)
holder = threading.Thread(target=hold)
holder.start()
held.wait()
found = forked(digest, "im2col")
holder.join()
"""
    assert run(script) == expected["im2col"]


def test_spawned_process_gives_the_bits_of_its_parent(expected):
    assert dict(zip(IMPLS, run("found = bits.spawned(IMPLS)"), strict=True)) == expected


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib_gives_the_same_bits(expected, backend):
    pytest.importorskip("joblib")
    script = f"""
import joblib
digest("im2col"), digest("auto")
found = joblib.Parallel(n_jobs=2, backend={backend!r}, timeout=600)(joblib.delayed(digest)(impl) for impl in IMPLS)
"""
    assert dict(zip(IMPLS, run(script), strict=True)) == expected


def test_pytest_xdist_gives_the_same_bits(expected, tmp_path):
    pytest.importorskip("xdist")
    test = tmp_path / "test_bits.py"
    fork = "" if not hasattr(os, "fork") else "    assert bits.forked(bits.digest, impl) == EXPECTED[impl]\n"
    test.write_text(
        f"import bits, pytest\nEXPECTED = {expected}\n@pytest.mark.parametrize('impl', bits.IMPLS)\n"
        f"def test_bits(impl):\n    assert bits.digest(impl) == EXPECTED[impl]\n{fork}"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-p", "no:nbmake", str(test)],
        env={**os.environ, "PYTHONPATH": str(TESTS)}, cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=900,
    )  # fmt: skip
    assert f"{len(IMPLS)} passed" in done.stdout, done.stdout + done.stderr


def test_thread_goes_on_when_the_main_thread_has_ended(expected):
    """No thread of a pool starts any more then; im2col goes on alone."""
    script = """
def late():
    threading.main_thread().join()
    print(json.dumps([digest("im2col"), digest("direct")]))
threading.Thread(target=late).start()
found = None
"""
    assert run(script) == [expected["im2col"], expected["direct"]]
