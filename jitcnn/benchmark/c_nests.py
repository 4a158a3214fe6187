"""The loop nests of ``kernels.conv.loops`` in C: compile, compare with Python, and time.

The source is ``benchmarks/c/loops.c``, included in the package. It is timed in a separate process, because OpenMP threads
and ours would compete for the cores.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from ..errors import ConfigError, DisagreementError
from ..kernels.conv import loops
from ..kernels.types import Grid
from ..support.arrays import Array
from .tolerance import TOLERANCE, differences

# N, C_in, H = W and C_out of 3×3 convolutions; output feature maps of 11², 32² and 56² pixels.
SHAPES = ((64, 32, 13, 64), (16, 64, 34, 64), (4, 128, 58, 128))
FLAGS = ("-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC")
PASSES = ("forward", "d_weights", "d_x")

Case = tuple[str, Callable[[], object]]


def source() -> Path:
    """Path of the C source: in the package, or in the repository."""
    carried = Path(__file__).parent / "c" / "loops.c"
    return carried if carried.exists() else Path(__file__).parents[2] / "benchmarks" / "c" / "loops.c"


def compiler() -> str:
    """Path of the C compiler: ``CC``, else ``cc``; ConfigError if not found."""
    name = os.environ.get("CC", "cc")
    found = shutil.which(name)
    if found is None:
        raise ConfigError(
            f"--against c needs a C compiler with OpenMP, but {name} was not found: install gcc or set CC."
        )
    return found


@cache
def library() -> Any:
    """Compile and load the C library; ConfigError if compilation fails."""
    built = Path(mkdtemp(prefix="jitcnn-c-"), "loops.so")
    command = [compiler(), *FLAGS, "-o", str(built), str(source())]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConfigError(f"--against c could not compile {source().name} with {command[0]}: {reason}")
    nests = ctypes.CDLL(str(built))
    shutil.rmtree(built.parent, ignore_errors=True)  # Windows keeps a library that is loaded
    return nests


def shapes() -> Iterator[tuple[str, dict[str, Array]]]:
    """Yield a label and random arrays for every shape: x, weights, bias and out, which is also used as d_out."""
    rng = np.random.default_rng(0)
    for N, C_in, size, C_out in SHAPES:
        sizes = {"x": (N, C_in, size, size), "weights": (C_out, C_in, 3, 3), "bias": (C_out,)}
        sizes["out"] = (N, C_out, size - 2, size - 2)
        arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in sizes.items()}
        yield f"{N}×{C_in}×{size}² → {C_out}", arrays


def passes_in_python(arrays: dict[str, Array], grid: Grid) -> dict[str, Callable[[], object]]:
    """The passes of ``loops``; each overwrites one of ``arrays``."""
    x, weights, bias, out = arrays.values()
    d_bias = np.empty_like(bias)
    return {
        "forward": partial(loops.conv2d_forward, x, weights, bias, grid, out),
        "d_weights": partial(loops.conv2d_backward_weights, out, x, grid, weights, d_bias),
        "d_x": partial(loops.conv2d_backward_input, out, weights, grid, x),
    }


def passes_in_c(arrays: dict[str, Array], grid: Grid) -> dict[str, Callable[[], object]]:
    """The same passes in C."""
    x, weights, bias, out = arrays.values()
    d_bias, nests = np.empty_like(bias), library()
    fields = np.array([*grid.stride, *grid.dilation, *grid.pad], np.intp)
    sizes = np.array([*x.shape, *out.shape[1:], *weights.shape[1:]], np.intp)
    calls = {
        "forward": (nests.conv2d_forward, x, weights, bias, out, fields, sizes),
        "d_weights": (nests.conv2d_backward_weights, out, x, weights, d_bias, fields, sizes),
        "d_x": (nests.conv2d_backward_input, out, weights, x, fields, sizes),
    }

    def run(nest: Any, *given: Any) -> None:
        nest(*(ctypes.c_void_p(array.ctypes.data) for array in given))

    return {name: partial(run, *call) for name, call in calls.items()}


RESULTS = {"forward": "out", "d_weights": "weights", "d_x": "x"}


def assert_equal() -> float:
    """Compare both on every pass and shape; return the largest difference, DisagreementError if above rounding."""
    largest = 0.0
    for label, arrays in shapes():
        for name, result in RESULTS.items():
            results = []
            for passes_of in (passes_in_python, passes_in_c):
                mine = {key: array.copy() for key, array in arrays.items()}
                passes_of(mine, Grid())[name]()
                results.append(mine[result])
            found = float(differences(*results).max())
            if not found <= TOLERANCE[np.dtype(np.float32)]:
                raise DisagreementError(f"{label}, {name}: loops and C differ by {found:.2g}, so they were not timed.")
            largest = max(largest, found)
    return largest


def cases(side: str) -> Iterator[Case]:
    """Yield the timed cases of one side, "jitcnn" or "c"."""
    for label, arrays in shapes():
        passes_of = passes_in_python if side == "jitcnn" else passes_in_c
        for name, work in passes_of(arrays, Grid()).items():
            yield f"{label}, {name}", work
