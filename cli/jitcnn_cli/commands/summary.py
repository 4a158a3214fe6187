"""``jitcnn summary``: a net layer by layer."""

import json
from pathlib import Path

import click


@click.command("summary")
@click.argument("model", default="mnist-cnn")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--toml", "as_toml", is_flag=True, help="Print the net's description, to begin one of your own with.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Images at once: the algorithm that runs may depend on it.",
)
def command(model: str, as_json: bool, as_toml: bool, batch_size: int) -> None:
    """Show the layers of MODEL, the name of a net, a saved file, or a description that ends in .toml.

    For each layer: its output, parameters, multiplications with a weight, memory of the output, how much of the
    input a unit sees, and how it runs.

    \b
    Example:
      jitcnn summary mnist-dense
      jitcnn summary my_net.toml
    """
    from jitcnn.initializers import Blank
    from jitcnn.model import CNN
    from jitcnn.models import find_net
    from jitcnn_cli.console import model_table, stdout

    a_file = Path(model).is_file() or Path(model).suffix
    saved = a_file and not model.endswith(".toml")
    net = CNN.load(model) if saved else find_net(model, seed=Blank())
    if as_json:
        click.echo(json.dumps(net.summary_record(batch_size)))
    elif as_toml:
        click.echo(net.to_toml(), nl=False)
    else:
        stdout().print(model_table(net, batch_size))
