"""``jitcnn shift``: the translation lab, accuracy on shifted images."""

from typing import Any

import click

from jitcnn_cli import options

LAB_NETS = ("max", "average", "strided", "blurred", "global", "dense")


@click.command("shift")
@options.dataset_option
@options.data_dir_option
@click.option(
    "--limit", type=click.IntRange(min=1), default=20_000, show_default=True,
    help="Use at most this many training and test images.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), default=3, show_default=True, help="Number of epochs.")
@options.seed_option
@options.threads_option
@click.option(
    "--images", type=click.IntRange(min=1), default=1000, show_default=True, help="Number of test images to shift."
)
@click.option("--reach", type=click.IntRange(min=0), default=8, show_default=True, help="Largest shift, in pixels.")
@click.option(
    "--nets", type=click.Choice(LAB_NETS), multiple=True, help="Model to train; repeat for several.  [default: all six]"
)
@click.option(
    "--model", "model_file", type=click.Path(), metavar="MODEL", help="Evaluate this saved model instead of training."
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the results as JSON to FILE, or to stdout if FILE is -.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="shift.png", show_default=True, metavar="PNG",
    help="Heat maps of the accuracy; with several models, also *_lines.png with accuracy against distance.",
)  # fmt: skip
def command(**settings: Any) -> None:
    """Measure the accuracy on images shifted by -8 to 8 pixels in both directions.

    Trains six models with the same number of parameters, each without and with randomly shifted training images. They
    downsample by max pooling, average pooling, strided convolution or blur pooling, use global average pooling, or are
    fully dense. Prints a table and a conclusion.

    \b
    Example:
      jitcnn shift --dataset digits --limit 100 --epochs 1 --reach 1 --nets dense
    """
    from jitcnn_cli.main import INTERRUPTED
    from jitcnn_cli.shift_screen import run

    context = click.get_current_context()
    trains = [name for name in ("epochs", "nets") if _is_given(context, name)]
    if settings["model_file"] is not None and trains:
        raise click.UsageError(f"--model does not train: leave out --{' and --'.join(trains)}.")
    if not run(**settings):
        context.exit(INTERRUPTED)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
