"""How kernels are compiled, cached and run: all numba settings in one place.

Threads
    Two thread pools that both spin while idle (numba's OpenMP layer and the BLAS) slow each other
    down many times over. On x86-64 we therefore use numba's ``tbb`` layer, which sleeps when idle,
    launches a kernel in about 2 µs and can be called from several Python threads; the ``tbb`` wheel
    is a dependency there. Other platforms use OpenMP with passive waiting, or numba's own
    ``workqueue`` where there is no OpenMP library, as often on macOS. ``NUMBA_THREADING_LAYER``
    overrides the choice. The BLAS runs on one thread, see ``blas``; Accelerate, that of numpy on macOS,
    has no function for it and reads ``VECLIB_MAXIMUM_THREADS``. Forks and Python threads: see ``pools``.
Cache
    numba detects an edited file, but not an edit in a file it calls into, and its cache fails when both
    the package and HOME are read-only. The cache is therefore stored in the user's cache folder under a
    hash of all kernel sources, or in a private temporary folder if that is not writable. If the folder
    is deleted during training, newly compiled kernels are not cached, and training continues.
    ``NUMBA_CACHE_DIR`` overrides the location.
Arithmetic
    ``FASTMATH`` lets the compiler reorder sums (needed to vectorise a dot product) and fuse
    multiply-adds. It excludes ``nnan`` and ``ninf``: NaN propagates.
Compilation
    Compile time dominates the first run. Optimisation level 2 takes 20 % less time than numba's default of 3, and the
    kernels are as fast. Skipping the zero check in divisions and the wrapper for C callers saves a little more. ``compiler``
    optimises each kernel once, not every function it calls as well.
"""

import ctypes
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import platformdirs

FASTMATH = {"reassoc", "contract", "arcp", "nsz"}


def _load_tbb() -> bool:
    """Load the tbb wheel's library if it is installed and numba supports it; call before importing numba.

    numba loads the library by name, and the system does not search virtual environments. The wheels of numba 0.62.0 and some
    distribution packages were built without the tbb layer.
    """
    numba_package = find_spec("numba")
    folders = [] if numba_package is None else numba_package.submodule_search_locations or []
    if not any(any(Path(folder, "np", "ufunc").glob("tbbpool.*")) for folder in folders):
        return False
    for library in ("lib/libtbb.so.12", "Library/bin/tbb12.dll"):
        path = Path(sys.prefix, library)
        if path.exists():
            try:
                ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            except OSError:  # built for another system: numba uses its next layer
                return False
            return True
    return False


def _source_hash(folder: Path = Path(__file__).parent) -> str:
    """Hash of all kernel sources, as twelve hexadecimal digits."""
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        digest.update(f"{source.relative_to(folder)}\n".encode() + source.read_bytes())
    return digest.hexdigest()[:12]


def _choose_cache_folder() -> str:
    """The user's cache folder if writable, otherwise a private temporary folder."""
    folder = platformdirs.user_cache_path("jitcnn") / "kernels" / _source_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return str(folder)
    except OSError:
        return tempfile.mkdtemp(prefix="jitcnn-kernels-")


_HAS_TBB = _load_tbb()
if not _HAS_TBB:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if sys.platform == "darwin":
    os.environ.setdefault("VECLIB_MAXIMUM_THREADS", "1")
os.environ.setdefault("NUMBA_OPT", "2")

import numba  # noqa: E402  (the environment above must be set first)
from llvmlite import binding  # noqa: E402
from numba.core import event  # noqa: E402
from numba.core.compiler_lock import global_compiler_lock  # noqa: E402

from . import pools  # noqa: E402
from .compiler import KernelCompiler, compile_for_kernels  # noqa: E402
from .kernel_cache import KernelCache  # noqa: E402

_CONFIG: Any = numba.config  # its attributes are set at run time, so type checkers do not see them

if _HAS_TBB and "NUMBA_THREADING_LAYER" not in os.environ:
    _CONFIG.THREADING_LAYER = "tbb"
