"""Group normalisation with invalid input."""

import numpy as np
import pytest

from jitcnn import GroupNorm
from jitcnn.errors import ConfigError, DTypeError, ShapeError
from jitcnn.functional import group_norm, group_norm_backward

GOOD = {"x": np.zeros((2, 6, 3, 4)), "num_groups": 2, "gamma": np.ones(6), "beta": np.zeros(6)}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"num_groups": 4}, ConfigError, "num_groups must be an integer of at least 1 that divides 6 channels, got 4"),
        ({"num_groups": 0}, ConfigError, "got 0"),
        ({"num_groups": True}, ConfigError, "got True"),
        ({"eps": 0}, ConfigError, "eps must be a positive number, got 0"),
        ({"impl": "magic"}, ConfigError, "impl must be one of"),
        ({"beta": np.zeros(5)}, ShapeError, r"expects beta of shape \(6,\), got \(5,\)"),
        ({"x": np.zeros((2, 5, 3, 4))}, ShapeError, r"expects x of shape \(N, 6, H, W\), got \(2, 5, 3, 4\)"),
        ({"x": np.zeros((2, 6, 3, 4), int)}, DTypeError, "expects x in float32 or float64, got int64"),
    ],
    ids=str,
)
def test_invalid_input_raises(change, error, message):
    with pytest.raises(error, match=message):
        group_norm(**(GOOD | change))


def test_gradients_of_another_shape_raise():
    x, mean = GOOD["x"], np.zeros((2, 2))
    with pytest.raises(ShapeError, match=r"expects d_out of shape \(2, 6, 3, 4\)"):
        group_norm_backward(x[:1], x, GOOD["gamma"], mean, mean)
    with pytest.raises(ShapeError, match=r"expects mean of shape \(2, num_groups\), got \(3, 2\)"):
        group_norm_backward(x, x, GOOD["gamma"], np.zeros((3, 2)), mean)


def test_num_channels_is_inferred_from_the_input():
    layer = GroupNorm(3, 6)
    assert (layer.label, layer.config()) == ("GroupNorm 3 of 6", {"num_groups": 3, "num_channels": 6, "eps": 1e-5})
    with pytest.raises(ShapeError, match=r"GroupNorm expects input of shape \(N, 6, H, W\), got \(N, 5, 3, 3\)"):
        layer.output_shape((5, 3, 3))
