"""``jitcnn export``: write a saved model in the format of other programs."""

from pathlib import Path

import click

SUFFIXES = {"onnx": ".onnx", "safetensors": ".safetensors"}
TITLES = {"onnx": "ONNX", "safetensors": "safetensors"}


@click.command("export")
@click.argument("model", type=click.Path())
@click.option(
    "--to", "file_format", type=click.Choice([*SUFFIXES]), default="onnx", show_default=True, help="Format of the file."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="File to write.  [default: MODEL with the suffix of the format]",
)
@click.option(
    "--normalisation",
    is_flag=True,
    help="Of ONNX: let the file take pixels, 0 to 255, and normalise them with the mean and std of the model.",
)
@click.option(
    "--layout", type=click.Choice(["torch", "jitcnn"]), default="torch", show_default=True,
    help="Of safetensors: names and shapes of the arrays, those of torch's state_dict or of this program.",
)  # fmt: skip
def command(model: str, file_format: str, output: str | None, normalisation: bool, layout: str) -> None:
    """Write the saved model MODEL as a file for other programs.

    An ONNX file takes a batch of any size, (N, channels, height, width) in float32. Without --normalisation, the images are
    (pixels / 255 - mean) / std; both are in the metadata of the file. A safetensors file has the weights only, for a torch
    module of the same layers. Requires `pip install 'jitcnn[interchange]'`.

    \b
    Example:
      jitcnn export output/cnn_mnist_model.npz --to onnx -o cnn.onnx --normalisation
    """
    from jitcnn.errors import ConfigError
    from jitcnn.net.model import CNN
    from jitcnn_cli.console import stdout

    file = Path(model).with_suffix(SUFFIXES[file_format]) if output is None else Path(output)
    if file.resolve() == Path(model).resolve():
        raise ConfigError(f"The output {file} is the model itself: choose another file with --output.")
    if normalisation and file_format != "onnx":
        raise ConfigError(
            "--normalisation is part of an ONNX file: leave it out for safetensors, which has weights only."
        )
    net = CNN.load(model)
    if file_format == "onnx":
        net.to_onnx(file, normalisation=normalisation)
    else:
        net.save_safetensors(file, layout)
    size = file.stat().st_size / 1e6
    stdout().print(f"{net.name} ({TITLES[file_format]}, {size:.1f} MB) written to {file}", soft_wrap=True)
