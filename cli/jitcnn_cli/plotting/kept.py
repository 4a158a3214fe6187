"""Pictures of what a training left: its filters, its curves, its snapshots."""

import click

from jitcnn_cli.plotting.shared import layer_option, model_argument, output_option, write


@click.command("filters")
@model_argument
@layer_option
@output_option("filters.png")
def filters(model: str, layer: str | None, output: str) -> None:
    """Draw the filters of a convolution of the net in the file MODEL, by default of the first.

    Those of many channels get a row each, with a slice for each channel.

    \b
    Example:
      jitcnn plot filters output/cnn_mnist_model.npz --layer conv2
    """
    from jitcnn.inspection import convolutions, find_convolution
    from jitcnn.model import CNN
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
    """Draw loss and accuracy over the epochs, out of FILE: a history.json, or the checkpoint of a training.

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
    """Draw how the first filters came about, epoch by epoch, out of the FILE that `jitcnn train --snapshots` keeps.

    \b
    Example:
      jitcnn plot evolution output/snapshots.npz
    """
    from jitcnn.inspection import Snapshots
    from jitcnn.plots import evolution_figure

    kept = Snapshots.load(file)
    title = f"How the filters of {kept.layer} of {kept.net} came about"
    write(evolution_figure(kept.filters, title), output, f"{len(kept.filters)} snapshots of {kept.layer} of {kept.net}")
