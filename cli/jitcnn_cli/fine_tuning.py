"""Fine-tuning with ``jitcnn train``: --init, --freeze and --lr-factor."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from jitcnn_cli.options import Command, has_image_files, with_options

if TYPE_CHECKING:
    from jitcnn.data import Dataset
    from jitcnn.net.model import CNN
    from jitcnn.recipes import Recipe
    from jitcnn_cli.kept_run import KeptRun
    from jitcnn_cli.training_run import Run, TrainOptions


def _factors(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values unchanged; BadParameter unless each is LAYERS=FACTOR."""
    read_factors(values)
    return values


def read_factors(values: tuple[str, ...]) -> dict[str, float]:
    """The factor of each selection of layers; BadParameter unless each value is LAYERS=FACTOR."""
    factors: dict[str, float] = {}
    for value in values:
        selection, _, number = value.rpartition("=")
        try:
            factor = float(number)
        except ValueError:
            factor = 0.0
        if not selection.strip() or not 0 < factor < float("inf"):
            raise click.BadParameter(
                f"expected layers and a positive factor, such as head=10 or 0-5=0.1, got {value!r}.",
                param_hint="'--lr-factor'",
            )
        factors[selection.strip()] = factor
    return factors


def fine_tuning_options(command: Command) -> Command:
    """The options, in the order of the help."""
    return with_options(
        command,
        click.option(
            "--init", type=click.Path(dir_okay=False), metavar="MODEL",
            help="Start from the weights of a saved model, a checkpoint, or a file of ONNX or Keras: take all layers that fit, and its normalisation; the "
            "last layer is new, and starts at zero, if the classes differ. Without --model, the model has its architecture. No baseline is trained.",
        ),
        click.option(
            "--freeze", multiple=True, metavar="LAYERS",
            help="Do not train these layers: all-but-head, numbers as in `jitcnn summary` such as 0-5, or a kind such as "
            "BatchNorm2D; separate several with commas, or repeat the option. No baseline is trained.",
        ),
        click.option(
            "--lr-factor", "rate_factors", multiple=True, metavar="LAYERS=FACTOR", callback=_factors,
            help="Multiply the learning rate of layers, such as head=10; repeatable, and the last one for a layer counts.",
        ),
    )  # fmt: skip


def chosen_layers(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of the recipe that --freeze and --lr-factor replace."""
    given = {"freeze": settings["freeze"], "rate_factors": read_factors(settings["rate_factors"])}
    return {name: value for name, value in given.items() if value}


def check_not_resumed(settings: dict[str, Any]) -> None:
    """UsageError if --init and --resume are both given."""
    if settings["init"] is not None and settings["resume"] is not None:
        raise click.UsageError(
            "--init starts a new training from a saved model, and --resume goes on with an interrupted one: give one of them."
        )


def start_of(options: "TrainOptions", kept: "KeptRun") -> "CNN | None":
    """The model to start from; on --resume, the checkpoint itself, as the first model may be gone. None without --init."""
    from jitcnn_cli.foreign_models import open_model

    if options.init is None:
        return None
    return open_model(kept.path if kept.resumes and kept.path is not None else options.init)


def with_its_pictures(options: "TrainOptions", wanted: str, start: "CNN | None") -> "tuple[TrainOptions, str]":
    """The options with the image size and channels of the model to start from for image files; and a note that says so."""
    from jitcnn_cli.data_shape import resized_for

    shape = None if start is None or options.model_name is not None else start.input_shape
    if start is None or shape is None or len(shape) != 3 or not has_image_files(wanted):
        return options, ""
    pictures, note = resized_for(shape, start.name, options.pictures)
    return replace(options, pictures=pictures), note


def built_from(
    start: "CNN",
    build: "Callable[[Recipe], CNN]",
    recipe: "Recipe",
    options: "TrainOptions",
    kept: "KeptRun",
    data: "Dataset",
) -> "tuple[CNN, Recipe, str]":
    """The model with the layers of ``start`` that fit, its recipe, and what was taken, in one line; on --resume, nothing yet."""
    from jitcnn.training import initialise_from, with_num_classes

    if options.model_name is None:
        model = with_num_classes(
            start, data.num_classes, seed=options.seed, impl=options.impl, input_shape=data.image_shape
        )
        recipe = recipe.changed(model=model.name)
    else:
        model = build(recipe)
    if kept.resumes:
        return model, recipe.changed(normalise=(start.recipe or {}).get("normalise", recipe.normalise)), ""
    data.check_fit(model)
    report = initialise_from(model, start, data.class_names)
    recipe = recipe.changed(normalise=recipe.normalise and not report.normalised)
    return model, recipe, f"initialised from {options.init}: {report.describe()}"


def freeze_layers(model: "CNN", recipe: "Recipe") -> None:
    """Freeze what the recipe freezes, so that the table shows it; errors of --freeze and --lr-factor come before the training."""
    model.freeze(*recipe.freeze)
    model.check_trainable()
    model.layer_rates(recipe.rate_factors or {})


def plan_lines(current: "Run") -> list[str]:
    """What is initialised, frozen, and trained with another learning rate."""
    from jitcnn.net.selection import format_positions

    model, lines = current.model, [current.start] if current.start else []

    def named(positions: Sequence[int]) -> str:
        return f"layer{'s' * (len(positions) > 1)} {format_positions(positions)}"

    if model.frozen:
        count = model.parameter_count
        lines.append(
            f"frozen: {named(model.frozen)}; {count - model.frozen_count:,} of {count:,} parameters are trained"
        )
    rates = model.layer_rates(current.recipe.rate_factors or {})
    of_rate = {rate: [at for at, other in rates.items() if other == rate] for rate in rates.values()}
    if rates:
        texts = [f"times {rate:g} for {named(positions)}" for rate, positions in of_rate.items()]
        lines.append(f"learning rate {', '.join(texts)}")
    return lines


def origin(current: "Run") -> tuple[str, str]:
    """Where the weights and the normalisation come from, for the last line of the plan."""
    model, init = current.model, current.options.init
    weights = "He initialisation" + ("" if init is None else " of new layers")
    if current.recipe.normalise:
        return weights, ", normalised by mean and std of the training images"
    is_taken = init is not None and (model.mean, model.std) != ((0.0,), (1.0,))
    return weights, ", normalised as in the first training" if is_taken else ""
