"""How kernels are compiled, cached and run: every deliberate choice about numba, in one place.

Threads
    Two thread pools that both spin while idle (numba's OpenMP layer and the BLAS) slow each other
    down many times over. On x86-64 we therefore take numba's ``tbb`` layer, which sleeps when idle,
    launches a kernel in about 2 µs and may be called from several Python threads; the ``tbb`` wheel
    is a dependency there. Elsewhere OpenMP, set to wait passively. ``NUMBA_THREADING_LAYER``
    overrides the choice. The BLAS runs on one thread, see ``blas``.
Cache
    numba notices an edited file but not an edit in a file it calls into, and it gives up when both
    the package and HOME are read-only. So the cache lives in the user's cache folder under a hash of
    all kernel sources, or in a private temporary folder when that cannot be written. Should it vanish
    while a training runs, what is compiled then is not kept, and the training goes on.
    ``NUMBA_CACHE_DIR`` overrides it.
Arithmetic
    ``FASTMATH`` lets the compiler reorder sums (needed to vectorise a dot product) and fuse
    multiply-adds. It leaves out ``nnan`` and ``ninf``: a NaN stays visible.
Compiling
    On the first run it is what the user waits for. Optimising at level 2 takes a fifth less time than at numba's 3, and
    the kernels run as fast; divisions that do not test for zero, and no second entry for callers in C, save a little more.
"""

import ctypes
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import platformdirs

FASTMATH = {"reassoc", "contract", "arcp", "nsz"}


def _load_tbb() -> bool:
    """Load the tbb wheel's library, if it is installed and numba was built for it; must run before numba is imported.

    numba asks the system for it by name, which does not look into a virtual environment. Its wheels of 0.62.0 and some
    distributions' packages were built without the layer.
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
            except OSError:  # built for another system: numba's next layer serves
                return False
            return True
    return False


def _source_hash(folder: Path = Path(__file__).parent) -> str:
    """Twelve digits that change whenever a kernel source changes, in any room."""
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        digest.update(f"{source.relative_to(folder)}\n".encode() + source.read_bytes())
    return digest.hexdigest()[:12]


def _choose_cache_folder() -> str:
    """The first folder that can be written: the user's cache, else a private temporary one."""
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
os.environ.setdefault("NUMBA_OPT", "2")

import numba  # noqa: E402  (the environment above must be set first)
from llvmlite import binding  # noqa: E402
from numba.core import caching, event  # noqa: E402
from numba.core.compiler_lock import global_compiler_lock  # noqa: E402
from numba.np.ufunc import parallel  # noqa: E402

_CONFIG: Any = numba.config  # its settings are made at run time, out of sight of type checkers

if _HAS_TBB and "NUMBA_THREADING_LAYER" not in os.environ:
    _CONFIG.THREADING_LAYER = "tbb"
if not os.environ.get("NUMBA_CACHE_DIR"):
    _CONFIG.CACHE_DIR = _choose_cache_folder()


_FunctionCache: Any = caching.FunctionCache  # of no type either


class _Cache(_FunctionCache):  # type: ignore[misc]
    """numba's cache of compiled kernels; where its folder has vanished, nothing is found and nothing kept."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with suppress(OSError):
            return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    options |= {"fastmath": FASTMATH, "error_model": "numpy", "no_cfunc_wrapper": True}
    compiled: Callable[..., Any] = numba.njit(**options)(function)
    if compiled is not function:  # as it is under NUMBA_DISABLE_JIT
        setattr(compiled, "_cache", _Cache(function))  # noqa: B010  (what cache=True does, but for the class)
    return compiled


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a nest of loops that runs on one thread."""
    return _compiled(function)


def parallel_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a nest of loops whose ``prange`` runs on all threads."""
    return _compiled(function, parallel=True)


def parallel_loops(function: Callable[..., Any]) -> Callable[..., Any]:
    """As ``parallel_kernel``, for a nest whose innermost loop is short, as the row of an image is.

    LLVM would compute up to four vectors at once and leave what is over, of a row of 11 pixels all, to one number at a
    time; here it takes one vector after another (64×32×13²→64: 13 GFLOP/s instead of 10; rows of 56: 60 instead of 47).
    """
    nest: Any = parallel_kernel(function)
    if nest is not function:
        compile_nest = nest.compile

        def compile_by_single_vectors(signature: Any) -> Any:
            with global_compiler_lock:  # one setting for all that LLVM compiles
                binding.set_option("", "-force-vector-interleave=1")
                try:
                    return compile_nest(signature)
                finally:
                    binding.set_option("", "-force-vector-interleave=0")

        nest.compile = compile_by_single_vectors
    compiled: Callable[..., Any] = nest
    return compiled


def most_threads() -> int:
    """Return how many threads there are to use."""
    return int(_CONFIG.NUMBA_NUM_THREADS)


def thread_count() -> int:
    """Return how many threads a kernel runs on now."""
    return int(numba.get_num_threads())


def set_threads(count: int) -> None:
    """Run kernels on ``count`` threads, 1 to ``most_threads()``."""
    numba.set_num_threads(count)


def threading_layer() -> str:
    """Return the name of the layer that runs the threads: tbb, omp or workqueue."""
    thread_count()  # starts them
    return str(parallel.threading_layer())  # type: ignore[no-untyped-call]


def cache_folder() -> str:
    """Return the folder in which compiled kernels are kept."""
    return str(_CONFIG.CACHE_DIR)


def cache_is_empty() -> bool:
    """Return whether no kernel of this version was ever compiled and kept."""
    return not any(Path(cache_folder()).rglob("*.nbi"))


class CompileClock(event.Listener):
    """Counts, while it is entered, the kernels compiled and the seconds it takes; a load from the cache is nothing.

    Parameters
    ----------
    on_kernel : called with the name of each kernel as its compile begins, and how many came before it
    on_done : called as the compile of each ends
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
        """Numba begins to compile something; what a kernel calls is compiled within it."""
        if self._depth == 0:
            self._start = perf_counter()
            self._on_kernel(event.data["dispatcher"].py_func.__name__, self.kernels)
        self._depth += 1

    def on_end(self, event: Any) -> None:
        """Numba has compiled it."""
        self._depth -= 1
        if self._depth == 0:
            self.seconds += perf_counter() - self._start
            self.kernels += 1
            self._on_done()
