"""``jitcnn play``: an interactive web page for a model."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jitcnn_cli import options

if TYPE_CHECKING:
    from jitcnn.data import Dataset
    from jitcnn.net.model import CNN

BASELINE_EPOCHS = 5


@click.command("play")
@click.argument("model", type=click.Path(), required=False)
@click.option(
    "--baseline",
    type=click.Path(),
    metavar="FILE",
    help="Model to compare with.  [default: mnist-dense_model.npz next to MODEL, if compatible]",
)
@click.option("--rival", "old_baseline", type=click.Path(), hidden=True)
@click.option(
    "--dataset",
    callback=options.dataset_name,
    metavar=f"[{'|'.join(options.DATASETS)}|FOLDER|FILE]",
    help="Data set for evaluation and training.  [default: that of MODEL, if on disk]",
)
@options.data_dir_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port of the server; 0 selects a free one.",
)
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
@options.threads_option
def command(
    model: str | None, baseline: str | None, old_baseline: str | None, dataset: str | None, data_dir: str | None, port: int,
    no_browser: bool, threads: int | None,
) -> None:  # fmt: skip
    """Explore the saved model MODEL in the browser.

    The page classifies what you draw as you draw, shows the feature maps of every layer live, explains each value of a
    convolution, a pooling and their gradients in the microscope, and can train the model. MODEL defaults to
    output/cnn_mnist_model.npz; if that does not exist, a model and its baseline are trained on the embedded digits in a
    few seconds. The page is served on this machine only. Requires `pip install 'jitcnn[play]'`; stop with Ctrl-C.

    \b
    Example:
      jitcnn play output/cnn_mnist_model.npz
    """
    from jitcnn.errors import ConfigError

    try:
        from jitcnn.web.server import serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"jitcnn play requires {error.name}, which is not installed: run pip install 'jitcnn[play]'."
        ) from error
    from jitcnn.data import fitting_dataset, trained_on_warning
    from jitcnn.net.model import CNN
    from jitcnn.web.desk import Desk
    from jitcnn_cli.console import stdout, working
    from jitcnn_cli.run_folder import baseline_beside, model_file

    console = stdout()
    baseline = baseline or old_baseline
    default = Path("output") / model_file("mnist-cnn")
    beside: CNN | None
    data: Dataset | None
    if model is None and not default.is_file():
        net, beside, data = _trained_on_digits()
    else:
        path = Path(model or default)
        net = CNN.load(path)
        beside = CNN.load(baseline) if baseline is not None else baseline_beside(path, net)
        as_it_takes = {"channels": None, "image_size": None}  # for an image folder: as the model requires
        is_named = dataset is not None or data_dir is not None
        if is_named:
            data, note = options.data_for(net, dataset or "auto", data_dir, as_it_takes, 0)
            if note:
                console.print(note, style="yellow", soft_wrap=True)
        elif (record := net.trained_on) is not None and record.name not in options.DATASETS:
            data = None
            console.print(
                f"{net.name} was trained on {record.name}: without --dataset, the page has no images and cannot train",
                style="yellow", soft_wrap=True,
            )  # fmt: skip
        elif (data := fitting_dataset(net)) is not None and (warning := trained_on_warning(data.x_test, net)):
            console.print(warning, style="yellow", soft_wrap=True)
    desk = Desk(net, beside, data)
    with working("preparing"):
        desk.warm_up()

    def on_ready(address: str) -> None:
        against = f" with baseline {beside.name}" if beside is not None else ""
        console.print(f"serving {net.name}{against} at {address} (press Ctrl-C to stop)", soft_wrap=True)
        console.file.flush()  # a reader of the pipe waits for the address

    serve(desk, port, on_ready=on_ready, opens_browser=not no_browser)


def _trained_on_digits() -> "tuple[CNN, CNN, Dataset]":
    """Train mnist-cnn and its baseline for a few epochs on the embedded digits."""
    from jitcnn.data import choose_recipe, load_dataset
    from jitcnn.training import fit_by, model_by, prepare
    from jitcnn_cli.console import epoch_bar, stdout, working

    data, _ = load_dataset("digits")
    recipe = choose_recipe("standard", "digits").changed(epochs=BASELINE_EPOCHS)
    stdout().print(
        "no MODEL given and none found in output: training one on the embedded digits (not saved)\n"
        "these digits have 8×8 pixels and sevens with a bar; `jitcnn train` on MNIST gives a better model"
    )
    nets = [model_by(recipe), model_by(recipe.changed(model="mnist-dense"))]
    for net in nets:
        with working("preparing"):
            prepare(net, recipe.batch_size, recipe)
        with epoch_bar(f"training {net.name}", recipe.epochs) as bar:
            fit_by(recipe, net, data, on_epoch=lambda epoch: bar.show(epoch.epoch))
    return nets[0], nets[1], data
