"""``jitcnn summary``: a net layer by layer."""

import click

from jitcnn_cli import options


@click.command("summary")
@click.argument("model", default="mnist-cnn")
def command(model: str) -> None:
    """Show the layers of MODEL, the name of a net or a saved file: sizes, parameters, receptive fields.

    \b
    Example:
      jitcnn summary mnist-dense
    """
    from jitcnn.model import CNN
    from jitcnn.models import MODELS
    from jitcnn_cli.console import model_table, stdout

    net = MODELS[model]() if model in options.MODELS else CNN.load(model)
    stdout().print(model_table(net))
