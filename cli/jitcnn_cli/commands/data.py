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
    from jitcnn.data import find_dataset
    from jitcnn_cli.console import stdout, table

    shown = table(None, "name", "training", "test", "image", "classes", left=1)
    shown.add_column("location", overflow="fold")
    shown.add_row("digits", "1,437", "360", "1×28×28", "10", "embedded in the package")
    for name in options.FETCHED:
        folder = find_dataset(name)
        counts = ("50,000", "10,000", "3×32×32") if name == "cifar10" else ("60,000", "10,000", "1×28×28")
        shown.add_row(name, *counts, "10", str(folder) if folder else f"missing: jitcnn data fetch {name}")
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
