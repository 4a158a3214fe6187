"""``jitcnn data``: list and download data sets."""

import click

from jitcnn_cli import options


@click.group("data")
def command() -> None:
    """List and download data sets."""


@command.command("list")
def list_datasets() -> None:
    """List the data sets and where they are stored.

    \b
    Example:
      jitcnn data list
    """
    from jitcnn.data import DATASETS, find_dataset
    from jitcnn.net.summary import times
    from jitcnn_cli.console import stdout, table

    shown = table(None, "name", "training", "test", "image", "classes", left=1)
    shown.add_column("location", overflow="fold")
    for name, source in DATASETS.items():
        location = "embedded in the package"
        if source.find is not None:
            location = str(find_dataset(name) or f"missing: jitcnn data fetch {name}")
        sizes = f"{source.train:,}", f"{source.test:,}", times(source.image_shape), str(source.classes)
        shown.add_row(name, *sizes, location)
    stdout().print(shown)


@command.command("fetch")
@click.argument("name", type=click.Choice(options.FETCHED), default="mnist")
def fetch(name: str) -> None:
    """Download and verify a data set.

    Files go to the user cache; existing files are kept.

    \b
    Example:
      jitcnn data fetch mnist
    """
    from jitcnn.data import fetch_dataset
    from jitcnn_cli.console import DownloadBar

    click.echo(f"{name} is available in {fetch_dataset(name, DownloadBar())}")
