"""``jitcnn evaluate``: examine a saved net."""

import json

import click

from jitcnn_cli import options


@click.command("evaluate")
@click.argument("model", type=click.Path())
@options.dataset_option
@options.data_dir_option
@options.impl_option
@options.limit_option
@options.threads_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    model: str, dataset: str, data_dir: str | None, impl: str, limit: int | None, threads: int | None, as_json: bool
) -> None:
    """Examine the net in the file MODEL on test images, digit by digit.

    \b
    Example:
      jitcnn evaluate output/cnn_mnist_model.npz --dataset digits
    """
    import numpy as np

    from jitcnn.data import load_dataset
    from jitcnn.metrics import evaluate
    from jitcnn.model import CNN
    from jitcnn_cli.console import DownloadBar, compiling, stdout, table

    console = stdout()
    net = CNN.load(model, impl=impl)
    data, note = load_dataset(dataset, data_dir, DownloadBar())
    data = data if limit is None else data.limited(limit)
    if as_json:
        result = evaluate(net, data.x_test, data.y_test)
        click.echo(
            json.dumps(
                {
                    "model": net.name,
                    "dataset": data.name,
                    "loss": result.loss,
                    "correct": result.correct,
                    "total": result.total,
                    "accuracy": result.accuracy,
                }
            )
        )
        return
    if note:
        console.print(note, style="yellow", soft_wrap=True)
    with compiling():
        result = evaluate(net, data.x_test, data.y_test)
    console.print(
        f"{net.name} on {data.name}: {result.correct:,} of {result.total:,} correct, {result.accuracy:.2%}, loss {result.loss:.4f}"
    )
    answers = net.predict(data.x_test)
    shown = table(None, "class", "images", "correct", "most often taken for")
    for digit in np.unique(data.y_test):
        given = answers[data.y_test == digit]
        wrong = given[given != digit]
        values, counts = np.unique(wrong, return_counts=True)
        mistaken = f"{values[counts.argmax()]} ({counts.max()}×)" if len(wrong) else "–"
        shown.add_row(str(digit), f"{len(given):,}", f"{1 - len(wrong) / len(given):.1%}", mistaken)
    console.print(shown)
