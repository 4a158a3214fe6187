"""Plots of the files of a training run: filters, curves and snapshots."""

import click

from jitcnn_cli.plotting.shared import layer_option, model_argument, output_option, write


@click.command("filters")
@model_argument
@layer_option
@output_option("filters.png")
def filters(model: str, layer: str | None, output: str) -> None:
    """Plot the filters of a convolution of MODEL.

    --layer defaults to the first convolution. A filter with many input channels takes one row, with one slice per channel.

    \b
    Example:
      jitcnn plot filters output/cnn_mnist_model.npz --layer conv2
    """
    from jitcnn.inspection import convolutions, find_convolution
    from jitcnn.net.model import CNN
    from jitcnn.plots import filters_figure

    net = CNN.load(model)
    name = find_convolution(net, layer)
    conv = convolutions(net)[name]
    what = f"filters of {name} ({conv.label}) of {net.name}"
    write(filters_figure(conv.weights, what[0].upper() + what[1:]), output, what)


@click.command("curves")
@click.argument("file", type=click.Path())
@output_option("curves.png")
def curves(file: str, output: str) -> None:
    """Plot loss and accuracy per epoch.

    FILE is a history.json or a training checkpoint.

    \b
    Example:
      jitcnn plot curves output/history.json
    """
    from jitcnn.inspection import read_histories
    from jitcnn.plots import curves_figure

    histories = read_histories(file)
    write(curves_figure(histories), output, f"training curves of {' and '.join(histories)}")


@click.command("evolution")
@click.argument("file", type=click.Path())
@output_option("evolution.png")
def evolution(file: str, output: str) -> None:
    """Plot the first filters epoch by epoch.

    FILE is the snapshots.npz of `jitcnn train --snapshots`.

    \b
    Example:
      jitcnn plot evolution output/snapshots.npz
    """
    from jitcnn.inspection import Snapshots
    from jitcnn.plots import evolution_figure

    kept = Snapshots.load(file)
    title = f"Filters of {kept.layer} of {kept.net} during training"
    write(evolution_figure(kept.filters, title), output, f"{len(kept.filters)} snapshots of {kept.layer} of {kept.net}")
