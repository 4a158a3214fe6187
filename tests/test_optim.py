"""SGD by hand."""

import numpy as np
import pytest

from jitcnn import SGD
from jitcnn.errors import ConfigError, ShapeError


def test_two_steps_worked_by_hand():
    """v = 1, w = 10 - 0.1; then v = 0.5·1 + 1 = 1.5, w = 9.9 - 0.15."""
    weights, optimizer = np.array([10.0]), SGD(learning_rate=0.1, momentum=0.5)
    optimizer.step([weights], [np.array([1.0])])
    assert weights == pytest.approx(9.9)
    optimizer.step([weights], [np.array([1.0])])
    assert weights == pytest.approx(9.75)


def test_float32_weights_stay_float32_and_gradients_stay_untouched(dtype):
    weights, gradient = np.ones(3, dtype), np.full(3, 2, dtype)
    SGD().step([weights], [gradient])
    assert weights.dtype == dtype
    assert gradient.tolist() == [2, 2, 2]


def test_weights_that_lie_in_another_order_are_updated_too():
    weights = np.ones((3, 2)).T
    SGD(learning_rate=0.5, momentum=0).step([weights], [np.arange(6.0).reshape(2, 3)])
    assert weights.tolist() == [[1, 0.5, 0], [-0.5, -1, -1.5]]


def test_a_velocity_that_gets_no_gradient_any_more_ends_at_zero_not_in_denormal_numbers(dtype):
    weights, optimizer = np.ones(2, dtype), SGD(momentum=0.5)
    optimizer.step([weights], [np.full(2, np.finfo(dtype).tiny * 8)])
    seen = set()
    for _ in range(8):
        optimizer.step([weights], [np.zeros(2, dtype)])
        seen.update(optimizer.velocities[0].tolist())
    assert min(seen) == 0
    assert min(seen - {0.0}) >= np.finfo(dtype).tiny


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be a positive number, got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a positive number"),
        ({"momentum": 1}, "momentum must be at least 0 and below 1, got 1"),
        ({"momentum": -0.1}, "momentum must be"),
    ],
)
def test_settings_out_of_range_are_told(settings, message):
    with pytest.raises(ConfigError, match=message):
        SGD(**settings)


def test_another_models_gradients_are_refused():
    optimizer = SGD()
    optimizer.step([np.zeros(2)], [np.zeros(2)])
    with pytest.raises(ShapeError, match="use one optimiser for one model"):
        optimizer.step([np.zeros(3)], [np.zeros(3)])
