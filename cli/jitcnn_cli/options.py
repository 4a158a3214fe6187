"""Options shared by several commands, and the data set they select."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from jitcnn.errors import ConfigError
from jitcnn_cli.image_size import ImageSize

if TYPE_CHECKING:
    from jitcnn.data import Dataset
    from jitcnn.net.model import CNN

# Copy of jitcnn.kernels.engine.plan.IMPLEMENTATIONS, whose import is too slow for --help; a test compares the two.
IMPLEMENTATIONS = ("auto", "naive", "loops", "im2col", "direct", "winograd", "fused")

Command = TypeVar("Command", bound=Callable[..., Any])

DATASETS = ("auto", "mnist", "fashion-mnist", "kmnist", "cifar10", "digits")
FETCHED = DATASETS[1:-1]


def dataset_name(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Return the data set name or path unchanged; BadParameter for anything else."""
    if value is not None and value not in DATASETS and not Path(value).is_dir():
        from jitcnn.data.formats import describe_formats, find_format

        if find_format(value) is None:
            raise click.BadParameter(
                f"{value!r} is neither one of {', '.join(DATASETS)} nor an existing folder nor a data file "
                f"({describe_formats()})."
            )
    return value


def with_options(command: Command, *parts: Callable[[Any], Any]) -> Command:
    """Add options and arguments to a command, in the order of its help."""
    decorated: Any = command
    for part in reversed(parts):
        decorated = part(decorated)
    return cast(Command, decorated)


def model_option(default: str | None, more: str = "") -> Callable[[Command], Command]:
    """``--model``; without a default, the recipe decides. ``more`` is appended to its help."""
    return click.option(
        "--model", "model_name", metavar="NAME|FILE.toml", default=default,
        show_default=default is not None or "from the recipe",
        help=f"Built-in model (see `jitcnn models`), or a .toml file that defines one{more}.",
    )  # fmt: skip


dataset_option = click.option(
    "--dataset", metavar=f"[{'|'.join(DATASETS)}|FOLDER|FILE]", callback=dataset_name, default="auto", show_default=True,
    help="auto: the data set that a saved model was trained on, else MNIST if it is on disk or can be downloaded, else the "
    "embedded digits. FOLDER: your own images, one subfolder per class, perhaps in train/ and test/. "
    "FILE: a CSV of pixels or of image files, .npz, .npy, .h5 or .mat; a folder of such files, of IDX files or of CIFAR works too.",
)  # fmt: skip
data_dir_option = click.option(
    "--data-dir", type=click.Path(exists=True, file_okay=False),
    help="Folder with the data files.  [default: $JITCNN_DATA_DIR, then the user cache]",
)  # fmt: skip
_PICTURE_OPTIONS = {
    "image_size": click.option(
        "--image-size", type=ImageSize(), help="Resize and centre-crop the images of FOLDER to N×N pixels, or to height and "
        "width, such as 48x64.",
    ),
    "channels": click.option(
        "--channels", type=click.IntRange(1, 3), help="Load the images of FOLDER in greyscale (1) or colour (3)."
    ),
    "test_share": click.option(
        "--test-share", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.2, show_default=True,
        help="Fraction of the images of FOLDER, per class, used for testing, unless it has a "
        "test/ or val/; --seed selects them. A saved model keeps its own split by default.",
    ),
    "skip_broken": click.option("--skip-broken", is_flag=True, help="Skip images of FOLDER that cannot be read; their number is printed."),
}  # fmt: skip


def picture_options(command: Command) -> Command:
    """Options for an image folder, passed to the command as one dict ``pictures``: the settings of ``load_folder``."""

    @wraps(command)
    def bundled(*arguments: Any, **settings: Any) -> Any:
        return command(*arguments, pictures={name: settings.pop(name) for name in _PICTURE_OPTIONS}, **settings)

    for option in reversed(_PICTURE_OPTIONS.values()):
        option(bundled)
    return cast(Command, bundled)


impl_option = click.option(
    "--impl", type=click.Choice(IMPLEMENTATIONS), default="auto", show_default=True,
    help="Algorithm for convolution and pooling; auto selects the fastest for each layer (see `jitcnn summary`). Unsupported "
    "layers fall back: convolutions to direct, others to auto.",
)  # fmt: skip


