"""Options that several commands share, and what they mean to the library."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from jitcnn.data import Dataset
    from jitcnn.model import CNN

# As in jitcnn.kernels.engine.plan, which loads too slowly for --help; a test holds the two together.
IMPLEMENTATIONS = ("auto", "naive", "loops", "im2col", "direct", "winograd", "fused")

Command = TypeVar("Command", bound=Callable[..., Any])

DATASETS = ("auto", "mnist", "fashion-mnist", "kmnist", "cifar10", "digits")
FETCHED = DATASETS[1:-1]


def dataset_name(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """A data set's name or a folder, as it was given; a usage error for anything else."""
    if value is not None and value not in DATASETS and not Path(value).is_dir():
        raise click.BadParameter(f"{value!r} is neither one of {', '.join(DATASETS)} nor a folder of pictures.")
    return value


def with_options(command: Command, *parts: Callable[[Any], Any]) -> Command:
    """The command with options and arguments, in the order in which its help shows them."""
    decorated: Any = command
    for part in reversed(parts):
        decorated = part(decorated)
    return cast(Command, decorated)


def model_option(default: str | None) -> Callable[[Command], Command]:
    """``--model``; by default the recipe's net where there is none."""
    return click.option(
        "--model", "model_name", metavar="NET", default=default, show_default=default or "the recipe's",
        help="A name that `jitcnn models` lists, or the path of a net of your own, ending in .toml.",
    )  # fmt: skip


dataset_option = click.option(
    "--dataset", metavar=f"[{'|'.join(DATASETS)}|FOLDER]", callback=dataset_name, default="auto", show_default=True,
    help="auto: what a saved net learnt from, else MNIST if it is on disk or can be fetched, else the embedded digits. A folder: your own pictures, "
    "with one sub-folder for each class.",
)  # fmt: skip
data_dir_option = click.option(
    "--data-dir", type=click.Path(exists=True, file_okay=False),
    help="Folder that holds the data files; without it $JITCNN_DATA_DIR and the user's cache are looked into.",
)  # fmt: skip
_PICTURE_OPTIONS = {
    "image_size": click.option(
        "--image-size", type=click.IntRange(min=1), help="Side of the pictures of a folder, in pixels, once scaled and cut square."
    ),
    "channels": click.option(
        "--channels", type=click.IntRange(1, 3), help="Take the pictures of a folder as grey (1) or as colour (3)."
    ),
    "test_share": click.option(
        "--test-share", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.2, show_default=True,
        help="Share of a folder's pictures, in each class, to be evaluated on; --seed decides which.",
    ),
    "skip_broken": click.option("--skip-broken", is_flag=True, help="Go on without pictures of a folder that cannot be read."),
}  # fmt: skip


def picture_options(command: Command) -> Command:
    """The options of a folder of pictures, handed to the command in one: ``pictures``, the settings of ``load_folder``."""

    @wraps(command)
    def bundled(*arguments: Any, **settings: Any) -> Any:
        return command(*arguments, pictures={name: settings.pop(name) for name in _PICTURE_OPTIONS}, **settings)

    for option in reversed(_PICTURE_OPTIONS.values()):
        option(bundled)
    return cast(Command, bundled)


impl_option = click.option(
    "--impl", type=click.Choice(IMPLEMENTATIONS), default="auto", show_default=True,
    help="The algorithm of convolution and pooling: auto takes the fastest for each layer, see `jitcnn summary`; what an "
    "algorithm cannot compute, a convolution runs as direct and any other layer as auto.",
)  # fmt: skip


def recipe_option(default: str) -> Callable[[Command], Command]:
    """How to train, and on what if that is left open."""
    return click.option(
        "--recipe", default=default, show_default=True, metavar="NAME|FILE.toml",
        help="standard or fast, which depend on the data set (fast: few epochs, in which the learning rate rises to a peak "
        "and falls to nothing), or one by name: cifar-fast, cifar-resnet20, cifar-vgg, digits, digits-fast, fashion, lenet5, mnist-best, mnist-cnn, mnist-fast, or a file of your own.",
    )  # fmt: skip


def dataset_for(dataset: str, recipe: str) -> str:
    """The data set to load: where it is left to ``auto``, the one that a recipe asks for by its own name is for."""
    from jitcnn.recipes import GROUPS, load_recipe

    if dataset != "auto" or recipe in GROUPS:
        return dataset
    return next(iter(load_recipe(recipe).dataset), dataset)


def data_for(
    net: "CNN", dataset: str, data_dir: str | None, pictures: dict[str, Any], seed: int
) -> "tuple[Dataset, str]":
    """The data set as a net takes it, and a note on it: the pictures of a folder come in its size and channels.

    Where it is left to ``auto``, the one that the net learnt from comes first, if it is on disk.
    """
    from jitcnn.data import fitting_dataset, load_dataset
    from jitcnn_cli.console import DownloadBar

    if dataset == "auto" and data_dir is None and (data := fitting_dataset(net)) is not None:
        return data, ""
    if net.input_shape is not None:
        own = {"channels": net.input_shape[0], "image_size": net.input_shape[-1]}
        pictures = pictures | {name: value for name, value in own.items() if pictures[name] is None}
    data, note = load_dataset(dataset, data_dir, DownloadBar(), seed=seed, **pictures)
    data.check_fit(net)
    return data, note


def picture_path(_ctx: click.Context, _param: click.Parameter, path: str | None) -> str | None:
    """The file of a picture to be written; ConfigError for a suffix of no such format, before anything is computed."""
    if path is not None:
        from jitcnn.plots import picture_format

        picture_format(path)
    return path


limit_option = click.option(
    "--limit", type=click.IntRange(min=1), help="Take only the first so many images of each half."
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Decides all that is random."
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), callback=lambda _ctx, _param, count: _set_threads(count),
    help="Threads to compute on.  [default: one per core]",
)  # fmt: skip


def _set_threads(count: int | None) -> int | None:
    if count is not None:
        from jitcnn.errors import ConfigError
        from jitcnn.kernels import runtime

        if count > runtime.most_threads():
            raise ConfigError(
                f"--threads must be at most {runtime.most_threads()}, the cores of this machine, got {count}; "
                "set NUMBA_NUM_THREADS to allow more."
            )
        runtime.set_threads(count)
    return count
