"""``jitcnn train``: the main job, from nothing to a trained net and what it learnt."""

from typing import Any

import click

from jitcnn_cli import options


@click.command("train")
@options.dataset_option
@options.data_dir_option
@options.picture_options
@options.model_option(None)
@options.impl_option
@options.recipe_option("standard")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Passes over the training images.  [default: the recipe's: 10, 15 on digits; fast: 2, 8 on digits]",
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), help="Images per update.  [default: the recipe's: 64, 16 on digits]"
)
@click.option(
    "--lr",
    type=click.FloatRange(min=0, min_open=True),
    help="Learning rate, or its peak.  [default: the recipe's: 0.01; fast: 0.1, 0.05 on digits]",
)
@click.option(
    "--momentum",
    type=click.FloatRange(0, 1, max_open=True),
    help="Share of the last step kept.  [default: the recipe's: 0.9]",
)
@options.seed_option
@options.threads_option
@click.option(
    "--output",
    type=click.Path(file_okay=False),
    default="output",
    show_default=True,
    help="Folder for the files; those of an earlier run in it are replaced.",
)
@options.limit_option
@click.option(
    "--validation",
    type=click.IntRange(min=1),
    metavar="N",
    help="Hold back N training images and evaluate on them instead of the test images: to choose a recipe.",
)
@click.option("--no-baseline", is_flag=True, help="Do not train the dense baseline.")
@click.option(
    "--snapshots",
    is_flag=True,
    help="Keep the first convolution's filters, before the training and after each epoch, in snapshots.npz in the folder; "
    "`jitcnn plot evolution` draws them.",
)
@click.option(
    "--checkpoint-every",
    metavar="COUNT[batches|epochs]",
    help="Write the training as it stands to checkpoint.npz in the folder, such as every 500batches or 2epochs; also at "
    "its end, and on Ctrl-C or SIGTERM.  [default: never]",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False),
    metavar="CHECKPOINT",
    help="Go on with an interrupted training, to the same bits; its options are in the file, and need not be given again.",
)
def command(**settings: Any) -> None:
    """Train a net, with every step on the screen.

    Begins with the defaults: the standard recipe, which is mnist-cnn on MNIST, or on the embedded digits where MNIST cannot be had;
    its baseline without convolutions is trained on the same images, so that the two can be compared. A training with
    --checkpoint-every 500batches may be stopped, or killed, and goes on with --resume output/checkpoint.npz.

    \b
    Example:
      jitcnn train --dataset digits --epochs 3
    """
    from jitcnn_cli.kept_run import kept_run
    from jitcnn_cli.main import INTERRUPTED
    from jitcnn_cli.training_screen import run

    context = click.get_current_context()
    settings, kept = kept_run(context, settings)
    if not run(**settings, kept=kept):
        context.exit(INTERRUPTED)
