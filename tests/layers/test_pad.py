"""Pad2D: every mode against numpy, every form against naive, and invalid input."""

import numpy as np
import pytest

from jitcnn import CNN, Conv2D, Flatten, Pad2D
from jitcnn.errors import ConfigError, ShapeError
from jitcnn.functional import pad2d, pad2d_backward

MODES = pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
PADDINGS = pytest.mark.parametrize("padding", [0, 2, (1, 0), (0, 3, 2, 0), (4, 4, 0, 5)], ids=str)


@MODES
@PADDINGS
@pytest.mark.parametrize("impl", ["naive", "loops", "auto"])
def test_equals_numpy_and_the_gradient_is_the_adjoint(mode, padding, impl, dtype, rng):
    x = rng.standard_normal((2, 3, 5, 6)).astype(dtype)
    layer = Pad2D(padding, mode, **({"value": -0.5} if mode == "constant" else {}), impl=impl)
    sides = layer.padding if len(layer.padding) == 4 else np.repeat(layer.padding, 2)
    around = [(0, 0), (0, 0), tuple(sides[:2]), tuple(sides[2:])]
    out = layer.forward(x)
    filled = {"constant_values": -0.5} if mode == "constant" else {}
    np.testing.assert_array_equal(out, np.pad(x, around, mode, **filled), strict=True)
    assert out.shape[1:] == layer.output_shape((3, 5, 6))
    d_out = rng.integers(-9, 10, out.shape).astype(dtype)  # sums of integers are exact in any order
    place = np.pad(
        np.arange(x[0, 0].size).reshape(5, 6), around[2:], mode, **({"constant_values": -1} if filled else {})
    )
    expected = np.zeros((2, 3, 30), dtype)
    for pixel in range(30):  # all copies of a pixel
        expected[:, :, pixel] = d_out[:, :, place == pixel].sum(axis=2)
    np.testing.assert_array_equal(layer.backward(d_out), expected.reshape(x.shape), strict=True)
    assert layer.backward(d_out).flags.c_contiguous


def test_padding_before_a_convolution_is_that_of_the_convolution(rng):
    sides = (0, 1, 2, 1)
    conv, inner = Conv2D(3, 4, 3, 2, sides, rng=rng), Conv2D(3, 4, 3, 2)
    inner.weights = conv.weights
    x = rng.standard_normal((2, 3, 8, 7)).astype(np.float32)
    np.testing.assert_array_equal(CNN([Pad2D(sides), inner]).forward(x), conv.forward(x))


@pytest.mark.parametrize(
    ("mode", "outputs", "seen"),
    [
        ("constant", (0, 2), (0, 0)),
        ("constant", (1, 4), (0, 2)),
        ("reflect", (0, 1), (2, 3)),
        ("reflect", (0, 4), (0, 3)),
        ("reflect", (6, 8), (3, 5)),  # pixels 4 and 3, the mirror of 5
        ("edge", (0, 3), (0, 1)),
        ("edge", (6, 8), (4, 5)),
        ("edge", (3, 3), (0, 0)),
    ],
)
def test_pixels_seen_by_outputs(mode, outputs, seen):
    """Two pixels of padding before five pixels, one after them."""
    (rows, columns) = Pad2D((2, 1, 0, 0), mode).seen([outputs, (0, 4)], (1, 5, 4))
    assert (rows, columns) == (seen, (0, 4))


def test_receptive_field_is_unchanged():
    net = CNN([Pad2D(1, "reflect"), Conv2D(1, 1, 3), Flatten()], input_shape=(1, 5, 6))
    rows = net.summary_rows()
    assert [row.output_shape for row in rows] == [(1, 7, 8), (1, 5, 6), (30,)]
    assert rows[1].receptive_field == (3, 3)


def test_toml_and_model_file_round_trip(rng, tmp_path):
    net = CNN([Pad2D(1, "edge"), Pad2D((0, 1, 2, 0), value=-np.inf), Pad2D((1, 2))], input_shape=(2, 5, 4))
    text = net.to_toml()
    assert 'padding = 1\nmode = "edge"\nvalue = 0.0' in text
    assert 'padding = [0, 1, 2, 0]\nmode = "constant"\nvalue = -inf' in text
    net.save(tmp_path / "net.npz")
    for again in (CNN.from_toml(text), CNN.load(tmp_path / "net.npz")):
        assert repr(again.layers) == repr(net.layers)


def test_labels():
    labels = [Pad2D(1, "reflect").label, Pad2D((0, 1, 0, 1)).label, Pad2D((1, 2), value=9).label, Pad2D(0).label]
    assert labels == ["Pad2D 1 reflect", "Pad2D (0, 1, 0, 1)", "Pad2D 1×2 with 9", "Pad2D 0"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"padding": "same"}, "padding of an image must be an integer, a pair or four integers, got 'same'"),
        ({"padding": -1}, "padding must be an integer of at least 0"),
        ({"padding": (0, 1, 0, -1)}, "every side of padding must be an integer of at least 0"),
        ({"padding": 1, "mode": "wrap"}, "mode of padding must be one of constant, reflect, edge, got 'wrap'"),
        ({"padding": 1, "value": "x"}, "value of Pad2D must be a number, got 'x'"),
        ({"padding": 1, "value": np.nan}, "value of Pad2D must be a number, got nan"),
        ({"padding": 1, "value": True}, "value of Pad2D must be a number, got True"),
        ({"padding": 1, "mode": "edge", "value": 2}, 'for mode "constant" only, got 2 with mode "edge"'),
    ],
)
def test_settings_out_of_range_raise(settings, message):
    with pytest.raises(ConfigError, match=message):
        Pad2D(**settings)


def test_images_that_are_too_small_raise():
    with pytest.raises(
        ShapeError, match=r'\(0, 0, 1, 4\) with mode "reflect" expects images of at least 1×5 pixels, got 5×4'
    ):
        Pad2D((0, 0, 1, 4), "reflect").output_shape((1, 5, 4))
    with pytest.raises(ShapeError, match=r'mode "edge" expects images of at least 1×1 pixels, got 0×4'):
        pad2d(np.zeros((1, 1, 0, 4)), 1, "edge")
    assert pad2d(np.zeros((1, 1, 0, 4)), 1).shape == (1, 1, 2, 6)
    with pytest.raises(ShapeError, match=r"Pad2D expects input of shape \(N, C, H, W\), got \(N, 4\)"):
        Pad2D(1).forward(np.zeros((2, 4)))
    with pytest.raises(ShapeError, match=r"pad2d_backward expects d_out of shape \(1, 1, 5, 6\), got \(1, 1, 3, 4\)"):
        pad2d_backward(np.zeros((1, 1, 3, 4)), (1, 1, 3, 4), 1)
