"""The receptive field of a unit covers its input gradient."""

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, ShapeError
from jitcnn.inspection import Box, middle_unit, receptive_box, trace
from jitcnn.layers import (
    AvgPool2D,
    BatchNorm2D,
    BlurPool2D,
    BottleneckBlock,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    GroupNorm,
    MaxPool2D,
    Pad2D,
    ReLU,
    ResidualBlock,
)
from jitcnn.models import mnist_cnn

H, W = 11, 9
STACKS = {
    "blurs": lambda: [Conv2D(1, 2, 3), BlurPool2D(4, (1, 2)), BlurPool2D(5, 2), Conv2D(2, 1, (2, 1))],
    "strides and padding": lambda: [Conv2D(1, 2, 3, 2, 1), ReLU(), AvgPool2D(2, 1), Conv2D(2, 1, (3, 2), 1, "same")],
    "padding on one side": lambda: [Conv2D(1, 2, 3, 2, (0, 2, 2, 1)), AvgPool2D(2, 2, (1, 0, 0, 1), ceil_mode=True)],
    "padding layers": lambda: [Pad2D((0, 2, 1, 0)), Conv2D(1, 2, 3), AvgPool2D(3, 2, 1, count_include_pad=False)],
    "mirrored": lambda: [Conv2D(1, 1, (2, 3)), Pad2D((2, 1, 0, 3), "reflect"), Conv2D(1, 1, (1, 2), 3)],
    "enlarging": lambda: [Conv2D(1, 2, 3, 2), ConvTranspose2D(2, 1, 4, (2, 3), 1), Conv2D(1, 1, 2)],
    "dilated enlarging": lambda: [ConvTranspose2D(1, 2, (3, 2), (1, 2), dilation=(2, 1))],
    "a group": lambda: [Conv2D(1, 2, 3, 2, 1), GroupNorm(1, 2)],
    "a residual block": lambda: [BatchNorm2D(1), ResidualBlock(1, 3, 3)],
    "a bottleneck": lambda: [BottleneckBlock(1, 2, 3, 2), AvgPool2D(2, 2)],
    "winners": lambda: [Conv2D(1, 2, 3, padding=1), MaxPool2D(2, 2), Conv2D(2, 1, 2)],
    "dilation": lambda: [Conv2D(1, 1, 2, dilation=3, padding=2), Conv2D(1, 1, (1, 2), (2, 1))],
}
FULL = [
    name for name in STACKS if name not in ("winners", "dilation", "dilated enlarging")
]  # in the others some pixels in the box have no influence


def touched(model, units, rng):
    """Nonzero input gradients of each unit (oh, ow), for positive weights and pixels."""
    for parameter in model.parameters():
        parameter[...] = np.abs(parameter) + 0.1
    x = np.repeat(rng.uniform(0.5, 1, (1, 1, H, W)).astype(np.float32), len(units), axis=0)
    d_out = np.zeros((len(units), *model._output_shape((1, H, W))), np.float32)
    for k, (oh, ow) in enumerate(units):
        d_out[k, 0, oh, ow] = 1
    return trace(model, x, d_logits=d_out)[0].d_x[:, 0] != 0


@pytest.mark.parametrize("name", STACKS)
def test_gradient_lies_in_the_receptive_box(name, rng):
    model = CNN(STACKS[name](), input_shape=(1, H, W))
    last = len(model.layers) - 1
    _, H_out, W_out = model._output_shape((1, H, W))
    units = [(0, 0), (H_out - 1, W_out - 1), (0, W_out - 1), middle_unit(model, last)]
    for unit, counts in zip(units, touched(model, units, rng), strict=True):
        box = receptive_box(model, last, unit)
        inside = np.zeros((H, W), bool)
        inside[slice(*box.rows), slice(*box.columns)] = True
        assert counts.any()
        assert not (counts & ~inside).any()
        if name in FULL:
            np.testing.assert_array_equal(counts, inside)
        else:  # the box is smaller than the image
            rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
            assert len(rows) * len(columns) < H * W


def test_worked_by_hand():
    """Row 4 of conv2 sees rows 4 to 6 of the pool, so 8 to 13 of conv1, so 8 to 15 of the image."""
    model = mnist_cnn()
    assert receptive_box(model, 3, (4, 0)) == Box((8, 16), (0, 8))
    assert receptive_box(model, 6, (25 * 3 + 24,)) == receptive_box(model, 5, (4, 4)) == Box((16, 26), (16, 26))
    assert receptive_box(model, 9, (3,)) == Box((0, 28), (0, 28))


def test_receptive_box_after_global_pooling_is_the_image():
    model = CNN([Conv2D(1, 2, 3), GlobalAvgPool2D(), Dense(2, 3)], input_shape=(1, H, W))
    assert receptive_box(model, 1, (1,)) == receptive_box(model, 2, (0,)) == Box((0, H), (0, W))


def test_receptive_box_of_a_unit_in_the_padding_is_empty():
    model = CNN([Conv2D(1, 1, 1, padding=2), Conv2D(1, 1, 2)], input_shape=(1, H, W))
    assert receptive_box(model, 1, (0, 4)).rows == (0, 0)
    assert receptive_box(model, 1, (1, 1)) == Box((0, 1), (0, 1))


@pytest.mark.parametrize(
    ("layer", "unit", "message"),
    [
        (4, (0, 0), "has the layers 0 to 1, got 4"),
        (0, (9, 0), "Conv2D 1→2 3×3 is given by row and column, 0 to 8 and 0 to 6, got 9, 0"),
        (0, (3,), "given by row and column, 0 to 8 and 0 to 6, got 3"),
        (1, (126,), "Flatten is given by a number, 0 to 125, got 126"),
    ],
)
def test_unknown_unit_raises(layer, unit, message):
    with pytest.raises(ConfigError, match=message):
        receptive_box(CNN([Conv2D(1, 2, 3), Flatten()], input_shape=(1, H, W)), layer, unit)


def test_net_without_images_raises():
    with pytest.raises(ShapeError, match=r"receptive_box expects a net for images \(C, H, W\), got cnn for \(4,\)"):
        receptive_box(CNN([Dense(4, 2)], input_shape=(4,)), 0, (1,))
