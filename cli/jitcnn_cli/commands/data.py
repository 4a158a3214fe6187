"""``jitcnn data``: what there is to learn from."""

import click


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
    from jitcnn.data import find_mnist, load_digits
    from jitcnn_cli.console import stdout, table

    digits = load_digits()
    folder = find_mnist()
    shown = table(None, "name", "training", "test", "image", "where", left=1)
    shown.add_row("digits", f"{len(digits.x_train):,}", f"{len(digits.x_test):,}", "1×28×28", "inside the package")
    shown.add_row("mnist", "60,000", "10,000", "1×28×28", str(folder) if folder else "not here: jitcnn data fetch")
    stdout().print(shown)


@command.command("fetch")
@click.argument("name", type=click.Choice(["mnist"]), default="mnist")
def fetch(name: str) -> None:
    """Bring a data set into the user's cache folder, checked byte by byte; files already there are kept.

    \b
    Example:
      jitcnn data fetch mnist
    """
    from jitcnn.data.mnist import fetch_mnist
    from jitcnn_cli.console import DownloadBar

    click.echo(f"{name} is complete in {fetch_mnist(DownloadBar())}")
