"""``jitcnn data``: list, download and check data sets."""

import json
from typing import Any

import click

from jitcnn_cli import options


@click.group("data")
def command() -> None:
    """List, download and check data sets."""


@command.command("list")
def list_datasets() -> None:
    """List the data sets and where they are stored.

    Wherever a command takes the name of a data set, it also takes the path of your own images.

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
    console = stdout()
    console.print(shown)
    console.print(
        "Your own images: give their path instead of a name, such as --dataset my_images/; `jitcnn data show my_images/` checks "
        "them.",
        soft_wrap=not console.is_terminal,
    )


@command.command("show")
@click.argument("dataset", metavar="NAME|PATH", callback=options.dataset_name)
@options.data_dir_option
@options.picture_options
@options.seed_option
@click.option(
    "--contact-sheet", type=click.Path(dir_okay=False), metavar="FILE.png", callback=options.picture_path,
    help="Draw images of every class, and below them those that look wrong, as PNG, PDF or SVG.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(
    dataset: str,
    data_dir: str | None,
    pictures: dict[str, Any],
    seed: int,
    contact_sheet: str | None,
    as_json: bool,
) -> None:
    """Check a data set before training: sizes, pixel values, class balance, and what looks wrong.

    Looks for duplicates within and across training and test images, labels that contradict each other or the most similar
    images, empty, small or unequal classes, images without contrast, unusually dark, bright or inverted ones, and files that
    cannot be read or are ignored. A finding is a reason to look: the exit code is 0 whatever is found, and 1 if the data set
    cannot be loaded.

    \b
    Example:
      jitcnn data show digits
      jitcnn data show digits --contact-sheet digits.png
    """
    from jitcnn_cli import data_screen
    from jitcnn_cli.console import stdout

    data, note, report = data_screen.load(dataset, data_dir, seed, pictures)
    if contact_sheet is not None:
        data_screen.save_contact_sheet(data, report, contact_sheet)
    if as_json:
        click.echo(json.dumps(data_screen.record(report, note)))
        return
    console = stdout()
    data_screen.show(console, report, note)
    if contact_sheet is not None:
        console.print(f"contact sheet: {contact_sheet}", soft_wrap=True)


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


@command.command("cache")
@click.option("--clear", is_flag=True, help="Delete all decoded images; they are decoded again when needed.")
def cache(clear: bool) -> None:
    """Show the cache of decoded images, or clear it.

    Images of large folders are decoded once and kept. JITCNN_CACHE_DIR names another folder, JITCNN_CACHE_LIMIT the most
    bytes, such as "500 MB"; 0 turns the cache off.

    \b
    Example:
      jitcnn data cache
    """
    from jitcnn.data.cache_folder import cache_info, clear_cache
    from jitcnn.support.text import count_of

    if clear:
        deleted = clear_cache()
        click.echo(f"deleted {count_of(deleted.sets, 'set')}, {deleted.size / 1e6:,.1f} MB, from {deleted.folder}")
        return
    info = cache_info()
    click.echo(
        f"{count_of(info.sets, 'set')}, {info.size / 1e6:,.1f} of at most {info.limit / 1e6:,.0f} MB, in {info.folder}"
    )
