"""Options that several commands share, and what they mean to the library."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

IMPLEMENTATIONS = ("auto", "fused", "loops", "im2col", "naive")
DATASETS = ("auto", "mnist", "digits")

model_option = click.option(
    "--model", "model_name", metavar="NET", default="mnist-cnn", show_default=True,
    help="A name that `jitcnn models` lists, or the path of a net of your own, ending in .toml.",
)  # fmt: skip
dataset_option = click.option(
    "--dataset", type=click.Choice(DATASETS), default="auto", show_default=True,
    help="auto: MNIST if it is on disk or can be fetched, else the embedded digits.",
)  # fmt: skip
data_dir_option = click.option(
    "--data-dir", type=click.Path(exists=True, file_okay=False),
    help="Folder that holds the data files; without it $JITCNN_DATA_DIR and the user's cache are looked into.",
)  # fmt: skip
impl_option = click.option(
    "--impl", type=click.Choice(IMPLEMENTATIONS), default="auto", show_default=True,
    help="How convolution and pooling are computed; auto takes the fastest: fused where it can, else loops, or im2col where that is quicker.",
)  # fmt: skip
RECIPES = ("standard", "fast")
recipe_option = click.option(
    "--recipe", type=click.Choice(RECIPES), default="standard", show_default=True,
    help="fast: few epochs, in which the learning rate rises to a peak and falls to nothing.",
)  # fmt: skip
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
