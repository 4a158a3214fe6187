"""Shared by the plot commands: options, loading of the image, writing of the file."""

import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import click

from jitcnn.support.text import printable
from jitcnn_cli import options
from jitcnn_cli.options import Command

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jitcnn.net.model import CNN
    from jitcnn.support.arrays import IntArray

LONGEST_NAME = 32  # characters of a class in a title

model_argument = click.argument("model", type=click.Path())
layer_option = click.option(
    "--layer", metavar="NAME", help="Layer by kind and number, such as conv2 or block1.conv2, or by index from 0."
)
class_option = click.option(
    "--class", "class_name", metavar="NAME", help="Class to explain, by name or number.  [default: the predicted class]"
)


def output_option(default: str) -> Callable[[Command], Command]:
    """``--output``; the suffix is checked before anything is computed."""
    return click.option(
        "-o", "--output", type=click.Path(dir_okay=False), default=default, show_default=True,
        callback=options.picture_path, help="Output file: .png, .pdf or .svg.",
    )  # fmt: skip


def image_options(command: Command) -> Command:
    """Add MODEL and IMAGE; the command receives ``net``, ``x`` (1, C, H, W) uint8, and ``name``, a description of x."""

    @wraps(command)
    def prepared(
        *,
        model: str,
        image: str | None,
        dataset: str,
        data_dir: str | None,
        index: int | None,
        pictures: dict[str, Any],
        seed: int,
        impl: str,
        **settings: Any,
    ) -> None:
        from jitcnn.data.images import read_for
        from jitcnn.net.model import CNN
        from jitcnn_cli.console import working

        if image is not None and index is not None:
            raise click.UsageError("Expected IMAGE or --index, got both: leave one out.")
        net = CNN.load(model, impl=impl)
        if image is None:
            x, name = _test_image(net, dataset, data_dir, pictures, seed, index or 0)
        else:
            x, name = read_for(net, image), image
        with working("plotting"):
            command(net=net, x=x, name=name, **settings)

    parts = (
        model_argument,
        click.argument("image", type=click.Path(), required=False),
        click.option(
            "--index", type=click.IntRange(min=0), help="Index of the test image if IMAGE is omitted.  [default: 0]"
        ),
        options.dataset_option,
        options.data_dir_option,
        options.picture_options,
        options.seed_option,
        options.impl_option,
    )
    return cast(Command, options.with_options(prepared, *parts))


def _test_image(
    net: "CNN", dataset: str, data_dir: str | None, pictures: dict[str, Any], seed: int, index: int
) -> "tuple[IntArray, str]":
    from jitcnn.errors import ConfigError

    data, note = options.data_for(net, dataset, data_dir, pictures, seed)
    if note:
        click.echo(printable(note, keep="\n"), err=True)
    if index >= len(data.x_test):
        raise ConfigError(f"--index must be 0 to {len(data.x_test) - 1}, the test images of {data.name}, got {index}.")
    label = printable(data.class_names[data.y_test[index]], LONGEST_NAME)
    return data.x_test[index : index + 1], f"test image {index} of {data.name}, label {label}"


def classes_of(net: "CNN", count: int) -> Sequence[str]:
    """Return the class names of a model; by default their numbers."""
    return net.class_names or tuple(map(str, range(count)))


def class_index(net: "CNN", names: Sequence[str], asked: str | None) -> int | None:
    """Return the class index for ``--class``; ConfigError if there is no such class."""
    from jitcnn.errors import ConfigError, did_you_mean

    if asked is None:
        return None
    if asked in names:
        return names.index(asked)
    if asked.isdecimal() and int(asked) < len(names):
        return int(asked)
    shown = [printable(name, LONGEST_NAME) for name in names]
    raise ConfigError(
        f"{net.name} has no class {asked!r}{did_you_mean(asked, names)}: choose one of {', '.join(shown)}, or its number "
        f"from 0 to {len(names) - 1}."
    )


def parse_unit(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Parse "3,4" as row and column, "7" as the number of a unit."""
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,9}( *, *\d{1,9})?", value):
        raise click.BadParameter(f"expected ROW,COLUMN such as 3,4, or the number of a unit, got {value!r}.")
    return tuple(map(int, value.split(",")))


def write(figure: "Figure", output: str, what: str) -> None:
    """Write a plot and print its path; ConfigError if it cannot be written."""
    from jitcnn.errors import ConfigError
    from jitcnn.plots import save_figure

    try:
        save_figure(figure, output)
    except OSError as error:
        raise ConfigError(
            f"--output {output} cannot be written: {error.strerror or error}; choose another file."
        ) from error
    click.echo(printable(f"{output}: {what}", keep="\n"))
