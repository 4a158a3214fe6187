"""``jitcnn report``: an HTML report on a model."""

from pathlib import Path
from typing import Any

import click

from jitcnn_cli import options


@click.command("report")
@click.argument("model", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default="report.html",
    show_default=True,
    help="HTML file to write.",
)
@options.dataset_option
@options.data_dir_option
@options.picture_options
@options.seed_option
@options.limit_option
@click.option(
    "--history",
    type=click.Path(),
    metavar="FILE",
    help="history.json or checkpoint with the training curves.  [default: history.json next to MODEL, if it exists]",
)
@click.option(
    "--reach", type=click.IntRange(0, 14), default=8, show_default=True, help="Largest image shift, in pixels."
)
@options.threads_option
def command(
    model: str, output: str, dataset: str, data_dir: str | None, pictures: dict[str, Any], seed: int, limit: int | None,
    history: str | None, reach: int, threads: int | None,
) -> None:  # fmt: skip
    """Write a self-contained HTML report on the saved model MODEL.

    It shows the architecture, training curves, filters, confusion matrix, misclassified images, accuracy on shifted
    images, and the microscope for three images: the correct prediction with the highest confidence, the prediction with
    the lowest, and the misclassification with the highest.

    \b
    Example:
      jitcnn report output/cnn_mnist_model.npz --dataset digits --limit 60 --reach 1
    """
    from jitcnn.inspection import read_histories
    from jitcnn.net.model import CNN
    from jitcnn.web.report import write_report
    from jitcnn_cli.console import NOTE, stdout, working
    from jitcnn_cli.run_folder import baseline_beside, history_beside

    console = stdout()
    net = CNN.load(model)
    data, note = options.data_for(net, dataset, data_dir, pictures, seed, limit)
    if note:
        console.print(note, style="yellow", soft_wrap=True)
    kept = history or history_beside(model, net)
    with working("writing the report", None, NOTE) as bar:
        write_report(
            output, net, data, baseline=baseline_beside(model, net),
            histories=None if kept is None else read_histories(kept), reach=reach,
            notes=note.splitlines(), on_part=lambda part: bar.show(0, part),
        )  # fmt: skip
    size = Path(output).stat().st_size / 1e6
    console.print(f"report on {net.name} ({data.name}, {size:.1f} MB) written to {output}", soft_wrap=True)