def recipe_option(default: str) -> Callable[[Command], Command]:
    """``--recipe``: the hyperparameters, and the data set unless --dataset is given."""
    return click.option(
        "--recipe", default=default, show_default=True, metavar="NAME|FILE.toml",
        help="Hyperparameters: standard or fast (few epochs, one-cycle learning rate), chosen for the data set; one of "
        "cifar-fast, cifar-resnet20, cifar-vgg, digits, digits-fast, fashion, lenet5, mnist-best, mnist-cnn, "
        "mnist-fast; or a .toml file.",
    )  # fmt: skip


def dataset_for(dataset: str, recipe: str) -> str:
    """Return the data set to load: for ``auto`` with a recipe given by name or file, that recipe's first data set."""
    from jitcnn.recipes import PURPOSES, load_recipe

    if dataset != "auto" or recipe in PURPOSES:
        return dataset
    return next(iter(load_recipe(recipe).dataset), dataset)


def data_for(
    net: "CNN", dataset: str, data_dir: str | None, pictures: dict[str, Any], seed: int, limit: int | None = None
) -> "tuple[Dataset, str]":
    """Load the data set for a model, of which at most ``limit`` images; also returns a note, one line per point.

    ``auto`` prefers the data set that the model was trained on, if it is on disk. Images of a folder get the model's
    input size and channels, and are split as in its training unless --seed or --test-share is given; classes are
    matched by name. The note says what differs, and warns of images that the model was trained on.
    """
    from jitcnn.data import fitting_dataset, load_dataset, match_data, trained_on_warning
    from jitcnn_cli.console import data_bar

    notes, record, asks_split = [], net.trained_on, _is_given("seed", "test_share")
    if dataset == "auto" and record is not None and record.name not in DATASETS:
        raise ConfigError(
            f"{net.name} was trained on {record.name}, which is none of the built-in data sets: expected --dataset with that file "
            "or folder, or another one with images of the same classes, got none."
        )
    data = fitting_dataset(net) if dataset == "auto" and data_dir is None else None
    if data is None:
        if net.input_shape is not None and len(net.input_shape) == 3 and has_image_files(dataset):
            own = {"channels": net.input_shape[0], "image_size": net.input_shape[1:]}
            pictures = pictures | {name: value for name, value in own.items() if pictures[name] is None}
        if record is not None and not asks_split and "test_share" in record.split:
            seed, pictures = record.split["seed"], pictures | {"test_share": record.split["test_share"]}
        data, note = load_dataset(
            dataset, data_dir, data_bar(dataset), seed=seed, value_ranges=net.value_ranges, **pictures
        )
        notes.append(note)
    if dataset == "auto" and record is not None and record.name != data.name:
        notes.append(f"{net.name} was trained on {record.name}, which was not found: using {data.name} instead.")
    data, differences = match_data(data, net, keep_split=asks_split)
    data = data if limit is None else data.limited(limit)
    return data, "\n".join(filter(None, [*notes, *differences, trained_on_warning(data.x_test, net)]))


def has_image_files(dataset: str) -> bool:
    """Whether a data set consists of image files, which are resized: a folder of them, or a CSV that names them."""
    from jitcnn.data.formats import find_format

    if dataset in DATASETS:
        return False
    found = find_format(dataset)
    return found.has_image_files if found is not None else Path(dataset).is_dir()


def _is_given(*names: str) -> bool:
    """Whether one of these options is on the command line."""
    context = click.get_current_context(silent=True)
    given = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    return context is not None and any(context.get_parameter_source(name) in given for name in names)


def picture_path(_ctx: click.Context, _param: click.Parameter, path: str | None) -> str | None:
    """Return the path of a plot; ConfigError for an unsupported suffix, before anything is computed."""
    if path is not None:
        from jitcnn.plots import picture_format

        picture_format(path)
    return path


limit_option = click.option(
    "--limit", type=click.IntRange(min=1), help="Use at most this many training and test images."
)
seed_option = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed.")
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), callback=lambda _ctx, _param, count: _set_threads(count),
    help="Number of threads.  [default: one per core]",
)  # fmt: skip


def _set_threads(count: int | None) -> int | None:
    if count is not None:
        from jitcnn.kernels import runtime

        if count > runtime.most_threads():
            raise ConfigError(
                f"--threads must be at most {runtime.most_threads()}, the cores of this machine, got {count}; "
                "set NUMBA_NUM_THREADS to allow more."
            )
        runtime.set_threads(count)
    return count
