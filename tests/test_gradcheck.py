"""The gradient check itself: it must catch what is wrong, and forgive only kinks."""

import numpy as np
import pytest

from jitcnn import CNN, Conv2D, Dense, Flatten, ReLU, gradient_check
from jitcnn.errors import ConfigError, GradientError
from jitcnn.gradcheck import compare_gradients, standard_checks
from jitcnn.layers import BatchNorm2D


class Wrong(Dense):
    """A dense layer whose backward pass errs in one array, by a little."""

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
def test_an_error_of_a_ten_thousandth_is_caught_and_named(array, rng):
    with pytest.raises(GradientError, match=rf"Wrong: backward differs .* at {array}\["):
        gradient_check(Wrong(array), rng.standard_normal((4, 3)))


def test_one_wrong_element_is_caught(rng):
    class OneWrong(Conv2D):
        def backward(self, d_out):
            d_x = super().backward(d_out)
            self.d_weights[1, 0, 1, 1] *= 1.001
            return d_x

    report = compare_gradients(OneWrong(2, 3, 2), rng.standard_normal((2, 2, 4, 3)))
    assert report.where == "weights[1, 0, 1, 1]"
    assert report.largest > 1e-5


def test_a_nan_gradient_is_caught(rng):
    with pytest.raises(GradientError, match="nan"):
        gradient_check(Wrong("weights", np.nan), rng.standard_normal((4, 3)))


def test_gradients_that_are_all_zero_prove_nothing():
    with pytest.raises(GradientError, match="every gradient compared is zero"):
        gradient_check(ReLU(), -np.ones((2, 3)))


def test_kinks_are_skipped_and_counted():
    x = np.array([[0.0, 1.0, -1.0, 0.0, 4e-6]])
    report = compare_gradients(ReLU(), x)
    assert (report.skipped, report.compared) == (3, 2)
    assert report.largest < 1e-8


def test_nothing_but_kinks_proves_nothing():
    with pytest.raises(GradientError, match="no number could be compared"):
        gradient_check(ReLU(), np.zeros((2, 2)))


def test_the_layer_and_the_input_are_left_alone(rng):
    layer, x = Dense(3, 2), rng.standard_normal((4, 3)).astype(np.float32)
    weights, before = layer.weights.copy(), x.copy()
    assert gradient_check(layer, x) < 1e-5
    np.testing.assert_array_equal(layer.weights, weights)
    np.testing.assert_array_equal(x, before)
    assert layer.weights.dtype == np.float32


def test_a_wrong_layer_inside_a_net_is_named(rng):
    net = CNN([Flatten(), Dense(4, 3), ReLU(), Wrong("weights")], name="net")
    with pytest.raises(GradientError, match=r"net: .* at layer 3 weights\["):
        gradient_check(net, rng.standard_normal((5, 1, 2, 2)))


@pytest.mark.parametrize("bad", [{"epsilon": 0}, {"tolerance": -1}])
def test_settings_out_of_range_are_told(bad):
    with pytest.raises(ConfigError, match="epsilon and tolerance must be positive"):
        gradient_check(ReLU(), np.ones((1, 1)), **bad)


def test_a_third_on_kinks_is_skipped_and_more_is_refused():
    two_of_six, three_of_six = (np.array([[0.0] * kinks + [1.0] * (6 - kinks)]) for kinks in (2, 3))
    assert gradient_check(ReLU(), two_of_six) < 1e-8
    with pytest.raises(GradientError, match=r"3 of 6 numbers stand on a kink .*, expected at most a third; check with"):
        gradient_check(ReLU(), three_of_six)


@pytest.mark.parametrize("name", ["gamma", "beta", "running_mean", "running_var"])
def test_a_normalisation_is_probed_with_arrays_that_are_not_0_and_1(name):
    probed = [layer for _, layer, _ in standard_checks("auto") if isinstance(layer, BatchNorm2D)]
    assert probed
    for layer in probed:
        assert not np.isin(getattr(layer, name), (0, 1)).any()
