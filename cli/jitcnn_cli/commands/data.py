"""``jitcnn data``: what there is to learn from."""

import click

from jitcnn_cli import options


@click.group("data")
def command() -> None:
    """List and fetch data sets."""


@command.command("list")
def list_datasets() -> None:
    """Show the data sets, and which are on this machine.

    \b
    Example:
      jitcnn data list
    """
    from jitcnn.data import find_dataset
    from jitcnn_cli.console import stdout, table

    shown = table(None, "name", "training", "test", "image", "classes", left=1)
    shown.add_column("where", overflow="fold")
    shown.add_row("digits", "1,437", "360", "1×28×28", "10", "inside the package")
    for name in options.FETCHED:
        folder = find_dataset(name)
        counts = ("50,000", "10,000", "3×32×32") if name == "cifar10" else ("60,000", "10,000", "1×28×28")
        shown.add_row(name, *counts, "10", str(folder) if folder else f"not here: jitcnn data fetch {name}")
    stdout().print(shown)


@command.command("fetch")
@click.argument("name", type=click.Choice(options.FETCHED), default="mnist")
def fetch(name: str) -> None:
    """Bring a data set into the user's cache folder, checked; files already there are kept.

    \b
    Example:
      jitcnn data fetch mnist
    """
    from jitcnn.data import fetch_dataset
    from jitcnn_cli.console import DownloadBar

    click.echo(f"{name} is complete in {fetch_dataset(name, DownloadBar())}")
