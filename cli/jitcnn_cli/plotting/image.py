"""Plots for one image: feature maps, receptive fields and explanations of a prediction."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from jitcnn.support.text import printable
from jitcnn_cli.plotting.shared import (
    LONGEST_NAME,
    class_index,
    class_option,
    classes_of,
    image_options,
    layer_option,
    output_option,
    parse_unit,
    write,
)

if TYPE_CHECKING:
    from jitcnn.net.model import CNN
    from jitcnn.support.arrays import Array, IntArray

MOST_MAPS = 64  # with --layer


@click.command("maps")
@image_options
@layer_option
@output_option("maps.png")
def maps(net: "CNN", x: "IntArray", name: str, layer: str | None, output: str) -> None:
    """Plot the feature maps of every layer for an image.

    Runs MODEL on the image file IMAGE or, without IMAGE, on a test image. --layer plots more maps of one layer.

    \b
    Example:
      jitcnn plot maps output/cnn_mnist_model.npz my_digit.png
    """
    from jitcnn.inspection import find_layer, layer_names, trace
    from jitcnn.plots import maps_figure

    chosen = range(len(net.layers)) if layer is None else [find_layer(net, layer)]
    stages, names = trace(net, x), layer_names(net)
    outputs = {f"{names[k]}: {stages[k].layer.label}": stages[k].out[0] for k in chosen}
    classes = classes_of(net, stages[-1].out.shape[1])
    most = {} if layer is None else {"most": MOST_MAPS}
    what = f"feature maps of {net.name if layer is None else f'{names[chosen[0]]} of {net.name}'}"
    figure = maps_figure(x[0], outputs, f"{what[0].upper()}{what[1:]}\n{name}", classes, **most)
    write(figure, output, f"{what} for {name}")


@click.command("receptive")
@image_options
@layer_option
@click.option(
    "--unit", metavar="ROW,COLUMN", callback=parse_unit,
    help="Unit by row and column of the feature map, or by number if the layer has none.  [default: the centre]",
)  # fmt: skip
@output_option("receptive.png")
def receptive(
    net: "CNN", x: "IntArray", name: str, layer: str | None, unit: tuple[int, ...] | None, output: str
) -> None:
    """Plot the receptive field of a unit on an image.

    Uses the image file IMAGE or, without IMAGE, a test image. --layer defaults to the last layer with feature maps.

    \b
    Example:
      jitcnn plot receptive output/cnn_mnist_model.npz my_digit.png --layer conv2 --unit 5,3
    """
    from jitcnn.inspection import find_layer, last_feature_maps, layer_names, middle_unit, receptive_box
    from jitcnn.plots import receptive_figure

    position = last_feature_maps(net) if layer is None else find_layer(net, layer)
    unit = middle_unit(net, position) if unit is None else unit
    box = receptive_box(net, position, unit)
    place = (
        f"unit {', '.join(map(str, unit))} of {layer_names(net)[position]} ({net.layers[position].label}) of {net.name}"
    )
    figure = receptive_figure(x[0], box.rows, box.columns, f"Receptive field of {place}\n{name}")
    rows, columns = (f"{first} to {behind - 1}" for first, behind in (box.rows, box.columns))
    write(figure, output, f"receptive field of {place}: rows {rows}, columns {columns}")


@click.command("saliency")
@image_options
@class_option
@output_option("saliency.png")
def saliency(net: "CNN", x: "IntArray", name: str, class_name: str | None, output: str) -> None:
    """Plot the gradient of a class score by pixel.

    Uses the image file IMAGE or, without IMAGE, a test image. Method: Simonyan et al., 2013.

    \b
    Example:
      jitcnn plot saliency output/cnn_mnist_model.npz my_digit.png
    """
    from jitcnn.inspection import saliency as asked

    _explain(
        net, x, name, class_name, output, "Saliency", "gradient magnitude, |d score / d pixel|",
        lambda index: asked(net, x, index)[0],
    )  # fmt: skip


@click.command("occlusion")
@image_options
@class_option
@click.option(
    "--patch",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Side length of the occluding patch, in pixels.",
)
@click.option(
    "--stride",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Step between patch positions, in pixels.",
)
@output_option("occlusion.png")
def occlusion(
    net: "CNN", x: "IntArray", name: str, class_name: str | None, patch: int, stride: int, output: str
) -> None:
    """Plot how occluding a patch lowers a class score.

    Uses the image file IMAGE or, without IMAGE, a test image. Method: Zeiler and Fergus, 2013.

    \b
    Example:
      jitcnn plot occlusion output/cnn_mnist_model.npz my_digit.png --stride 5
    """
    from jitcnn.inspection import occlusion_map

    _explain(
        net, x, name, class_name, output, f"Occlusion ({patch}×{patch} patch)", "drop of the score when occluded",
        lambda index: occlusion_map(net, x, index, patch, stride),
    )  # fmt: skip


@click.command("gradcam")
@image_options
@class_option
@layer_option
@output_option("gradcam.png")
def gradcam(net: "CNN", x: "IntArray", name: str, class_name: str | None, layer: str | None, output: str) -> None:
    """Plot the Grad-CAM map of a layer for a class.

    Uses the image file IMAGE or, without IMAGE, a test image. --layer defaults to the last layer with feature maps.
    Method: Selvaraju et al., 2017.

    \b
    Example:
      jitcnn plot gradcam output/cnn_mnist_model.npz my_digit.png --layer relu2
    """
    from jitcnn.inspection import find_layer, grad_cam, last_feature_maps, layer_names

    position = last_feature_maps(net) if layer is None else find_layer(net, layer)
    _explain(
        net, x, name, class_name, output, f"Grad-CAM at {layer_names(net)[position]}", "contribution to the class score",
        lambda index: grad_cam(net, x, index, position)[0],
    )  # fmt: skip


def _explain(
    net: "CNN",
    x: "IntArray",
    name: str,
    class_name: str | None,
    output: str,
    method: str,
    label: str,
    ask: "Callable[[int], Array]",
) -> None:
    """Plot the attribution map of a class; title and output include the prediction."""
    from jitcnn.plots import attribution_figure, confidence_text

    probabilities: Any = net.predict_proba(x)[0]
    classes = classes_of(net, len(probabilities))
    predicted = int(probabilities.argmax())
    asked = class_index(net, classes, class_name)
    asked = predicted if asked is None else asked
    shown = [printable(each, LONGEST_NAME) for each in classes]
    read = f"predicted as {shown[predicted]}, {confidence_text(float(probabilities[predicted]))}"
    what = f"{method} of {net.name} for class {shown[asked]}"
    write(attribution_figure(x[0], ask(asked), f"{what}\n{name}, {read}", label), output, f"{what}; {name}, {read}")
