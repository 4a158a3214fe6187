"""Roofline plot of layer timings."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ..benchmark.layers import Timing
from ..benchmark.machine import Machine
from .canvas import draws_literally, new_figure, title_text


@draws_literally
def roofline_figure(timings: Sequence[Timing], machine: Machine) -> Figure:
    """Plot the throughput of every pass against its arithmetic intensity, with the roofline of the machine.

    Parameters
    ----------
    timings : sequence of Timing, as returned by ``bench_layers``; passes without multiplications are omitted
    machine : Machine, as returned by ``measure_machine``

    References
    ----------
    Williams, Waterman and Patterson (2009), "Roofline: an insightful visual performance model".

    Examples
    --------
    >>> from jitcnn.benchmark.layers import Timing
    >>> from jitcnn.benchmark.machine import Machine
    >>> from jitcnn.plots import roofline_figure, save_figure
    >>> timing = Timing("Conv2D", "forward", "auto", "direct", 64, 2.0, 50.0, 1_000_000, 0, 0.0, None)
    >>> machine = Machine("a processor", matmul_gflops=100.0, copy_gigabytes=10.0)
    >>> save_figure(roofline_figure([timing], machine), "roofline.svg")
    """
    figure = new_figure(11, 6)
    axis = figure.subplots()
    intensity = np.logspace(-0.5, 3.5, 200)
    roof = np.minimum(machine.matmul_gflops, intensity * machine.copy_gigabytes)
    axis.plot(intensity, roof, color="black", label="machine limit: memory bandwidth,\nthen matrix product")
    kinds = sorted({(t.impl, t.direction) for t in timings if t.gflops})
    impls, directions = ([*dict.fromkeys(kind[k] for kind in kinds)] for k in (0, 1))
    for impl, direction in kinds:
        points = [
            (t.gflops * t.milliseconds * 1e6 / t.bytes, t.gflops)
            for t in timings
            if t.gflops and (t.impl, t.direction) == (impl, direction)
        ]
        marker = "os^Dv"[directions.index(direction) % 5]
        axis.scatter(
            *zip(*points, strict=True), color=f"C{impls.index(impl)}", marker=marker, label=f"{impl}, {direction}"
        )
    axis.set(
        xscale="log", yscale="log", xlabel="arithmetic intensity (FLOP per byte of input, output and weights)",
        ylabel="throughput (GFLOP/s)", title=title_text(f"Roofline: throughput of each pass on {machine.processor}", 8),
    )  # fmt: skip
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter("{x:g}")
        side.set_minor_formatter(NullFormatter())
    axis.grid(alpha=0.3, which="both")
    figure.legend(fontsize=8, loc="outside right upper")
    return figure
