"""``jitcnn predict``: classify image files."""

import json

import click

from jitcnn_cli import options


@click.command("predict")
@click.argument("model", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True, metavar="IMAGE...")
@options.impl_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per image.")
def command(model: str, images: tuple[str, ...], impl: str, as_json: bool) -> None:
    """Classify image files with the saved model MODEL.

    Images can be PNG, JPEG or similar, of any size; the model determines the preprocessing. Digits, dark on light or
    light on dark, are cropped, resized and centred by mass, as in MNIST. Other images are resized and centre-cropped.

    \b
    Example:
      jitcnn predict output/cnn_mnist_model.npz my_digit.png
    """
    from rich.bar import Bar

    from jitcnn.data.images import read_for
    from jitcnn.net.model import CNN
    from jitcnn_cli.console import stdout, table, working

    net = CNN.load(model, impl=impl)
    console = stdout()
    for path in images:
        picture = read_for(net, path)
        with working(f"predicting {path}"):
            probabilities = net.predict_proba(picture)[0]
        names = net.class_names or tuple(map(str, range(len(probabilities))))
        best = int(probabilities.argmax())
        if as_json:
            answer = {"image": path, "prediction": best, "class": names[best]}
            click.echo(json.dumps({**answer, "probabilities": [float(p) for p in probabilities]}))
            continue
        shown = table(f"{path}: {names[best]} ({probabilities[best]:.1%} confidence)", "class", "probability", "")
        for name, probability in zip(names, probabilities, strict=True):
            shown.add_row(name, f"{probability:.2%}", Bar(1, 0, float(probability), width=30))
        console.print(shown)
