"""Selections of layers by number, range, kind and name."""

import re

import pytest

from jitcnn import CNN, BatchNorm2D, Conv2D, Dense, Flatten, GlobalAvgPool2D, ReLU, ResidualBlock
from jitcnn.errors import ConfigError
from jitcnn.models import mnist_cnn
from jitcnn.net.selection import format_positions, select_layers

LAYERS = mnist_cnn().layers


@pytest.mark.parametrize(
    ("selection", "positions"),
    [
        ("3", (3,)),
        (3, (3,)),
        ("0-2", (0, 1, 2)),
        ("8-", (8, 9, 10)),
        ("Conv2D", (0, 3)),
        ("head", (9, 10)),
        ("all-but-head", tuple(range(8))),
        ("all", tuple(range(11))),
        ("4, 0-1", (0, 1, 4)),
        ((4, "0-1"), (0, 1, 4)),
        ("0-3,2-4", (0, 1, 2, 3, 4)),
    ],
)
def test_selects_positions(selection, positions):
    assert select_layers(LAYERS, selection) == positions


def test_several_selections_are_joined():
    assert select_layers(LAYERS, "Conv2D", 9) == (0, 3, 9)


def test_all_but_head_ends_with_the_last_parameters_before_the_head():
    layers = [Conv2D(1, 2, 3), BatchNorm2D(2), ReLU(), GlobalAvgPool2D(), Dense(2, 3)]
    assert select_layers(layers, "all-but-head") == (0, 1)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("11", "mnist has the layers 0 to 10, got the selection 11."),
        ("3-20", "mnist has the layers 0 to 10, got the selection 3-20."),
        ("5-3", "mnist has the layers 0 to 10, got the selection 5-3."),
        (
            "Conv3D",
            "Unknown selection 'Conv3D' of layers of mnist (did you mean 'Conv2D'?): use all-but-head, head, all",
        ),
        ("-1", "Unknown selection '-1' of layers of mnist: use all-but-head"),
        ("", "Unknown selection '' of layers of mnist"),
        ("BatchNorm2D", "mnist has no BatchNorm2D: choose one of Conv2D, ReLU, MaxPool2D, Flatten, Dense, Softmax."),
        (1.5, "A selection of layers must be a number or a text such as 0-5, got 1.5."),
        (True, "A selection of layers must be a number or a text such as 0-5, got True."),
    ],
)
def test_invalid_selection_is_refused(selection, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        select_layers(LAYERS, selection, name="mnist")


def test_inner_layers_are_refused():
    layers = [ResidualBlock(1, 2), GlobalAvgPool2D(), Dense(2, 3)]
    with pytest.raises(
        ConfigError, match="BatchNorm2D is part of each ResidualBlock of net, which can only be selected"
    ):
        select_layers(layers, "BatchNorm2D", name="net")


def test_a_net_without_parameters_has_no_head():
    with pytest.raises(ConfigError, match="flat has no layers with parameters, and so no head"):
        CNN([Flatten()], name="flat").freeze("head")


def test_all_but_head_of_one_layer_is_refused():
    with pytest.raises(
        ConfigError, match="one has no layers with parameters before its head, layer 1: nothing to select"
    ):
        CNN([Flatten(), Dense(2, 2)], name="one").freeze("all-but-head")


def test_positions_are_shown_as_ranges():
    assert format_positions([0, 1, 2, 7, 9, 10]) == "0–2, 7, 9–10"
