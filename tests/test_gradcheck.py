"""The gradient check: it detects wrong gradients and skips only kinks."""

import numpy as np
import pytest

from jitcnn import CNN, Conv2D, Dense, Flatten, ReLU, gradient_check
from jitcnn.errors import ConfigError, GradientError
from jitcnn.gradcheck import compare_gradients, standard_checks
from jitcnn.layers import BatchNorm2D


class Wrong(Dense):
    """A dense layer with a small error in one gradient."""

    def __init__(self, array, factor=1.0001):
        super().__init__(3, 2, rng=np.random.default_rng(1))
        self.array, self.factor = array, factor

    def backward(self, d_out):
        d_x = super().backward(d_out)
        if self.array == "x":
            return d_x * self.factor
        setattr(self, f"d_{self.array}", getattr(self, f"d_{self.array}") * self.factor)
        return d_x


@pytest.mark.parametrize("array", ["x", "weights", "bias"])
def test_relative_error_of_1e_4_is_detected_and_located(array, rng):
    with pytest.raises(GradientError, match=rf"Wrong: backward differs .* at {array}\["):
        gradient_check(Wrong(array), rng.standard_normal((4, 3)))


def test_one_wrong_element_is_detected(rng):
    class OneWrong(Conv2D):
        def backward(self, d_out):
            d_x = super().backward(d_out)
            self.d_weights[1, 0, 1, 1] *= 1.001
            return d_x

    report = compare_gradients(OneWrong(2, 3, 2), rng.standard_normal((2, 2, 4, 3)))
    assert report.where == "weights[1, 0, 1, 1]"
    assert report.largest > 1e-5


def test_nan_gradient_is_detected(rng):
    with pytest.raises(GradientError, match="nan"):
        gradient_check(Wrong("weights", np.nan), rng.standard_normal((4, 3)))


def test_all_zero_gradients_raise():
    with pytest.raises(GradientError, match="every gradient compared is zero"):
        gradient_check(ReLU(), -np.ones((2, 3)))


def test_kinks_are_skipped_and_counted():
    x = np.array([[0.0, 1.0, -1.0, 0.0, 4e-6]])
    report = compare_gradients(ReLU(), x)
    assert (report.skipped, report.compared) == (3, 2)
    assert report.largest < 1e-8


@pytest.mark.parametrize("seed", range(4))
def test_zero_gradient_is_not_compared_with_rounding(seed):
    """Batch norm removes the bias of the convolution before it, so its gradient is zero."""
    rng = np.random.default_rng(seed)
    layers = [Conv2D(2, 4, 3, padding=1, rng=rng), BatchNorm2D(4), ReLU(), Flatten(), Dense(4 * 7 * 6, 3, rng=rng)]
    net, x = CNN(layers, input_shape=(2, 7, 6)), rng.standard_normal((2, 2, 7, 6))
    report = compare_gradients(net, x)
    assert report.skipped == 0
    assert report.largest < 1e-5

    class Biased(Conv2D):
        def backward(self, d_out):
            d_x = super().backward(d_out)
            self.d_bias += 1e-8
            return d_x

    layers[0] = Biased(2, 4, 3, padding=1, rng=rng)
    assert compare_gradients(CNN(layers, input_shape=(2, 7, 6)), x).where.startswith("layer 0 bias")


def test_input_with_only_kinks_raises():
    with pytest.raises(GradientError, match="no value could be compared"):
        gradient_check(ReLU(), np.zeros((2, 2)))


def test_layer_and_input_are_unchanged(rng):
    layer, x = Dense(3, 2), rng.standard_normal((4, 3)).astype(np.float32)
    weights, before = layer.weights.copy(), x.copy()
    assert gradient_check(layer, x) < 1e-5
    np.testing.assert_array_equal(layer.weights, weights)
    np.testing.assert_array_equal(x, before)
    assert layer.weights.dtype == np.float32


def test_wrong_layer_in_a_net_is_named(rng):
    net = CNN([Flatten(), Dense(4, 3), ReLU(), Wrong("weights")], name="net")
    with pytest.raises(GradientError, match=r"net: .* at layer 3 weights\["):
        gradient_check(net, rng.standard_normal((5, 1, 2, 2)))


@pytest.mark.parametrize("bad", [{"epsilon": 0}, {"tolerance": -1}])
def test_settings_out_of_range_raise(bad):
    with pytest.raises(ConfigError, match="epsilon and tolerance must be positive"):
        gradient_check(ReLU(), np.ones((1, 1)), **bad)


def test_up_to_a_third_of_kinks_is_skipped():
    two_of_six, three_of_six = (np.array([[0.0] * kinks + [1.0] * (6 - kinks)]) for kinks in (2, 3))
    assert gradient_check(ReLU(), two_of_six) < 1e-8
    with pytest.raises(GradientError, match=r"3 of 6 values are at a kink .*, expected at most a third; try"):
        gradient_check(ReLU(), three_of_six)


@pytest.mark.parametrize("name", ["gamma", "beta", "running_mean", "running_var"])
def test_standard_check_uses_nontrivial_batch_norm_arrays(name):
    probed = [layer for _, layer, _ in standard_checks("auto") if isinstance(layer, BatchNorm2D)]
    assert probed
    for layer in probed:
        assert not np.isin(getattr(layer, name), (0, 1)).any()
