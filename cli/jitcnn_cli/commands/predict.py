"""``jitcnn predict``: tell what picture files show."""

import json

import click

from jitcnn_cli import options


@click.command("predict")
@click.argument("model", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True, metavar="IMAGE...")
@options.impl_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per image.")
def command(model: str, images: tuple[str, ...], impl: str, as_json: bool) -> None:
    """Tell what each picture shows with the net in the file MODEL, which knows how to prepare it.

    A picture may be PNG, JPEG or the like, of any size. A digit, dark on light or light on dark, is cut out, fitted
    and centred by its mass, as MNIST's digits were; other pictures are scaled and cut to the middle square.

    \b
    Example:
      jitcnn predict output/cnn_mnist_model.npz my_digit.png
    """
    from rich.bar import Bar

    from jitcnn.data.images import read_for
    from jitcnn.model import CNN
    from jitcnn_cli.console import stdout, table, working

    net = CNN.load(model, impl=impl)
    console = stdout()
    for path in images:
        picture = read_for(net, path)
        with working(f"reading {path}"):
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
