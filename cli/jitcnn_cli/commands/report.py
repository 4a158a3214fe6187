"""``jitcnn report``: one file to keep, all about a net."""

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
    help="File of the page.",
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
    help="history.json or a checkpoint, for the curves.  [default: history.json in the folder of MODEL, where there is one]",
)
@click.option(
    "--reach", type=click.IntRange(0, 14), default=8, show_default=True, help="Pixels by which images are moved."
)
@options.threads_option
def command(
    model: str, output: str, dataset: str, data_dir: str | None, pictures: dict[str, Any], seed: int, limit: int | None,
    history: str | None, reach: int, threads: int | None,
) -> None:  # fmt: skip
    """Write all about the net in the file MODEL into one page that needs no network.

    Architecture, curves, filters, confusion matrix, the worst mistakes, what a shift of the images does, and a microscope for three of
    them: the one read most firmly, the one read least firmly, and the firmest mistake.

    \b
    Example:
      jitcnn report output/cnn_mnist_model.npz --dataset digits --limit 60 --reach 1
    """
    from rich.progress import TextColumn

    from jitcnn.inspection import read_histories
    from jitcnn.model import CNN
    from jitcnn.web.report import write_report
    from jitcnn_cli.console import stdout, working
    from jitcnn_cli.run_folder import baseline_beside, history_beside

    console = stdout()
    net = CNN.load(model)
    data, note = options.data_for(net, dataset, data_dir, pictures, seed)
    if note:
        console.print(note, style="yellow", soft_wrap=True)
    kept = history or history_beside(model)
    with working("writing the page", None, TextColumn("{task.fields[note]}")) as bar:
        write_report(
            output, net, data if limit is None else data.limited(limit), baseline=baseline_beside(model, net),
            histories=None if kept is None else read_histories(kept), reach=reach, on_part=lambda part: bar.show(0, part),
        )  # fmt: skip
    size = Path(output).stat().st_size / 1e6
    console.print(
        f"{output}: {net.name} on {data.name}, one page of {size:.1f} MB; open it in a browser", soft_wrap=True
    )
