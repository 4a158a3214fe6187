"""``jitcnn bench``: the implementations race, after it is seen that they agree."""

import json
from dataclasses import asdict

import click

from jitcnn_cli import options


@click.command("bench")
@click.option(
    "--impl",
    type=click.Choice(["naive", "loops", "im2col", "fused", "all"]),
    default="all",
    show_default=True,
    help="Which to time.",
)
@click.option(
    "--model",
    "model_name",
    type=click.Choice(["mnist-cnn"]),
    default="mnist-cnn",
    show_default=True,
    help="Whose layers.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=64, show_default=True, help="Images at once.")
@click.option(
    "--rounds", type=click.IntRange(min=1), default=15, show_default=True, help="Turns each takes; medians are shown."
)
@options.seed_option
@options.threads_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(
    impl: str, model_name: str, batch_size: int, rounds: int, seed: int, threads: int | None, as_json: bool
) -> None:
    """Time forward and backward of every convolution and pooling of the net, and of the blocks that run fused.

    All implementations must first agree with the naive one; the largest difference found is shown,
    relative to the largest number. The naive form is timed on one image and scaled up.

    \b
    Example:
      jitcnn bench --impl loops --rounds 3
    """
    from rich.progress import TextColumn

    from jitcnn.benchmark import IMPLEMENTATIONS, bench_layers
    from jitcnn.kernels import runtime
    from jitcnn.models import MODELS
    from jitcnn_cli.console import Bar, processor, stdout, table

    impls = IMPLEMENTATIONS if impl == "all" else ("naive", impl) if impl != "naive" else ("naive",)
    done = 0
    with Bar("measuring", None, TextColumn("{task.fields[note]}")) as bar:
        timings = bench_layers(
            MODELS[model_name](seed=seed), impls, batch_size=batch_size, rounds=rounds, seed=seed,
            on_layer=lambda label: bar.show(done, label),
        )  # fmt: skip
    if impl != "all":
        timings = [timing for timing in timings if timing.impl == impl]
    if as_json:
        click.echo(json.dumps([asdict(timing) for timing in timings], indent=2))
    else:
        console = stdout()
        console.print(
            f"{model_name}, batch {batch_size}, float32, {runtime.thread_count()} threads, {processor()}",
            soft_wrap=True,
        )
        shown = table(None, "layer", "pass", "impl", "ms", "GFLOP/s", "difference", "compile s", left=3)
        for timing, previous in zip(timings, [None, *timings], strict=False):
            if previous and timing.layer != previous.layer:
                shown.add_section()
            rate = "–" if timing.gflops is None else f"{timing.gflops:,.2f}"
            compiled = f"{timing.compile_seconds:.1f}" if timing.compile_seconds else "cached"
            if timing.impl in ("naive", "im2col"):
                compiled = "–"
            shown.add_row(
                timing.layer,
                timing.direction,
                timing.impl,
                f"{timing.milliseconds:,.2f}",
                rate,
                f"{timing.difference:.0e}",
                compiled,
            )
        console.print(shown)
        console.print(
            "ms: median for the whole batch (naive: one image, scaled up). Compile time is paid once and is in no other figure.",
            soft_wrap=True,
        )
