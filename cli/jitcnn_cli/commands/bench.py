"""``jitcnn bench``: the implementations race, after it is seen that they agree."""

from typing import Any

import click

from jitcnn_cli import options


@click.command("bench")
@click.option(
    "--impl",
    type=click.Choice(["naive", "loops", "im2col", "direct", "winograd", "fused", "auto", "all"]),
    default="all",
    show_default=True,
    help="Which to time; all shows each algorithm where it runs.",
)
@options.model_option("mnist-cnn")
@click.option(
    "--shapes",
    type=click.Choice(["model", "zoo"]),
    default="model",
    show_default=True,
    help="zoo: layers of LeNet-5, AlexNet, VGG and ResNet instead, each with its own batch.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=64, show_default=True, help="Images at once.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=15, show_default=True, help="Turns each takes; medians are shown."
)
@options.seed_option
@options.threads_option
@click.option(
    "--against",
    type=click.Choice(["torch", "c"]),
    help="Race torch case by case, or with --impl loops the same nests in C, each side in its own process.",
)
@click.option("--scaling", is_flag=True, help="Also a training step on 1, 2 and 4 threads.")
@click.option("--start", is_flag=True, help="Also what compiling costs, and what loading from the cache.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, allow_dash=True), help="Write every figure; - prints it."
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False),
    is_flag=False,
    flag_value="bench.png",
    callback=options.picture_path,
    help="Draw speed against arithmetic per byte, below the machine's own limits.  [file, if none is named: bench.png]",
)
def command(**settings: Any) -> None:
    """Time every pass of every layer, and of the blocks that run fused.

    All implementations must first agree on the batch that is timed; the largest difference found is shown, relative to the
    largest number of the channel. The naive form is checked and timed on one image, and its time is scaled up.

    \b
    Example:
      jitcnn bench --impl loops --rounds 3
      jitcnn bench --impl loops --against c --rounds 2
    """
    from jitcnn_cli.bench_screen import run

    run(**settings)
