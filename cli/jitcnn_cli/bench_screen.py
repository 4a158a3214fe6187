"""Run ``jitcnn bench`` and print its tables."""

import json
from dataclasses import asdict
from itertools import groupby
from statistics import median
from typing import Any

import click
import numpy as np
from rich.console import Console

from jitcnn.benchmark.contests import IMPLEMENTATIONS, model_contests, zoo_contests
from jitcnn.benchmark.duel import Duel, Scaling, Start, against_c, against_torch, start_up, thread_scaling
from jitcnn.benchmark.layers import Timing, bench_layers
from jitcnn.benchmark.machine import Machine, measure_machine
from jitcnn.benchmark.side import Request
from jitcnn.benchmark.zoo import ZOO
from jitcnn.errors import ConfigError
from jitcnn.kernels import runtime
from jitcnn.kernels.simd.machine import HOST
from jitcnn.models import find_net
from jitcnn.shapes import Shape
from jitcnn.support.files import atomic_write
from jitcnn_cli.console import NOTE, Bar, stdout, table
from jitcnn_cli.peer_screen import race_peers

COMPILED = ("loops", "auto")
ROUNDS, PEER_ROUNDS = 15, 5  # by default, and with --against
ZOO_IMPLEMENTATIONS = ("loops", "im2col", "direct", "winograd")


def run(
    *,
    impl: str,
    model_name: str,
    input_shape: Shape | None,
    shapes: str,
    batch_size: int,
    dtype: str,
    rounds: int | None,
    seed: int,
    threads: int | None,
    against: str | None,
    scaling: bool,
    start: bool,
    json_file: str | None,
    plot: str | None,
) -> None:
    """Run ``jitcnn bench`` with these option values."""
    console = Console(stderr=True, quiet=True) if json_file == "-" else stdout()
    if input_shape is not None and (shapes == "zoo" or against == "c"):
        raise ConfigError(
            "--input-shape expects a model, got --shapes zoo or --against c, whose layers have their own shapes."
        )
    cases = "zoo" if shapes == "zoo" else "model"
    rounds = rounds or (PEER_ROUNDS if against else ROUNDS)
    request = Request("jitcnn", cases, model_name, batch_size, dtype, threads, input_shape)
    record: dict[str, Any] = {"settings": {**asdict(request), "impl": impl, "rounds": rounds, "seed": seed}}
    if against not in (None, "c", "torch"):
        record |= race_peers(console, request, against, impl=impl, rounds=rounds)
        _write_json(console, record, json_file)
        return
    with Bar("benchmarking", None, NOTE) as bar:
        if against:
            if against == "c" and impl not in ("loops", "all"):
                raise ConfigError(
                    f"--against c expects --impl loops, the only implementation also written in C, got {impl}."
                )
            duels = (against_c if against == "c" else against_torch)(
                request,
                rounds=rounds,
                on_round=lambda turn, side: bar.show(turn, f"round {turn + 1}: {side}"),
            )
        else:
            machine = measure_machine(dtype)
            timings = _timings(request, impl, rounds, seed, bar)
            scalings = thread_scaling(request, on_round=bar.show) if scaling else []
            starts = [start_up(model_name, each, input_shape) for each in COMPILED if start and impl in (each, "all")]
    if against:
        record["against"] = [{**asdict(duel), "ratio": duel.ratio} for duel in duels]
        _show_duels(console, request, against, duels)
    else:
        record["machine"] = asdict(machine)
        record["timings"] = [asdict(timing) for timing in timings]
        record["scaling"] = [asdict(each) for each in scalings]
        record["start"] = [asdict(each) for each in starts]
        what = "zoo" if shapes == "zoo" else f"{model_name}, batch {batch_size}"
        console.print(
            f"{what}, {dtype}, {runtime.thread_count()} threads, {machine.processor}, {8 * HOST.vector_bytes}-bit vectors; "
            f"peak matmul {machine.matmul_gflops:,.0f} GFLOP/s, memory copy {machine.copy_gigabytes:,.0f} GB/s",
            soft_wrap=True,
        )
        _show_timings(console, timings, machine)
        _show_scaling(console, scalings)
        _show_starts(console, starts, timings)
    _write_json(console, record, json_file)
    if plot and not against:
        from jitcnn.plots import roofline_figure, save_figure

        save_figure(roofline_figure(timings, machine), plot)
        console.print(f"plot written to {plot}", soft_wrap=True)


def _write_json(console: Console, record: dict[str, Any], json_file: str | None) -> None:
    if json_file == "-":
        click.echo(json.dumps(record, indent=2))
    elif json_file:
        with atomic_write(json_file) as file:
            file.write(json.dumps(record, indent=2).encode())
        console.print(f"results written to {json_file}", soft_wrap=True)


