"""``jitcnn summary``: the layers of a model."""

import json
from pathlib import Path

import click

from jitcnn_cli.input_shape import InputShape


@click.command("summary")
@click.argument("model", default="mnist-cnn")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--toml", "as_toml", is_flag=True, help="Print the model as TOML, a starting point for your own.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Images per batch; may change the selected algorithms.",
)
@click.option(
    "--input-shape",
    type=InputShape(),
    help="Build a built-in model for images of these channels, height and width, such as 3x64x64.  [default: as published]",
)
@click.option(
    "--classes", type=click.IntRange(min=1), help="Number of classes of a built-in model.  [default: as published]"
)
def command(
    model: str,
    as_json: bool,
    as_toml: bool,
    batch_size: int,
    input_shape: tuple[int, int, int] | None,
    classes: int | None,
) -> None:
    """Show the layers of MODEL: a built-in model, a saved model or a .toml file.

    For each layer: output shape, parameters, multiply-adds, output memory, receptive field and algorithm.

    \b
    Example:
      jitcnn summary mnist-dense
      jitcnn summary my_net.toml
      jitcnn summary resnet20 --input-shape 3x64x64 --classes 5
    """
    from jitcnn.errors import ConfigError
    from jitcnn.initializers import Blank
    from jitcnn.models import find_net, fixed_shape
    from jitcnn.net.model import CNN
    from jitcnn_cli.console import model_table, stdout

    a_file = Path(model).is_file() or Path(model).suffix
    saved = a_file and not model.endswith(".toml")
    if classes is not None and (saved or model.endswith(".toml")):
        raise ConfigError(
            f"--classes expects a built-in model, got {model}, whose classes are fixed: leave the option out."
        )
    if input_shape is not None and (saved or fixed_shape(model) is not None):
        raise ConfigError(
            f"--input-shape expects a built-in model, got {model}, whose input shape is fixed: leave the option out."
        )
    net = CNN.load(model) if saved else find_net(model, seed=Blank(), input_shape=input_shape, num_classes=classes)
    if as_json:
        click.echo(json.dumps(net.summary_record(batch_size)))
    elif as_toml:
        click.echo(net.to_toml(), nl=False)
    else:
        stdout().print(model_table(net, batch_size))
        if net.trained_on is not None:
            stdout().print(f"trained on {net.trained_on.describe()}", soft_wrap=True)
