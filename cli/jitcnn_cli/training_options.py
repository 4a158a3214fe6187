"""Options of ``jitcnn train`` that set what a recipe may set: validation, early stopping, class weights, clipping."""

from pathlib import Path
from typing import Any

import click

from jitcnn_cli.options import Command, with_options

# Copies of jitcnn.recipes.choices, whose import is too slow for --help; a test compares them.
SAMPLING, KEEP, METRICS = ("shuffled", "balanced", "weighted"), ("last", "best"), ("loss", "accuracy", "macro_f1")
BALANCED = "balanced"


class Amount(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A number of images, or a share of them below 1."""

    name = "N|SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        """An int of at least 1, or a float between 0 and 1."""
        try:
            amount = float(value)
        except (TypeError, ValueError):
            amount = 0.0
        if 0 < amount < 1:
            return amount
        if amount < 1 or amount != int(amount):
            self.fail(
                f"expected a number of images, or a share of each class such as 0.1, got {str(value)!r}.", param, ctx
            )
        return int(amount)


def _weights_file(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Return the value unchanged; BadParameter unless it is "balanced" or an existing file."""
    if value is not None and value != BALANCED and not Path(value).is_file():
        raise click.BadParameter(f"expected {BALANCED!r} or a .json or .csv file of class weights, got {value!r}.")
    return value


def choice_options(command: Command) -> Command:
    """The options, in the order of the help."""
    return with_options(
        command,
        click.option(
            "--validation", type=Amount(),
            help="Hold out N training images, or this SHARE of each class, and evaluate on them instead of the test images.",
        ),
        click.option(
            "--early-stop", type=click.IntRange(min=1), metavar="PATIENCE",
            help="Stop after PATIENCE epochs without a better --metric on the validation images.",
        ),
        click.option(
            "--keep", type=click.Choice(KEEP),
            help="Weights that are saved: of the last epoch, or of the best one by --metric on the validation images.  "
            "[default: from the recipe; last]",
        ),
        click.option(
            "--metric", type=click.Choice(METRICS), help="Metric of --early-stop and --keep.  [default: from the recipe; loss]"
        ),
        click.option(
            "--class-weights", metavar="balanced|FILE", callback=_weights_file,
            help="Weight of each class in the loss: balanced, or a .json object or .csv table of class and weight.",
        ),
        click.option(
            "--sampling", type=click.Choice(SAMPLING),
            help="How an epoch draws images: each once, every class equally often, or by class weight.  [default: from the "
            "recipe; shuffled]",
        ),
        click.option(
            "--clip-norm", type=click.FloatRange(min=0, min_open=True),
            help="Largest norm of the gradients of a step; longer ones are scaled down.",
        ),
        click.option("--drop-last", is_flag=True, help="Leave out the last batch of an epoch if it is smaller."),
    )  # fmt: skip


CHOICE_NAMES = ("early_stop", "keep", "metric", "class_weights", "sampling", "clip_norm", "drop_last")


def chosen(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of the recipe that these options replace; class weights are read from their file."""
    from jitcnn.training.weighting import read_class_weights

    given = {name: settings[name] for name in CHOICE_NAMES if settings[name] not in (None, False)}
    if given.get("class_weights", BALANCED) != BALANCED:
        given["class_weights"] = read_class_weights(given["class_weights"])
    return given
