"""``jitcnn models``: list the built-in models."""

import json
from dataclasses import asdict

import click


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per model.")
def command(as_json: bool) -> None:
    """List the built-in models: paper, input shape, parameters, and multiply-adds per image.

    \b
    Example:
      jitcnn models
    """
    from rich import box

    from jitcnn.models import MODELS
    from jitcnn.net.summary import compact, times
    from jitcnn_cli.console import PLAIN_WIDTH, stdout, table

    if as_json:
        for net in MODELS.values():
            record = asdict(net)
            del record["factory"]
            click.echo(json.dumps(record))
        return
    console = stdout()
    is_narrow = console.width < PLAIN_WIDTH
    shown = table(
        None, "model", "year", "authors" if is_narrow else "paper", "input", "parameters", "mult-adds", left=4
    )
    shown.columns[2].no_wrap = False
    if is_narrow:
        shown.box, shown.padding, shown.pad_edge = box.HORIZONTALS, (0, 1, 0, 0), False  # fits 80 columns
    for net in MODELS.values():
        shown.add_row(
            net.name,
            str(net.year),
            net.paper.partition(",")[0] if is_narrow else net.paper,
            times(net.input_shape),
            f"{net.parameters:,}",
            compact(net.multiply_adds),
        )
    console.print(shown)
    console.print("Run `jitcnn summary MODEL` to show the layers of a model.", soft_wrap=True)
    console.print("Other image sizes: `jitcnn summary MODEL --input-shape 3x64x64`.", soft_wrap=True)
