"""Layer lookup by name or index, and its errors."""

import pytest

from jitcnn import CNN, ConfigError
from jitcnn.inspection import convolutions, find_convolution, find_layer, last_feature_maps, layer_names
from jitcnn.layers import BatchNorm2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU, ResidualBlock


@pytest.fixture
def model():
    layers = [Conv2D(1, 2, 3), BatchNorm2D(2), ReLU(), MaxPool2D(), ResidualBlock(2, 3), Flatten(), Dense(12, 4)]
    return CNN([*layers[:3], Conv2D(2, 2, 3), *layers[3:]], input_shape=(1, 8, 8), name="mine")


def test_layers_are_named_by_type_and_number(model):
    assert layer_names(model) == ["conv1", "norm1", "relu1", "conv2", "pool1", "block1", "flatten1", "dense1"]
    assert [find_layer(model, name) for name in ("conv2", "3", 3, "dense1")] == [3, 3, 3, 7]
    assert last_feature_maps(model) == 5


def test_convolutions_in_blocks_are_found(model):
    found = convolutions(model)
    assert list(found) == ["conv1", "conv2", "block1.conv1", "block1.conv2", "block1.shortcut_conv"]
    assert found["block1.conv2"] is model.layers[5].branch[1][0]
    assert [find_convolution(model, name) for name in (None, 3, "block1.conv2")] == ["conv1", "conv2", "block1.conv2"]


def test_unknown_layer_raises(model):
    with pytest.raises(
        ConfigError, match=r"mine has no layer 'conv3' \(did you mean .*: choose one of conv1, norm1, .* 0 to 7\.$"
    ):
        find_layer(model, "conv3")
    with pytest.raises(ConfigError, match="mine has no layer '8'"):
        find_layer(model, 8)
    with pytest.raises(
        ConfigError, match=r"mine has no convolution 'pool1'.*: choose one of conv1, conv2, block1.conv1"
    ):
        find_convolution(model, 4)
    dense = CNN([Flatten(), Dense(4, 2)], input_shape=(1, 2, 2), name="flat")
    with pytest.raises(ConfigError, match="flat has no convolution, and so no filters: choose another net"):
        find_convolution(dense)
    with pytest.raises(ConfigError, match=r"flat has no layer whose output has planes \(C, H, W\)"):
        last_feature_maps(dense)
