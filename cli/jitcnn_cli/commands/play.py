"""``jitcnn play``: a page on which a person plays with the net."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jitcnn_cli import options

if TYPE_CHECKING:
    from jitcnn.data import Dataset
    from jitcnn.model import CNN

BASELINE_EPOCHS = 5


@click.command("play")
@click.argument("model", type=click.Path(), required=False)
@click.option(
    "--baseline",
    type=click.Path(),
    metavar="FILE",
    help="A net to compare with.  [default: mnist-dense_model.npz in the folder of MODEL, if it fits]",
)
@click.option("--rival", type=click.Path(), hidden=True)  # old name of --baseline
@click.option(
    "--dataset",
    callback=options.dataset_name,
    metavar=f"[{'|'.join(options.DATASETS)}|FOLDER]",
    help="Images to be evaluated on and to learn from.  [default: those it learnt from, where they are on disk]",
)
@options.data_dir_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any that is free."
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@options.threads_option
def command(
    model: str | None, baseline: str | None, rival: str | None, dataset: str | None, data_dir: str | None, port: int,
    no_browser: bool, threads: int | None,
) -> None:  # fmt: skip
    """Draw, move and look inside, in a page on this machine; MODEL is a file of `jitcnn train`.

    A net reads what you draw while you draw it. Every layer's feature maps are live; in the microscope every number of a convolution,
    a pooling and their gradients can be taken apart; a training can be started, watched and steered. Without MODEL it is
    output/cnn_mnist_model.npz, or where there is none a small net and its baseline, trained on the embedded digits in some seconds. Needs
    `pip install 'jitcnn[play]'`; Ctrl-C ends it.

    \b
    Example:
      jitcnn play output/cnn_mnist_model.npz
    """
    from jitcnn.errors import ConfigError

    try:
        from jitcnn.web.server import serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"jitcnn play needs {error.name}, which is not installed: pip install 'jitcnn[play]'."
        ) from error
    from jitcnn.data import fitting_dataset
    from jitcnn.model import CNN
    from jitcnn.web.desk import Desk
    from jitcnn_cli.console import stdout, working
    from jitcnn_cli.run_folder import baseline_beside, model_file

    console = stdout()
    baseline = baseline or rival
    default = Path("output") / model_file("mnist-cnn")
    beside: CNN | None
    data: Dataset | None
    if model is None and not default.is_file():
        net, beside, data = _trained_on_digits()
    else:
        path = Path(model or default)
        net = CNN.load(path)
        beside = CNN.load(baseline) if baseline is not None else baseline_beside(path, net)
        as_it_takes = {"channels": None, "image_size": None}  # of the pictures of a folder: what the net says
        is_named = dataset is not None or data_dir is not None
        data = (
            options.data_for(net, dataset or "auto", data_dir, as_it_takes, 0)[0] if is_named else fitting_dataset(net)
        )
    desk = Desk(net, beside, data)
    with working("making ready"):
        desk.warm_up()

    def on_ready(address: str) -> None:
        against = f" against {beside.name}" if beside is not None else ""
        console.print(f"{net.name}{against} plays at {address}   (Ctrl-C ends it)", soft_wrap=True)
        console.file.flush()  # whoever reads it through a pipe waits for the address

    serve(desk, port, on_ready=on_ready, opens_browser=not no_browser)


def _trained_on_digits() -> "tuple[CNN, CNN, Dataset]":
    """The first net and its baseline after a few epochs on the embedded digits."""
    from jitcnn.data import load_dataset
    from jitcnn.recipes import choose_recipe
    from jitcnn.training import fit_by, model_by, prepare
    from jitcnn_cli.console import epoch_bar, stdout, working

    data, _ = load_dataset("digits")
    recipe = choose_recipe("standard", "digits").changed(epochs=BASELINE_EPOCHS)
    stdout().print(
        "no model is named and none in output: training one on the embedded digits, for this page alone;\n"
        "it knows 8×8 pixels and sevens with a bar: `jitcnn train` on MNIST makes a better one"
    )
    nets = [model_by(recipe), model_by(recipe.changed(model="mnist-dense"))]
    for net in nets:
        with working("making ready"):
            prepare(net, recipe.batch_size, recipe)
        with epoch_bar(f"training {net.name}", recipe.epochs) as bar:
            fit_by(recipe, net, data, on_epoch=lambda epoch: bar.show(epoch.epoch))
    return nets[0], nets[1], data
