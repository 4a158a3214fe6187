"""A kernel is called here, so that every call can be seen: ``JITCNN_VERBOSE=1`` prints a line for each to standard error.

A line gives the operation, its sizes and dtype, the algorithm, the reason for it, and the time: "jitcnn conv2d 64×32×13×13 →
64×64×11×11 kernel 3×3 float32: winograd, 4 multiplications for 9: 3×3, 32 and 64 channels, 2,304 tiles, 1.792 ms".
"""

import os
import sys
from collections.abc import Callable
from functools import lru_cache
from time import perf_counter

from ..arrays import Array
from ..kernels.engine.plan import Plan, Problem, plan
from ..kernels.types import DType, Grid, Pair
from ..shapes import Shape
from .checks import check_impl

VERBOSE = os.environ.get("JITCNN_VERBOSE", "0") not in ("", "0")


def call(operation: str, problem: Problem, plan: Plan, kernel: Callable[..., object], *arguments: object) -> None:
    """Run a kernel on its arguments, and print what ran, why and for how long, if that was asked for."""
    if not VERBOSE:
        kernel(*arguments)
        return
    start = perf_counter()
    kernel(*arguments)
    milliseconds = (perf_counter() - start) * 1e3
    print(f"jitcnn {operation} {shown(problem)}: {plan}, {plan.reason}, {milliseconds:.3f} ms", file=sys.stderr)


def call_the_only_form(operation: str, x: Array, kernel: Callable[..., object], *arguments: object) -> None:
    """``call`` for an operation of one form, whose output is as large as its input x (N, …)."""
    if not VERBOSE:
        kernel(*arguments)
        return
    problem = Problem(len(x), x.size // max(1, len(x)), x.size // max(1, len(x)), dtype=x.dtype)
    call(operation, problem, plan(operation, problem), kernel, *arguments)


@lru_cache(maxsize=1024)
def plane_plan(
    operation: str, x: Shape, size_out: Pair, kernel_size: Pair, grid: Grid, dtype: DType, impl: str
) -> tuple[Problem, Plan]:
    """What an operation on the planes of x (N, C, H, W) computes, and how; ConfigError if ``impl`` is no algorithm."""
    problem = Problem(x[0], x[1], x[1], (x[2], x[3]), size_out, kernel_size, grid, dtype=dtype)
    return problem, plan(operation, problem, check_impl(impl))


def plane_plans(
    operation: str, x: Shape, size_out: Pair, kernel_size: Pair, grid: Grid, dtype: DType, impl: str
) -> dict[str, Plan]:
    """How both passes of an operation on planes run, the backward one named ``…_backward``."""
    passes = {"forward": operation, "backward": f"{operation}_backward"}
    return {name: plane_plan(each, x, size_out, kernel_size, grid, dtype, impl)[1] for name, each in passes.items()}


def shown(problem: Problem) -> str:
    """The sizes of a problem in a few signs; strides and the like only where they are not the usual."""
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