if not os.environ.get("NUMBA_CACHE_DIR"):
    _CONFIG.CACHE_DIR = _choose_cache_folder()


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    options |= {
        "fastmath": FASTMATH,
        "error_model": "numpy",
        "no_cfunc_wrapper": True,
        "pipeline_class": KernelCompiler,
    }
    compiled: Callable[..., Any] = numba.njit(**options)(function)
    if compiled is not function:  # they are the same under NUMBA_DISABLE_JIT
        setattr(compiled, "_cache", KernelCache(function))  # noqa: B010  (as cache=True does, with another class)
        compile_for_kernels(compiled)
    return compiled


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop nest that runs on one thread."""
    return _compiled(function)


def parallel_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop nest whose ``prange`` runs on all threads."""
    return _compiled(function, parallel=True)


def parallel_loops(function: Callable[..., Any]) -> Callable[..., Any]:
    """``parallel_kernel`` for a nest with a short innermost loop, such as the row of an image.

    By default LLVM interleaves up to four vectors and computes the remainder one element at a time, which for a row of 11
    pixels is all of it. Without interleaving, 64×32×13²→64 runs at 13 instead of 10 GFLOP/s, rows of 56 at 60 instead of 47.
    """
    nest: Any = parallel_kernel(function)
    if nest is not function:
        compile_nest = nest.compile

        def compile_by_single_vectors(signature: Any) -> Any:
            with global_compiler_lock:  # the option is global to LLVM
                binding.set_option("", "-force-vector-interleave=1")
                try:
                    return compile_nest(signature)
                finally:
                    binding.set_option("", "-force-vector-interleave=0")

        nest.compile = compile_by_single_vectors
    compiled: Callable[..., Any] = nest
    return compiled


def most_threads() -> int:
    """Return the maximum number of threads."""
    return int(_CONFIG.NUMBA_NUM_THREADS)


def thread_count() -> int:
    """Return the number of threads that kernels currently use."""
    return int(numba.get_num_threads())


def set_threads(count: int) -> None:
    """Run kernels on ``count`` threads, 1 to ``most_threads()``."""
    numba.set_num_threads(count)


def threading_layer() -> str:
    """Return the name of the thread pool in use: tbb, omp or workqueue, in a forked child see ``pools``."""
    return pools.layer()


def cache_folder() -> str:
    """Return the folder of the compile cache."""
    return str(_CONFIG.CACHE_DIR)


def cache_is_empty() -> bool:
    """Return whether the compile cache contains no kernel of this version."""
    return not any(Path(cache_folder()).rglob("*.nbi"))


class CompileClock(event.Listener):
    """Context manager that counts compiled kernels and the seconds of compilation; loads from the cache do not count.

    Parameters
    ----------
    on_kernel : callable
        Called when the compilation of a kernel starts, with its name and the number of kernels compiled before.
    on_done : callable
        Called when the compilation of a kernel ends.
    """

    def __init__(
        self,
        on_kernel: Callable[[str, int], object] = lambda _name, _before: None,
        on_done: Callable[[], object] = lambda: None,
    ) -> None:
        self.seconds = 0.0
        self.kernels = 0
        self._on_kernel = on_kernel
        self._on_done = on_done
        self._depth = 0
        self._start = 0.0

    def __enter__(self) -> "CompileClock":
        event.register("numba:compile", self)  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *exception: object) -> None:
        event.unregister("numba:compile", self)  # type: ignore[no-untyped-call]

    def on_start(self, event: Any) -> None:
        """Handle the start of a compilation; functions called by a kernel are compiled inside it."""
        if self._depth == 0:
            self._start = perf_counter()
            self._on_kernel(event.data["dispatcher"].py_func.__name__, self.kernels)
        self._depth += 1

    def on_end(self, event: Any) -> None:
        """Handle the end of a compilation."""
        self._depth -= 1
        if self._depth == 0:
            self.seconds += perf_counter() - self._start
            self.kernels += 1
            self._on_done()
