"""Reshape and Permute: values by hand, sizes and errors."""

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, Permute, Reshape, ShapeError


def test_permute_moves_channels_last():
    x = np.arange(12.0).reshape(1, 2, 2, 3)
    layer = Permute((2, 3, 1))
    out = layer.forward(x)
    assert out[0].tolist() == [[[0, 6], [1, 7], [2, 8]], [[3, 9], [4, 10], [5, 11]]]
    assert out.flags.c_contiguous
    np.testing.assert_array_equal(layer.backward(out), x)


def test_channel_shuffle_of_three_layers():
    """Reshape, Permute, Reshape interleave the channels of two groups."""
    model = CNN([Reshape((2, 2, 1, 3)), Permute((2, 1, 3, 4)), Reshape((4, 1, 3))], input_shape=(4, 1, 3))
    x = np.arange(24.0).reshape(2, 4, 1, 3)
    np.testing.assert_array_equal(model(x), x[:, [0, 2, 1, 3]])
    again = CNN.from_toml(model.to_toml())
    assert repr(again.layers) == repr(model.layers)
    assert "2×2×1×3" in model.summary()


def test_size_is_inferred_for_no_images():
    assert Reshape((-1, 2))(np.ones((0, 3, 4))).shape == (0, 6, 2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Reshape(()), r"shape of Reshape must be a list of sizes without N, of which one may be -1, got \(\)"),
        (lambda: Reshape((-1, 2, -1)), r"of which one may be -1, got \(-1, 2, -1\)"),
        (lambda: Reshape((2, 0)), "every size in shape of Reshape must be an integer of at least 1, got 0"),
        (lambda: Permute((0, 1, 2)), r"order must have each axis after N once, such as \(2, 3, 1\), got \(0, 1, 2\)"),
        (lambda: Permute((1, 1)), "order must have each axis after N once"),
        (lambda: Permute([1, "2"]), "order must have each axis after N once"),
        (lambda: Permute(2), "order must have each axis after N once"),
    ],
    ids=range(7),
)
def test_invalid_settings_raise(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Reshape((5, -1)), r"Reshape to \(5, -1\) does not fit the 12 values of an input \(3, 4\) without N"),
        (Reshape((5, 2)), r"Reshape to \(5, 2\) does not fit the 12 values"),
        (Permute((2, 3, 1)), r"Permute with order \(2, 3, 1\) expects 3 axes after N, got an input \(3, 4\)"),
    ],
    ids=repr,
)
def test_inputs_that_do_not_fit_raise(layer, message):
    with pytest.raises(ShapeError, match=message):
        layer.forward(np.ones((2, 3, 4)))


@pytest.mark.parametrize("layer", [Reshape((4, 3)), Permute((2, 1))], ids=repr)
def test_gradients_of_the_wrong_shape_raise(layer):
    layer.forward(np.ones((2, 3, 4)))
    with pytest.raises(ShapeError, match="backward expects d_out of"):
        layer.backward(np.ones((2, 12)))
