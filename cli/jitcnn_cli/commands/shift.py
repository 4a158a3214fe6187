"""``jitcnn shift``: the translation lab."""

from typing import Any

import click

from jitcnn_cli import options

LAB_NETS = ("max", "average", "strided", "blurred", "global", "dense")


@click.command("shift")
@options.dataset_option
@options.data_dir_option
@click.option(
    "--limit", type=click.IntRange(min=1), default=20_000, show_default=True,
    help="Take only the first so many images of each half.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(min=1), default=3, show_default=True, help="Passes over the training images."
)
@options.seed_option
@options.threads_option
@click.option(
    "--images", type=click.IntRange(min=1), default=1000, show_default=True, help="Test images that the maps are of."
)
@click.option(
    "--reach", type=click.IntRange(min=0), default=8, show_default=True, help="Largest shift of the maps, in pixels."
)
@click.option(
    "--nets", type=click.Choice(LAB_NETS), multiple=True, help="Only this net; may be given again.  [default: all six]"
)
@click.option(
    "--model", "model_file", type=click.Path(), metavar="MODEL", help="Map this saved net, and train nothing."
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, allow_dash=True), help="Write every figure; - prints it."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="shift.png", show_default=True, metavar="PNG",
    help="Picture of the maps; beside it, of several nets, their accuracy over the distance.",
)  # fmt: skip
def command(**settings: Any) -> None:
    """Move images by -8 to 8 pixels in both directions, and see which nets still read them.

    Six nets of the same number of parameters are trained, each without and with training images moved at random: halved
    by max pooling, average pooling, strided convolution or blurred pooling, with global average pooling, and dense
    throughout. What the numbers show is said under them.

    \b
    Example:
      jitcnn shift --dataset digits --limit 100 --epochs 1 --reach 1 --nets dense
    """
    from jitcnn_cli.main import INTERRUPTED
    from jitcnn_cli.shift_screen import run

    context = click.get_current_context()
    trains = [name for name in ("epochs", "nets") if _is_given(context, name)]
    if settings["model_file"] is not None and trains:
        raise click.UsageError(f"--model trains nothing: leave out --{' and --'.join(trains)}.")
    if not run(**settings):
        context.exit(INTERRUPTED)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
