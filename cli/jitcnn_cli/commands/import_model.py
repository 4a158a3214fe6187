"""``jitcnn import``: read a network from a file of ONNX or Keras."""

import click

from jitcnn_cli.input_shape import InputShape


@click.command("import")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="MODEL.npz", help="Save the network as a model file."
)
@click.option(
    "--input-shape",
    type=InputShape(),
    help="Channels, height and width, such as 3x64x48, if an ONNX file leaves them free.",
)
def command(file: str, output: str | None, input_shape: tuple[int, int, int] | None) -> None:
    """Import a network with its weights from an ONNX file (.onnx) or one of Keras (.keras, .h5), and show its layers.

    The saved model works with evaluate, predict, report and train --init. Input is an image of one size, and the number of
    images is free or 1. Everything that jitcnn has no layer for is listed in the error. Requires
    `pip install 'jitcnn[interchange]'`.

    \b
    Example:
      jitcnn import my_net.onnx -o my_net.npz
    """
    from pathlib import Path

    from jitcnn.errors import ConfigError
    from jitcnn.interchange.foreign import refuse_pickle
    from jitcnn_cli.console import model_table, stdout
    from jitcnn_cli.foreign_models import KERAS, open_model

    if output is not None and Path(output).suffix != ".npz":
        raise ConfigError(f"--output expects a file name that ends with .npz, got {output}.")
    refuse_pickle(file)
    if Path(file).suffix.lower() not in (".onnx", *KERAS):
        raise ConfigError(f"jitcnn import expects a file that ends with .onnx, {', '.join(KERAS)}, got {file}.")
    net = open_model(file, input_shape)
    if output is not None:
        net.save(output)
    stdout().print(model_table(net, batch_size=64))
    if output is not None:
        stdout().print(f"model: {output}", soft_wrap=True, markup=False)
