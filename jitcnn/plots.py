"""Arrays → matplotlib Figure. Nothing here opens a window or needs a screen."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .arrays import Array
from .benchmark.layers import Timing
from .benchmark.machine import Machine
from .errors import ShapeError
from .files import atomic_write
from .history import Epoch


def filters_figure(weights: Array, title: str = "Learned filters") -> Figure:
    """Every filter of a convolution that looks at one channel, or at red, green and blue, as a small picture.

    One scale for all, symmetric about zero. Of one channel, blue weights count against, red ones for; of three, grey is
    zero, and each colour is brighter the more it counts for.

    Parameters
    ----------
    weights : ndarray of shape (C_out, 1 or 3, K_h, K_w)
    title : str
    """
    if weights.ndim != 4 or weights.shape[1] not in (1, 3):
        raise ShapeError(f"filters_figure expects weights of shape (C_out, 1 or 3, K_h, K_w), got {weights.shape}.")
    count = len(weights)
    columns = min(8, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * 0.95 + 1.1, rows * 1.05 + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    bound = float(np.abs(weights).max()) or 1.0
    grey = weights.shape[1] == 1
    pictures = weights[:, 0] if grey else 0.5 + weights.transpose(0, 2, 3, 1) / (2 * bound)
    for position, axis in enumerate(axes):
        axis.set_axis_off()
        if position < count:
            shown = axis.imshow(pictures[position], cmap="RdBu_r", vmin=-bound, vmax=bound)
            axis.set_title(f"{position}", fontsize=8, pad=2)
    figure.suptitle(title)
    if grey:
        figure.colorbar(shown, ax=list(axes), shrink=0.8, label="weight (red: for, blue: against)")
    return figure


def curves_figure(histories: Mapping[str, list[Epoch]]) -> Figure:
    """Loss and accuracy over the epochs: dashed on training images, solid on test images.

    Parameters
    ----------
    histories : name of the net -> its epochs
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(1, 2)
    for position, (name, epochs) in enumerate(histories.items()):
        numbers = [e.epoch for e in epochs]
        color = f"C{position}"
        for axis, train, test in (
            (loss, [e.train_loss for e in epochs], [e.test_loss for e in epochs]),
            (accuracy, [100 * e.train_accuracy for e in epochs], [100 * e.test_accuracy for e in epochs]),
        ):
            axis.plot(numbers, train, "--", color=color, marker=".", label=f"{name}, training")
            axis.plot(numbers, test, "-", color=color, marker="o", markersize=4, label=f"{name}, test")
    loss.set(title="Loss", xlabel="epoch", ylabel="mean cross-entropy (nats)", yscale="log")
    accuracy.set(title="Accuracy", xlabel="epoch", ylabel="correct answers (%)")
    for axis in (loss, accuracy):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    accuracy.legend(loc="lower right")
    return figure


def roofline_figure(timings: Sequence[Timing], machine: Machine) -> Figure:
    """Speed of every pass against its arithmetic per byte, below what memory and arithmetic allow.

    Parameters
    ----------
    timings : of ``bench_layers``; passes that do not multiply are left out
    machine : of ``measure_machine``

    References
    ----------
    Williams, Waterman and Patterson (2009), "Roofline: an insightful visual performance model".
    """
    figure = Figure(figsize=(11, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    intensity = np.logspace(-0.5, 3.5, 200)
    roof = np.minimum(machine.matmul_gflops, intensity * machine.copy_gigabytes)
    axis.plot(intensity, roof, color="black", label="this machine: copying,\nthen the matrix product")
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
        xscale="log", yscale="log", xlabel="arithmetic of the layer per byte of its input, output and weights (FLOP / byte)",
        ylabel="speed (GFLOP/s)", title=f"What each pass reaches on {machine.processor}",
    )  # fmt: skip
    axis.grid(alpha=0.3, which="both")
    figure.legend(fontsize=8, loc="outside right upper")
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, beside an older file and then in its place; OSError if that can not be done."""
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=150)
