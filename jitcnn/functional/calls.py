"""Kernel calls: with ``JITCNN_VERBOSE=1``, every call prints one line to standard error.

A line contains the operation, its sizes and dtype, the algorithm, the reason for it, and the time: "jitcnn conv2d 64×32×13×13 →
64×64×11×11 kernel 3×3 float32: winograd, 4 instead of 9 multiplications: 32 and 64 channels, 2,304 tiles, 1.792 ms".
"""

import os
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import prod
from time import perf_counter
from types import ModuleType
from typing import NamedTuple

from ..kernels.engine.plan import Plan, Problem, plan
from ..kernels.memory import empty
from ..kernels.types import DType, Grid, Pair
from ..shapes import Shape
from ..support.arrays import Array
from .checks import check_impl, float_arrays, has_shape

Forms = Mapping[str, ModuleType]
"""Implementations of an operation by name, fastest first: modules that export the same functions."""


class Windows(NamedTuple):
    """Output size (H_out, W_out), kernel size and grid of an operation per channel; by default without windows."""

    size_out: Pair
    kernel_size: Pair = (1, 1)
    grid: Grid = Grid()


VERBOSE = os.environ.get("JITCNN_VERBOSE", "0") not in ("", "0")


def call(operation: str, problem: Problem, plan: Plan, kernel: Callable[..., object], *arguments: object) -> None:
    """Run a kernel on its arguments; if ``VERBOSE``, print its plan and time."""
    if not VERBOSE:
        kernel(*arguments)
        return
    start = perf_counter()
    kernel(*arguments)
    milliseconds = (perf_counter() - start) * 1e3
    print(f"jitcnn {operation} {shown(problem)}: {plan}, {plan.reason}, {milliseconds:.3f} ms", file=sys.stderr)


def call_single(operation: str, x: Array, kernel: Callable[..., object], *arguments: object) -> None:
    """``call`` for an operation with a single implementation, whose output is as large as its input x (N, …)."""
    if not VERBOSE:
        kernel(*arguments)
        return
    problem = Problem(len(x), x.size // max(1, len(x)), x.size // max(1, len(x)), dtype=x.dtype)
    call(operation, problem, plan(operation, problem), kernel, *arguments)


def call_on_planes(
    operation: str, forms: Forms, function: str, x: Array, windows: Windows, impl: str, *arguments: object
) -> None:
    """Call ``function`` of the planned implementation for an operation per channel of x (N, C, H, W)."""
    problem, chosen = _plane_plan(operation, tuple(forms), x.shape, windows, x.dtype, impl)
    call(operation, problem, chosen, getattr(forms[chosen.algorithm], function), *arguments)


def call_elementwise(operation: str, forms: Forms, function: str, x: Array, impl: str, *arguments: object) -> None:
    """As ``call_on_planes``, for an x of any shape whose numbers are computed one by one."""
    call_on_planes(operation, forms, function, x.reshape(as_planes(x.shape)), Windows((1, 1)), impl, *arguments)


def elementwise(operation: str, forms: Forms, function: str, x: Array, impl: str, *numbers: float) -> Array:
    """The output of ``function(x, *numbers, out)`` for an x of any shape, number by number; ``numbers`` get the dtype of x."""
    (x,) = float_arrays(operation, x=x)
    out = empty(x.shape, x.dtype)
    arguments = x.reshape(-1), *map(x.dtype.type, numbers), out.reshape(-1)
    call_elementwise(operation, forms, function, x, impl, *arguments)
    return out


def elementwise_backward(
    operation: str, forms: Forms, function: str, d_out: Array, impl: str, *numbers: float, **saved: Array
) -> Array:
    """The d_x of ``function(d_out, saved, *numbers, d_x)``; ``saved`` is one array of the forward pass, under its name, x or out.

    ShapeError unless ``d_out`` has its shape.
    """
    d_out, array = float_arrays(operation, d_out=d_out, **saved)
    has_shape(operation, "d_out", d_out, *array.shape)
    d_x = empty(array.shape, array.dtype)
    arguments = d_out.reshape(-1), array.reshape(-1), *map(array.dtype.type, numbers), d_x.reshape(-1)
    call_elementwise(operation, forms, function, array, impl, *arguments)
    return d_x


def as_planes(shape: Shape) -> Shape:
    """A shape (N, …) as (N, C, 1, 1)."""
    return (shape[0], prod(shape[1:]), 1, 1) if shape else (1, 1, 1, 1)


def plane_plans(operation: str, forms: Forms, x: Shape, windows: Windows, dtype: DType, impl: str) -> dict[str, Plan]:
    """The plans of both passes of an operation per channel."""
    passes = {"forward": operation, "backward": f"{operation}_backward"}
    return {name: _plane_plan(each, tuple(forms), x, windows, dtype, impl)[1] for name, each in passes.items()}


@lru_cache(maxsize=1024)
def _plane_plan(
    operation: str, forms: tuple[str, ...], x: Shape, windows: Windows, dtype: DType, impl: str
) -> tuple[Problem, Plan]:
    problem = Problem(x[0], x[1], x[1], (x[2], x[3]), *windows, dtype=dtype)
    return problem, plan(operation, problem, check_impl(impl), forms=forms)


def shown(problem: Problem) -> str:
    """Format the sizes of a problem; stride, dilation, pad, pool and groups only if not the default."""
    size, size_out = problem.size, problem.size_out
    if size == size_out == (1, 1):
        return f"{problem.images}×{problem.C_in} → {problem.images}×{problem.C_out} {problem.dtype}"
    inward, outward = (
        "×".join(map(str, sizes))
        for sizes in ((problem.images, problem.C_in, *size), (problem.images, problem.C_out, *size_out))
    )
    text = f"{inward} → {outward} kernel {_pair(problem.kernel_size)}"
    for name, pair, usual in (
        ("stride", problem.grid.stride, (1, 1)),
        ("dilation", problem.grid.dilation, (1, 1)),
        ("pad", problem.grid.pad, (0, 0)),
        ("pool", problem.pool, (1, 1)),
    ):
        text += f" {name} {_pair(pair)}" if pair != usual else ""
    text += f" groups {problem.groups}" if problem.groups > 1 else ""
    return f"{text} {problem.dtype}"


def _pair(pair: tuple[int, int]) -> str:
    return f"{pair[0]}×{pair[1]}"
