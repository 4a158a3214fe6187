"""``jitcnn evaluate``: evaluate saved models, alone or as an ensemble."""

import json
from typing import TYPE_CHECKING, Any

import click

from jitcnn_cli import options

if TYPE_CHECKING:
    from jitcnn.data import Dataset
    from jitcnn.net.model import CNN
    from jitcnn_cli.evaluation_screen import Evaluated


@click.command("evaluate")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path())
@options.dataset_option
@options.data_dir_option
@options.picture_options
@options.seed_option
@options.impl_option
@options.limit_option
@options.threads_option
@click.option("--mirror", is_flag=True, help="Average the predictions for each image and its mirror image.")
@click.option(
    "--views", metavar="mirror,shift:N[,reflect]", default="",
    help="Average the predictions for several views of each image: mirror, the image and its mirror image; shift:N, the image "
    "and four shifts by N pixels along both axes, on black or, with reflect, on the reflected image. Both together are 10 "
    "forward passes per image.",
)  # fmt: skip
@click.option(
    "--top-k", type=click.IntRange(min=1), multiple=True, metavar="K",
    help="Also print the share of images whose class is among the K most probable ones; may be repeated.",
)  # fmt: skip
@click.option(
    "--bins",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    help="Bins of confidence for the calibration error.",
)
@click.option(
    "--reliability", type=click.Path(dir_okay=False), metavar="FILE.png", callback=options.picture_path,
    help="Plot accuracy against confidence, as PNG, PDF or SVG.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    models: tuple[str, ...],
    dataset: str,
    data_dir: str | None,
    pictures: dict[str, Any],
    seed: int,
    impl: str,
    limit: int | None,
    threads: int | None,
    mirror: bool,
    views: str,
    top_k: tuple[int, ...],
    bins: int,
    reliability: str | None,
    as_json: bool,
) -> None:
    """Evaluate the saved model MODEL on test images, overall and per class, or the mean prediction of several models.

    Images of a folder are resized to the input of the model. Classes are matched by name. The model file records the
    images it was trained on: those of the same folder that were held out are the test images, wherever the folder lies
    now, and a warning says if any image was trained on. --mirror suits images whose mirror image has the same class:
    photographs, but not digits.

    Of a class, recall is the share of its images that are predicted as it, and precision the share of its predictions that
    are correct.

    Several models form an ensemble: they need the same classes, in any order, and the same input shape. The first selects
    the data set and the test images; a warning says which of the others were trained on some of these.

    \b
    Example:
      jitcnn evaluate output/cnn_mnist_model.npz --dataset digits
      jitcnn evaluate output/cnn_mnist_model.npz --dataset digits --top-k 3 --views shift:1
    """
    from jitcnn.metrics import Ensemble, evaluate
    from jitcnn.metrics.ranking import check_top_k
    from jitcnn.metrics.views import as_views
    from jitcnn.net.model import CNN
    from jitcnn_cli.console import stdout, working
    from jitcnn_cli.evaluation_screen import Evaluated, distinct_names, evaluation_record, show_evaluation

    console, chosen = stdout(), as_views(views, mirror)
    nets = [CNN.load(model, impl=impl) for model in models]
    for net, name in zip(nets, distinct_names([net.name for net in nets], models), strict=True):
        net.name = name
    ensemble = Ensemble(nets)
    for k in top_k:
        check_top_k(k, ensemble.num_classes or len(ensemble.class_names))
    data, note = options.data_for(ensemble.named, dataset, data_dir, pictures, seed, limit)
    notes = [*note.splitlines(), *_notes_on_others(nets, ensemble.named, data)]
    if notes and not as_json:
        console.print("\n".join(notes), style="yellow", soft_wrap=True)
    with working("evaluating"):
        result = evaluate(ensemble, data.x_test, data.y_test, views=chosen)
    found = Evaluated(ensemble, models, data, chosen, result, [*dict.fromkeys(top_k)], bins, notes)
    if reliability is not None:
        _plot(found, reliability)
    if as_json:
        click.echo(json.dumps(evaluation_record(found)))
        return
    show_evaluation(console, found)
    if reliability is not None:
        console.print(f"reliability diagram: {reliability}", soft_wrap=True)


def _notes_on_others(nets: list["CNN"], first: "CNN", data: "Dataset") -> list[str]:
    """What to know of the models that did not select the data."""
    from jitcnn.data import trained_on_warning

    notes = []
    for net in nets:
        if net is first:
            continue
        notes.append(trained_on_warning(data.x_test, net))
        if net.value_ranges and data.value_ranges and net.value_ranges != data.value_ranges:
            notes.append(
                f"{net.name} was trained on images of more than 8 bits that were read with other value ranges than those of "
                f"{first.name}, which are used."
            )
    return [note for note in notes if note]


def _plot(found: "Evaluated", file: str) -> None:
    from jitcnn.errors import ConfigError
    from jitcnn.plots import reliability_figure, save_figure

    title = f"{found.ensemble.name} on {found.data.name}"
    try:
        save_figure(reliability_figure(found.result.calibration(found.bins), title), file)
    except OSError as error:
        raise ConfigError(
            f"--reliability {file} cannot be written: {error.strerror or error}; choose another file."
        ) from error
