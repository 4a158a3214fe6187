"""``jitcnn evaluate``: evaluate a saved net."""

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
@click.option("--mirror", is_flag=True, help="Show each picture as it is and left to right; the mean answers count.")
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
    """Evaluate the net in the file MODEL on test images, class by class.

    The pictures of a folder become what the net takes; give --seed and --test-share as in the training, so that
    it is evaluated on pictures that it did not learn from. --mirror helps where a picture's mirror image is of the same
    class: photographs, but not digits.

    \b
    Example:
      jitcnn evaluate output/cnn_mnist_model.npz --dataset digits
    """
    import numpy as np

    from jitcnn.metrics import evaluate
    from jitcnn.model import CNN
    from jitcnn_cli.console import stdout, table, working

    console = stdout()
    net = CNN.load(model, impl=impl)
    data, note = options.data_for(net, dataset, data_dir, pictures, seed)
    data = data if limit is None else data.limited(limit)
    if note and not as_json:
        console.print(note, style="yellow", soft_wrap=True)
    with working("reading the test images"):
        result = evaluate(net, data.x_test, data.y_test, mirrored=mirror)
    if as_json:
        click.echo(json.dumps({"model": net.name, "dataset": data.name, "mirrored": mirror, **result.as_dict()}))
        return
    views = ", of each picture and its mirror image" if mirror else ""
    console.print(
        f"{net.name} on {data.name}: {result.correct:,} of {result.total:,} correct, {result.accuracy:.2%}, "
        f"loss {result.loss:.4f}{views}"
    )
    shown = table(None, "class", "images", "correct", "most often taken for")
    for label in np.unique(data.y_test):
        given = result.predicted[data.y_test == label]
        wrong = given[given != label]
        values, counts = np.unique(wrong, return_counts=True)
        mistaken = f"{data.class_names[values[counts.argmax()]]} ({counts.max()}×)" if len(wrong) else "–"
        shown.add_row(data.class_names[label], f"{len(given):,}", f"{1 - len(wrong) / len(given):.1%}", mistaken)
    console.print(shown)
