"""Pictures of one image in a net: what the layers make of it, what a unit sees of it, what the answer hangs on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from jitcnn_cli.plotting.shared import (
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
    from jitcnn.arrays import Array, IntArray
    from jitcnn.model import CNN

MOST_MAPS = 64  # of one layer alone


@click.command("maps")
@image_options
@layer_option
@output_option("maps.png")
def maps(net: "CNN", x: "IntArray", name: str, layer: str | None, output: str) -> None:
    """Draw what each layer of the net in the file MODEL makes of an image: its feature maps.

    The image is the picture file IMAGE, or else a test image. With --layer, more maps of that layer alone.

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
    help="Unit in the planes of the layer; where it has none, its number.  [default: the middle one]",
)  # fmt: skip
@output_option("receptive.png")
def receptive(
    net: "CNN", x: "IntArray", name: str, layer: str | None, unit: tuple[int, ...] | None, output: str
) -> None:
    """Draw what one unit of the net in the file MODEL sees of an image: its receptive field.

    The image is the picture file IMAGE, or else a test image. Without --layer, a unit of the last layer that has planes.

    \b
    Example:
      jitcnn plot receptive output/cnn_mnist_model.npz my_digit.png --layer conv2 --unit 5,3
    """
    from jitcnn.inspection import find_layer, last_planes, layer_names, middle_unit, receptive_box
    from jitcnn.plots import receptive_figure

    position = last_planes(net) if layer is None else find_layer(net, layer)
    unit = middle_unit(net, position) if unit is None else unit
    box = receptive_box(net, position, unit)
    place = (
        f"unit {', '.join(map(str, unit))} of {layer_names(net)[position]} ({net.layers[position].label}) of {net.name}"
    )
    figure = receptive_figure(x[0], box.rows, box.columns, f"What {place} sees\n{name}")
    rows, columns = (f"{first} to {behind - 1}" for first, behind in (box.rows, box.columns))
    write(figure, output, f"{place} sees rows {rows}, columns {columns}")


@click.command("saliency")
@image_options
@class_option
@output_option("saliency.png")
def saliency(net: "CNN", x: "IntArray", name: str, class_name: str | None, output: str) -> None:
    """Draw how steeply the score of a class changes with each pixel of an image.

    The image is the picture file IMAGE, or else a test image (Simonyan et al., 2013).

    \b
    Example:
      jitcnn plot saliency output/cnn_mnist_model.npz my_digit.png
    """
    from jitcnn.inspection import saliency as asked

    _explain(
        net, x, name, class_name, output, "Saliency", "slope of the score, |d score / d pixel|",
        lambda index: asked(net, x, index)[0],
    )  # fmt: skip


@click.command("occlusion")
@image_options
@class_option
@click.option(
    "--patch", type=click.IntRange(min=1), default=5, show_default=True, help="Side of what covers, in pixels."
)
@click.option(
    "--stride", type=click.IntRange(min=1), default=1, show_default=True, help="Pixels from one place to the next."
)
@output_option("occlusion.png")
def occlusion(
    net: "CNN", x: "IntArray", name: str, class_name: str | None, patch: int, stride: int, output: str
) -> None:
    """Draw how much the score of a class falls when a patch of an image is covered.

    The image is the picture file IMAGE, or else a test image (Zeiler and Fergus, 2013).

    \b
    Example:
      jitcnn plot occlusion output/cnn_mnist_model.npz my_digit.png --stride 5
    """
    from jitcnn.inspection import occlusion_map

    _explain(
        net, x, name, class_name, output, f"Occlusion by {patch} × {patch} pixels", "fall of the score when covered",
        lambda index: occlusion_map(net, x, index, patch, stride),
    )  # fmt: skip


@click.command("gradcam")
@image_options
@class_option
@layer_option
@output_option("gradcam.png")
def gradcam(net: "CNN", x: "IntArray", name: str, class_name: str | None, layer: str | None, output: str) -> None:
    """Draw where a layer finds what speaks for a class: Grad-CAM.

    The image is the picture file IMAGE, or else a test image (Selvaraju et al., 2017). Without --layer, the last layer
    that has planes.

    \b
    Example:
      jitcnn plot gradcam output/cnn_mnist_model.npz my_digit.png --layer relu2
    """
    from jitcnn.inspection import find_layer, grad_cam, last_planes, layer_names

    position = last_planes(net) if layer is None else find_layer(net, layer)
    _explain(
        net, x, name, class_name, output, f"Grad-CAM at {layer_names(net)[position]}", "how much speaks for the class",
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
    """Ask about a class, draw the answer, and tell what was predicted."""
    from jitcnn.plots import attribution_figure, sureness

    probabilities: Any = net.predict_proba(x)[0]
    classes = classes_of(net, len(probabilities))
    predicted = int(probabilities.argmax())
    asked = class_index(net, classes, class_name)
    asked = predicted if asked is None else asked
    read = f"read as {classes[predicted]}, {sureness(float(probabilities[predicted]))}"
    what = f"{method}: why {net.name} may say {classes[asked]}"
    write(attribution_figure(x[0], ask(asked), f"{what}\n{name}, {read}", label), output, f"{what}; {name}, {read}")
