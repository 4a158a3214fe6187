"""``jitcnn evaluate``: evaluate a saved model."""

import json
from typing import Any

import click

from jitcnn_cli import options


@click.command("evaluate")
@click.argument("model", type=click.Path())
@options.dataset_option
@options.data_dir_option
@options.picture_options
@options.seed_option
@options.impl_option
@options.limit_option
@options.threads_option
@click.option("--mirror", is_flag=True, help="Average the predictions for each image and its mirror image.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    model: str,
    dataset: str,
    data_dir: str | None,
    pictures: dict[str, Any],
    seed: int,
    impl: str,
    limit: int | None,
    threads: int | None,
    mirror: bool,
    as_json: bool,
) -> None:
    """Evaluate the saved model MODEL on test images, overall and per class.

    Images of a folder are resized to the input of the model. Classes are matched by name. The model file records the
    images it was trained on: those of the same folder that were held out are the test images, wherever the folder lies
    now, and a warning says if any image was trained on. --mirror suits images whose mirror image has the same class:
    photographs, but not digits.

    \b
    Example:
      jitcnn evaluate output/cnn_mnist_model.npz --dataset digits
    """
    import numpy as np

    from jitcnn.metrics import evaluate
    from jitcnn.net.model import CNN
    from jitcnn_cli.console import cell, stdout, table, working

    console = stdout()
    net = CNN.load(model, impl=impl)
    data, note = options.data_for(net, dataset, data_dir, pictures, seed, limit)
    if note and not as_json:
        console.print(note, style="yellow", soft_wrap=True)
    with working("evaluating"):
        result = evaluate(net, data.x_test, data.y_test, mirrored=mirror)
    if as_json:
        record = {"model": net.name, "dataset": data.name, "mirrored": mirror, **result.as_dict()}
        click.echo(json.dumps({**record, "notes": note.splitlines()} if note else record))
        return
    views = ", averaged over mirror images" if mirror else ""
    console.print(
        f"{net.name} on {data.name}: accuracy {result.accuracy:.2%} ({result.correct:,} of {result.total:,} correct), "
        f"loss {result.loss:.4f}{views}"
    )
    shown = table(None, "class", "images", "accuracy", "most confused with")
    for label in np.unique(data.y_test):
        given = result.predicted[data.y_test == label]
        wrong = given[given != label]
        values, counts = np.unique(wrong, return_counts=True)
        mistaken = f"{cell(data.class_names[values[counts.argmax()]])} ({counts.max()}×)" if len(wrong) else "–"
        shown.add_row(cell(data.class_names[label]), f"{len(given):,}", f"{1 - len(wrong) / len(given):.1%}", mistaken)
    console.print(shown)
