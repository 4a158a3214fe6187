"""Numba's thread pool, made safe for forks and for several Python threads.

A forked child has one thread, the one that forked, and a copy of all locks, some held by threads that it lacks. Measured with
numba 0.68: with ``omp`` on Linux numba terminates the child; with ``tbb`` it hangs now and then in TBB's mutexes if another Python
thread of the parent ran kernels; with ``workqueue`` two Python threads that run kernels at once abort the process.

Kernels therefore call the pool through a function of ours, whose target can be replaced:

- a child of a process with ``tbb`` uses ``omp`` (the serial loop where libgomp is missing), which the parent has not started;
- with ``omp`` the parent ends libgomp's idle threads before a fork (OpenMP 5.0, ``omp_pause_resource_all``; they start again
  when needed), and the child registers itself with numba as a new process. There may be two libgomps: numba's functions are
  bound to the first of the process, which is torch's if torch was imported before. A child of a libgomp older than GCC 9,
  which cannot end its threads, uses the serial loop;
- with ``workqueue`` one Python thread runs a kernel at a time. This is also the only case on Windows, which has no forks.

A fork waits for a running compilation. Results do not depend on the pool.
"""

import ctypes
import os
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

import numba
from llvmlite import binding
from numba.core.compiler_lock import global_compiler_lock
from numba.np.ufunc import parallel

_MODULES = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}
_HARD = 2  # omp_pause_hard
# The arguments of numba's parallel_for: body, its pointers, sizes, strides, data, two counts, number of threads.
_ARGUMENTS = "ptr %body, ptr %arrays, ptr %sizes, ptr %strides, ptr %data, i64 %inner, i64 %count, i32 %threads"
_PARALLEL_FOR = """
define void @jitcnn_parallel_for({arguments}) {{
  %pool = load ptr, ptr inttoptr (i64 {pool} to ptr)
  %is_serial = icmp eq ptr %pool, null
  br i1 %is_serial, label %serial, label %parallel
serial:
  call void %body(ptr %arrays, ptr %sizes, ptr %strides, ptr %data)
  ret void
parallel:
  %exclusive = load i32, ptr inttoptr (i64 {exclusive} to ptr)
  %is_shared = icmp eq i32 %exclusive, 0
  br i1 %is_shared, label %shared, label %take
shared:
  call void %pool({arguments})
  ret void
take:
  %taken = atomicrmw xchg ptr inttoptr (i64 {taken} to ptr), i32 1 acquire
  %is_taken = icmp ne i32 %taken, 0
  br i1 %is_taken, label %wait, label %run
wait:
  call i32 inttoptr (i64 {give_way} to ptr)()
  br label %take
run:
  call void %pool({arguments})
  store atomic i32 0, ptr inttoptr (i64 {taken} to ptr) release, align 4
  ret void
}}
"""

_CONFIG: Any = numba.config  # untyped, as is the lock
_COMPILER_LOCK: Any = global_compiler_lock
_pool = ctypes.c_void_p()  # address of the parallel_for in use; 0 for the serial loop
_exclusive, _taken = ctypes.c_int(), ctypes.c_int()  # of workqueue: one Python thread at a time; and whether one runs
_replaced: list[str] = []  # the pool of a forked child, if it is not the one that numba started


def layer() -> str:
    """Return the name of the pool in use: tbb, omp, workqueue or serial."""
    numba.get_num_threads()  # starts the threads
    return _replaced[-1] if _replaced else str(parallel.threading_layer())  # type: ignore[no-untyped-call]


def _module(name: str) -> Any:
    return import_module(f"numba.np.ufunc.{_MODULES[name]}")


@cache
def insert() -> None:
    """Start numba's threads and link all kernels that are compiled or loaded from now on to our function."""
    name = layer()
    if not hasattr(os, "register_at_fork") and name != "workqueue":
        return
    if not _replaced:
        _pool.value, _exclusive.value = _module(name).parallel_for, name == "workqueue"
    binding.add_symbol("numba_parallel_for", _address())


@cache
def _address() -> int:
    """Address of the compiled ``jitcnn_parallel_for``."""
    places = {"pool": _pool, "exclusive": _exclusive, "taken": _taken}
    text = _PARALLEL_FOR.format(
        arguments=_ARGUMENTS,
        give_way=_give_way(),
        **{name: ctypes.addressof(number) for name, number in places.items()},
    )
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    module = binding.parse_assembly(text)
    engine = binding.create_mcjit_compiler(module, binding.Target.from_default_triple().create_target_machine())
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address("jitcnn_parallel_for"))


def _give_way() -> int:
    """Address of the system's function that lets another thread run; it takes no argument and returns an int."""
    library, name = ("kernel32", "SwitchToThread") if os.name == "nt" else (None, "sched_yield")
    return int(ctypes.cast(getattr(ctypes.CDLL(library), name), ctypes.c_void_p).value or 0)


_engines: list[Any] = []  # they own the machine code


@cache
def _omp() -> Any:
    """numba's omp module, None if it cannot be loaded; a libgomp that was not loaded before waits without spinning."""
    policy = os.environ.get("OMP_WAIT_POLICY")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        return _module("omp")
    except ImportError:
        return None
    finally:
        if policy is None:
            del os.environ["OMP_WAIT_POLICY"]


def _started() -> str:
    """Name of the pool that numba has started, empty if none."""
    with suppress(ValueError):
        return str(parallel.threading_layer())  # type: ignore[no-untyped-call]
    return ""


def _pauses() -> list[Any]:
    """``omp_pause_resource_all`` of each libgomp that numba's functions may be bound to; none before GCC 9."""
    found = []
    # The symbols of the process come before those of the module's own libraries
    for library in (None, _omp().__file__):
        with suppress(AttributeError):
            found.append(ctypes.CDLL(library).omp_pause_resource_all)
    return found


def _omp_survives() -> bool:
    """Whether a forked child can use OpenMP; other vendors than GNU restart their threads in it."""
    return _omp() is not None and (_omp().openmp_vendor != "GNU" or bool(_pauses()))


def _before_fork() -> None:
    if _started() in ("tbb", "omp") and _omp() is not None and _omp().openmp_vendor == "GNU":
        for pause in _pauses():
            pause(_HARD)
    _COMPILER_LOCK.acquire()


def _after_fork() -> None:
    _COMPILER_LOCK.release()


def _after_fork_in_child() -> None:
    _COMPILER_LOCK.release()
    _taken.value = 0
    name = _started()
    if not name:
        return
    if name == "tbb" or (name == "omp" and not _omp_survives()):
        name = "omp" if _omp_survives() else "serial"
        _replaced.append(name)
        _pool.value = None if name == "serial" else _omp().parallel_for
    if name != "serial":
        launch = ctypes.CFUNCTYPE(None, ctypes.c_int)(_module(name).launch_threads)
        launch(int(_CONFIG.NUMBA_NUM_THREADS))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
