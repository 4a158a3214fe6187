"""Plots of predictions on test images: confusion matrix and misclassified images."""

from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import click

from jitcnn.support.text import printable
from jitcnn_cli import options
from jitcnn_cli.options import Command
from jitcnn_cli.plotting.shared import model_argument, output_option, write

if TYPE_CHECKING:
    from jitcnn.data import Dataset


def _examined(command: Command) -> Command:
    """Add the options of an evaluation; the command receives ``data``, ``probabilities`` and ``title``."""

    @wraps(command)
    def prepared(
        *,
        model: str,
        dataset: str,
        data_dir: str | None,
        pictures: dict[str, Any],
        seed: int,
        impl: str,
        limit: int | None,
        **settings: Any,
    ) -> None:
        from jitcnn.net.model import CNN
        from jitcnn_cli.console import working

        net = CNN.load(model, impl=impl)
        data, note = options.data_for(net, dataset, data_dir, pictures, seed, limit)
        if note:
            click.echo(printable(note, keep="\n"), err=True)
        with working("evaluating"):
            probabilities = net.predict_proba(data.x_test)
        command(data=data, probabilities=probabilities, title=f"{net.name} on {data.name}", **settings)

    parts = (
        model_argument, options.dataset_option, options.data_dir_option, options.picture_options, options.seed_option,
        options.impl_option, options.limit_option,
    )  # fmt: skip
    return cast(Command, options.with_options(prepared, *parts))


@click.command("confusion")
@_examined
@output_option("confusion.png")
def confusion(data: "Dataset", probabilities: Any, title: str, output: str) -> None:
    """Plot the confusion matrix of MODEL on test images.

    \b
    Example:
      jitcnn plot confusion output/cnn_mnist_model.npz --dataset digits
    """
    from jitcnn.metrics import confusion_matrix
    from jitcnn.plots import confusion_figure

    matrix = confusion_matrix(data.y_test, probabilities.argmax(axis=1), data.num_classes)
    write(confusion_figure(matrix, data.class_names, title), output, f"confusion matrix of {title}")


@click.command("mistakes")
@_examined
@output_option("mistakes.png")
def mistakes(data: "Dataset", probabilities: Any, title: str, output: str) -> None:
    """Plot the misclassified test images of MODEL.

    Shows label and prediction of each image, highest confidence first.

    \b
    Example:
      jitcnn plot mistakes output/cnn_mnist_model.npz --dataset digits
    """
    from jitcnn.metrics import mistakes as misclassified
    from jitcnn.plots import mistakes_figure

    found = misclassified(probabilities, data.y_test)
    figure = mistakes_figure(data.x_test, found, data.class_names, title)
    write(figure, output, f"{len(found):,} of {len(data.y_test):,} test images misclassified by {title}")
