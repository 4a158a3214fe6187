"""``jitcnn predict``: read digits from picture files."""

import json

import click

from jitcnn_cli import options


@click.command("predict")
@click.argument("model", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True, metavar="IMAGE...")
@options.impl_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per image.")
def command(model: str, images: tuple[str, ...], impl: str, as_json: bool) -> None:
    """Read one digit from each picture with the net in the file MODEL.

    A picture may be PNG, JPEG or the like, of any size, dark on light or light on dark. The digit is cut
    out, fitted and centred by its mass, as MNIST's digits were.

    \b
    Example:
      jitcnn predict output/cnn_mnist_model.npz my_digit.png
    """
    from rich.bar import Bar

    from jitcnn.data.images import read_digit
    from jitcnn.errors import ShapeError
    from jitcnn.model import CNN
    from jitcnn_cli.console import compiling, stdout, table

    net = CNN.load(model, impl=impl)
    shape = net.input_shape
    if shape is None or len(shape) != 3 or shape[0] != 1 or shape[1] != shape[2]:
        raise ShapeError(f"predict expects a net for square grey images (1, S, S), got {net.name} for {shape}.")
    console = stdout()
    for path in images:
        picture = read_digit(path, shape[1])
        with compiling():
            probabilities = net.predict_proba(picture)[0]
        best = int(probabilities.argmax())
        if as_json:
            click.echo(
                json.dumps({"image": path, "prediction": best, "probabilities": [float(p) for p in probabilities]})
            )
            continue
        shown = table(f"{path}: {best} ({probabilities[best]:.1%} sure)", "class", "probability", "")
        for digit, probability in enumerate(probabilities):
            shown.add_row(str(digit), f"{probability:.2%}", Bar(1, 0, float(probability), width=30))
        console.print(shown)