def _timings(request: Request, impl: str, rounds: int, seed: int, bar: Bar) -> list[Timing]:
    number = np.dtype(request.dtype).type
    if request.cases == "zoo":
        if impl not in (*ZOO_IMPLEMENTATIONS, "all"):
            raise ConfigError(
                f"--shapes zoo expects --impl {', '.join(ZOO_IMPLEMENTATIONS)} or all, got {impl}: naive takes minutes per "
                "layer, and single layers cannot be fused."
            )
        contests = zoo_contests(ZOO, ZOO_IMPLEMENTATIONS, seed=seed, dtype=number)
    else:
        impls = IMPLEMENTATIONS if impl == "all" else ["naive"] if impl == "naive" else ["naive", impl]
        model = find_net(request.model, seed=seed, dtype=number, input_shape=request.input_shape)
        contests = model_contests(model, impls, batch_size=request.batch_size, seed=seed, dtype=number)
    timings = bench_layers(contests, rounds=rounds, on_layer=lambda label: bar.show(0, label))
    return [timing for timing in timings if impl in ("all", timing.impl)]


def _show_timings(console: Console, timings: list[Timing], machine: Machine) -> None:
    """Print one table per layer, each narrow enough for a terminal."""
    zoo = not any(timing.speedup for timing in timings)
    im2col = {(t.layer, t.direction): t.milliseconds for t in timings if t.impl == "im2col"}
    columns = ["ms", "GFLOP/s", "of peak", "buffer", "max diff", "vs im2col" if zoo else "vs naive"]
    for label, of_layer in groupby(timings, key=lambda timing: timing.layer):
        shown = table(label, "pass", "impl", *columns, left=2)
        previous = ""
        for timing in of_layer:
            beside = im2col.get((label, timing.direction), 0) / timing.milliseconds if zoo else timing.speedup
            shown.add_row(
                timing.direction if timing.direction != previous else "",
                timing.impl if timing.algorithm.startswith(timing.impl) else f"{timing.impl}: {timing.algorithm}",
                f"{timing.milliseconds:,.2f}",
                _or_dash(timing.gflops, ",.3g"),
                _or_dash(timing.gflops and timing.gflops / machine.matmul_gflops, ".1%"),
                _or_dash(timing.buffer_bytes / 1e6, ",.1f", " MB"),
                f"{timing.difference:.0e}",
                _or_dash(beside, ",.2f" if zoo else ",.0f"),
            )
            previous = timing.direction
        console.print(shown)
    console.print(
        "ms: median per batch; GFLOP/s: all operations of the layer, even if a fused pass skips some; of peak: relative to "
        "matmul; buffer: im2col columns in memory at once; max diff: from the first implementation; "
        f"vs {'im2col' if zoo else 'naive'}: speedup.",
        soft_wrap=True,
    )


def _show_duels(console: Console, request: Request, against: str, duels: list[Duel]) -> None:
    other = "C" if against == "c" else "torch"
    console.print(
        "impl loops, float32: jitcnn against the same loops in C, alternating, in separate processes"
        if against == "c"
        else f"{request.model if request.cases == 'model' else 'zoo'}, {request.dtype}: jitcnn against torch in its fastest "
        "memory layout, alternating, in separate processes",
        soft_wrap=True,
    )
    shown = table(None, "case", "jitcnn ms", f"{other} ms", "speedup", "min", "max")
    for duel in duels:
        shown.add_row(
            duel.case,
            f"{duel.ours * 1e3:,.3f}",
            f"{duel.theirs * 1e3:,.3f}",
            f"{duel.ratio:.2f}",
            f"{min(duel.ratios):.2f}",
            f"{max(duel.ratios):.2f}",
        )
    console.print(shown)
    if against == "c":
        ratios = [duel.ratio for duel in duels]
        console.print(f"speed relative to C: median {median(ratios):.2f}, minimum {min(ratios):.2f}")


def _show_scaling(console: Console, scalings: list[Scaling]) -> None:
    if scalings:
        shown = table("training step", "threads", "images/s", "speedup")
        for each in scalings:
            shown.add_row(str(each.threads), f"{each.images_per_second:,.0f}", f"{each.speedup:.2f}")
        console.print(shown)


def _show_starts(console: Console, starts: list[Start], timings: list[Timing]) -> None:
    if starts:
        shown = table("startup time", "impl", "kernels", "cold start s", "cached start s", "forward pass ms")
        for each in starts:
            run = sum(t.milliseconds for t in timings if t.impl == each.impl and t.direction == "forward")
            shown.add_row(
                each.impl,
                str(each.kernels),
                f"{each.cold_seconds:.1f}",
                f"{each.cached_seconds:.1f}",
                _or_dash(run, ".2f"),
            )
        console.print(shown)


def _or_dash(value: float | None, form: str, unit: str = "") -> str:
    return format(value, form) + unit if value else "–"
