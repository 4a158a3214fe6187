"""``jitcnn train``: train a model; save it with its metrics and plots."""

from typing import Any

import click

from jitcnn_cli import options
from jitcnn_cli.fine_tuning import check_not_resumed, fine_tuning_options
from jitcnn_cli.training_options import choice_options


@click.command("train")
@options.dataset_option
@options.data_dir_option
@options.picture_options
@options.model_option(None, "; auto selects one for the images")
@options.impl_option
@options.recipe_option("standard")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Number of epochs.  [default: from the recipe; standard: 10, digits 15; fast: 2, digits 8]",
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), help="Images per batch.  [default: from the recipe; 64, digits 16]"
)
@click.option(
    "--lr",
    type=click.FloatRange(min=0, min_open=True),
    help="Initial or peak learning rate.  [default: from the recipe; standard: 0.01; fast: 0.1, digits 0.05]",
)
@click.option(
    "--momentum",
    type=click.FloatRange(0, 1, max_open=True),
    help="Momentum of the optimizer.  [default: from the recipe; 0.9]",
)
@options.seed_option
@options.threads_option
@click.option(
    "--output",
    type=click.Path(file_okay=False),
    default="output",
    show_default=True,
    help="Output folder; files of an earlier run are replaced or removed, other files stay.",
)
@options.limit_option
@choice_options
@fine_tuning_options
@click.option("--no-baseline", is_flag=True, help="Do not train the dense baseline.")
@click.option(
    "--snapshots",
    is_flag=True,
    help="Save the filters of the first convolution before training and after each epoch to snapshots.npz, for "
    "`jitcnn plot evolution`.",
)
@click.option(
    "--log",
    type=click.Choice(["csv", "jsonl", "tensorboard"]),
    multiple=True,
    help="Write the metrics of each epoch to log.csv, log.jsonl or the folder tensorboard/ while training; may be repeated.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show the model, and an estimate of memory and time; train nothing, write no file."
)
@click.option(
    "--checkpoint-every",
    metavar="COUNT[batches|epochs]",
    help="Write checkpoint.npz to the output folder at this interval, such as 500batches or 2epochs, at the end, and on "
    "Ctrl-C or SIGTERM.  [default: never]",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False),
    metavar="CHECKPOINT",
    help="Resume an interrupted run with its saved options; the result is bit-identical to an uninterrupted run. With more "
    "--epochs, a finished run goes on.",
)
def command(**settings: Any) -> None:
    """Train a model and save it with its metrics and plots.

    By default, trains mnist-cnn on MNIST, or on the embedded digits if MNIST is not available, and the dense baseline (no
    convolutions) on the same images for comparison. To survive interruptions, train with --checkpoint-every 500batches
    and continue with --resume output/checkpoint.npz.

    \b
    Example:
      jitcnn train --dataset digits --epochs 3
    """
    from jitcnn_cli.kept_run import kept_run
    from jitcnn_cli.main import INTERRUPTED
    from jitcnn_cli.training_run import TrainOptions
    from jitcnn_cli.training_screen import run

    context, dry_run = click.get_current_context(), settings.pop("dry_run")
    check_not_resumed(settings)
    settings, kept = kept_run(context, settings)
    if not run(TrainOptions(**settings), kept, dry_run):
        context.exit(INTERRUPTED)
