"""Optimisers and weight average: worked by hand, against NumPy, and against torch."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn import SGD, Adam, AdamW, Lion, WeightAverage
from jitcnn.errors import ConfigError, ShapeError


def test_two_steps_worked_by_hand():
    """v = 1, w = 10 - 0.1; then v = 0.5·1 + 1 = 1.5, w = 9.9 - 0.15."""
    weights, optimizer = np.array([10.0]), SGD(learning_rate=0.1, momentum=0.5)
    optimizer.step([weights], [np.array([1.0])])
    assert weights == pytest.approx(9.9)
    optimizer.step([weights], [np.array([1.0])])
    assert weights == pytest.approx(9.75)


def test_step_keeps_dtype_and_gradients(dtype):
    weights, gradient = np.ones(3, dtype), np.full(3, 2, dtype)
    SGD().step([weights], [gradient])
    assert weights.dtype == dtype
    assert gradient.tolist() == [2, 2, 2]


def test_transposed_weights_are_updated():
    weights = np.ones((3, 2)).T
    optimizer = SGD(learning_rate=0.5, momentum=0.5)
    for _ in range(2):  # the second step is 1.5 times the first
        optimizer.step([weights], [np.arange(6.0).reshape(2, 3)])
    assert weights.tolist() == [[1, -0.25, -1.5], [-2.75, -4, -5.25]]


def test_velocity_decays_to_zero_without_denormals(dtype):
    weights, optimizer = np.ones(2, dtype), SGD(momentum=0.5)
    optimizer.step([weights], [np.full(2, np.finfo(dtype).tiny * 8)])
    seen = set()
    for _ in range(8):
        optimizer.step([weights], [np.zeros(2, dtype)])
        seen.update(optimizer.velocities[0].tolist())
    assert min(seen) == 0
    assert min(seen - {0.0}) >= np.finfo(dtype).tiny


def test_moments_decay_to_zero_without_denormals(dtype):
    weights, optimizer = np.ones(2, dtype), Adam(betas=(0.5, 0.5))
    optimizer.step([weights], [np.full(2, np.sqrt(np.finfo(dtype).tiny) * 4)])
    seen = set()
    for _ in range(8):
        optimizer.step([weights], [np.zeros(2, dtype)])
        seen.update(optimizer.second_moments[0].tolist())
    assert min(seen) == 0
    assert min(seen - {0.0}) >= np.finfo(dtype).tiny
    optimizer.set_state({"optimizer": "Adam", "steps": 1, "learning_rate": 0.1},
                        {name: np.full(2, np.finfo(dtype).tiny) for name in ("first_moments.0", "second_moments.0")})  # fmt: skip
    optimizer.step([weights], [np.zeros(2, dtype)])
    assert optimizer.first_moments[0].tolist() == [0, 0]


def sgd_by_numpy(p, g, kept, t, learning_rate, momentum, nesterov=False, weight_decay=0.0, decoupled=False):
    slope = g if decoupled else g + weight_decay * p
    kept["v"] = momentum * kept.get("v", 0) + slope
    way = slope + momentum * kept["v"] if nesterov else kept["v"]
    return p - learning_rate * way - (learning_rate * weight_decay * p if decoupled else 0)


def adam_by_numpy(p, g, kept, t, learning_rate, betas, epsilon, weight_decay=0.0, decoupled=False):
    slope = g if decoupled else g + weight_decay * p
    kept["m"] = betas[0] * kept.get("m", 0) + (1 - betas[0]) * slope
    kept["v"] = betas[1] * kept.get("v", 0) + (1 - betas[1]) * slope**2
    m, v = kept["m"] / (1 - betas[0] ** t), kept["v"] / (1 - betas[1] ** t)
    return p - learning_rate * m / (np.sqrt(v) + epsilon) - (learning_rate * weight_decay * p if decoupled else 0)


def lion_by_numpy(p, g, kept, t, learning_rate, betas, weight_decay=0.0):
    m = kept.get("m", 0)
    kept["m"] = betas[1] * m + (1 - betas[1]) * g
    return (1 - learning_rate * weight_decay) * p - learning_rate * np.sign(betas[0] * m + (1 - betas[0]) * g)


ADAM = {"learning_rate": 0.05, "betas": (0.8, 0.95), "epsilon": 1e-3}
CASES = {
    "plain": (SGD, {"learning_rate": 0.1, "momentum": 0.0}),
    "momentum": (SGD, {"learning_rate": 0.1, "momentum": 0.9}),
    "nesterov": (SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "coupled": (SGD, {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.2}),
    "decoupled": (SGD, {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.2, "decoupled": True}),
    "all": (SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}),
    "adam": (Adam, ADAM),
    "adam coupled": (Adam, {**ADAM, "weight_decay": 0.2}),
    "adamw": (AdamW, {**ADAM, "weight_decay": 0.2}),
    "lion": (Lion, {"learning_rate": 0.05, "betas": (0.8, 0.95)}),
    "lion decayed": (Lion, {"learning_rate": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.2}),
}
BY_NUMPY = {SGD: sgd_by_numpy, Adam: adam_by_numpy, AdamW: adam_by_numpy, Lion: lion_by_numpy}
every_case = pytest.mark.parametrize("case", CASES)


def twenty_steps(optimizer, rng):
    """Initial parameters of two shapes, their gradients in twenty steps, and the updated parameters."""
    before = [rng.standard_normal((3, 2)), rng.standard_normal(5)]
    gradients = [[rng.standard_normal(p.shape) for p in before] for _ in range(20)]
    after = [p.copy() for p in before]
    for step in gradients:
        optimizer.step(after, step)
    return before, gradients, after


@every_case
def test_twenty_steps_match_numpy(case, rng):
    kind, settings = CASES[case]
    before, gradients, after = twenty_steps(kind(**settings, decay_bias=True), rng)
    by_numpy = BY_NUMPY[kind]
    further = {"decoupled": True} if kind is AdamW else {}
    for position, parameter in enumerate(before):
        kept, expected = {}, parameter
        for t, step in enumerate(gradients, start=1):
            expected = by_numpy(expected, step[position], kept, t, **settings, **further)
        assert_close(after[position], expected)


@pytest.mark.torch
@pytest.mark.parametrize("case", [case for case, (kind, _) in CASES.items() if kind is not Lion])  # torch has no Lion
def test_twenty_steps_match_torch(case, rng):
    torch = pytest.importorskip("torch")
    kind, settings = CASES[case]
    before, gradients, after = twenty_steps(kind(**settings, decay_bias=True), rng)
    theirs = [torch.tensor(p, requires_grad=True) for p in before]
    names = {"learning_rate": "lr", "epsilon": "eps"}
    given = {names.get(key, key): value for key, value in settings.items()}
    shrink = 1.0
    if given.pop("decoupled", False):  # torch's SGD has no decoupled decay: apply it before each step
        shrink = 1 - given["lr"] * given.pop("weight_decay")
    optimizer = getattr(torch.optim, kind.__name__)(theirs, **given)
    for step in gradients:
        for parameter, gradient in zip(theirs, step, strict=True):
            parameter.grad = torch.tensor(gradient)
            parameter.data.mul_(shrink)
        optimizer.step()
    for mine, its in zip(after, theirs, strict=True):
        assert_close(mine, its.detach().numpy())


def test_float32_matches_float64(rng):
    for kind, settings in (CASES["all"], CASES["adamw"], CASES["lion decayed"]):
        parameter, gradients = rng.standard_normal((4, 3)), rng.standard_normal((20, 4, 3))
        results = []
        for dtype in (np.float32, np.float64):
            optimizer, own = kind(**settings), parameter.astype(dtype)
            for gradient in gradients:
                optimizer.step([own], [gradient.astype(dtype)])
            results.append(own)
        assert results[0].dtype == np.float32
        np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, Lion])
def test_biases_decay_only_with_decay_bias(kind):
    for decay_bias, bias_moves in ((False, False), (True, True)):
        weights, bias = np.ones((2, 3)), np.ones(3)
        kind(weight_decay=0.5, decay_bias=decay_bias).step([weights, bias], [np.zeros((2, 3)), np.zeros(3)])
        assert (weights < 1).all()
        assert (bias < 1).all() == bias_moves


@every_case
def test_optimizer_state_round_trip_is_bitwise(case, rng):
    kind, settings = CASES[case]
    one, other = kind(**settings), kind(**{**settings, "learning_rate": 0.5})
    _, gradients, mine = twenty_steps(one, rng)
    its = [p.copy() for p in mine]
    other.set_state(*one.state())
    assert (other.steps, other.learning_rate) == (20, settings["learning_rate"])
    for step in gradients:
        one.step(mine, step)
        other.step(its, step)
    for a, b in zip(mine, its, strict=True):
        np.testing.assert_array_equal(a, b)


def test_empty_state_is_accepted_and_mismatched_state_raises(rng):
    SGD().set_state(*SGD().state())
    twenty_steps(adam := Adam(), rng)
    numbers, arrays = adam.state()
    with pytest.raises(
        ConfigError, match=r"SGD expects the state of SGD with its steps and learning_rate, got .*'Adam'"
    ):
        SGD().set_state(numbers, arrays)
    arrays.pop("second_moments.1")
    with pytest.raises(ConfigError, match=r"Adam expects a state with first_moments and second_moments, got \["):
        Adam().set_state(numbers, arrays)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (SGD, {"learning_rate": 0}, "learning_rate must be a positive number, got 0"),
        (SGD, {"learning_rate": float("nan")}, "learning_rate must be a positive number"),
        (SGD, {"momentum": 1}, "momentum must be at least 0 and below 1, got 1"),
        (SGD, {"momentum": -0.1}, "momentum must be"),
        (SGD, {"weight_decay": -1}, "weight_decay must be a number of at least 0, got -1"),
        (SGD, {"nesterov": True, "momentum": 0}, "nesterov expects a momentum above 0, got 0"),
        (Adam, {"betas": (0.9, 1)}, r"betas must be two numbers of at least 0 and below 1, got \(0.9, 1\)"),
        (Adam, {"betas": (0.9,)}, "betas must be two numbers"),
        (AdamW, {"epsilon": 0}, "epsilon must be a positive number, got 0"),
        (Lion, {"betas": (0.9, 1.0)}, "betas must be two numbers of at least 0 and below 1"),
        (Lion, {"betas": (0.9,)}, "betas must be two numbers of at least 0 and below 1"),
        (WeightAverage, {"decay": 1}, "decay of a weight average must lie between 0 and 1, got 1"),
    ],
)
def test_settings_out_of_range_raise(kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        kind(**settings)


def test_gradients_of_another_model_raise():
    optimizer = SGD()
    optimizer.step([np.zeros(2)], [np.zeros(2)])
    with pytest.raises(ShapeError, match="use one optimiser per model"):
        optimizer.step([np.zeros(3)], [np.zeros(3)])


# --- the weight average ---------------------------------------------------------------------------------


def test_average_worked_by_hand(dtype):
    """First a copy of 11; then 2/11 · 11 + 9/11 · 22. A decay below 2/11 is used as given."""
    for decay, expected in ((0.9, 20.0), (0.1, 20.9)):
        average = WeightAverage(decay)
        average.update([np.array([11.0], dtype)])
        average.update([np.array([22.0], dtype)])
        assert average.averages[0].dtype == dtype
        assert average.averages[0] == pytest.approx(expected, rel=1e-6)


def test_average_decay_warms_up():
    average, zero, one = WeightAverage(0.5), [np.zeros(1)], [np.ones(1)]
    average.update(zero)
    expected = 0.0
    for t in range(1, 20):
        average.update(one)
        expected += (1 - min(0.5, (1 + t) / (10 + t))) * (1 - expected)
        assert average.averages[0] == pytest.approx(expected)


def test_applied_averages_are_restored():
    weights, average = [np.zeros((2, 3)).T, np.zeros(4)], WeightAverage()
    average.put_into(weights)
    average.update([np.arange(6.0).reshape(3, 2), np.ones(4)])
    with average.applied(weights):
        assert weights[0].tolist() == [[0, 1], [2, 3], [4, 5]]
        assert weights[1].tolist() == [1] * 4
    assert not weights[0].any()
    average.put_into(weights)
    assert weights[1].tolist() == [1] * 4


def test_average_state_round_trip(rng):
    one, other = WeightAverage(0.7), WeightAverage(0.7)
    for _ in range(3):
        one.update([rng.standard_normal(4)])
    other.set_state(*one.state())
    value = [rng.standard_normal(4)]
    one.update(value)
    other.update(value)
    np.testing.assert_array_equal(one.averages[0], other.averages[0])
    with pytest.raises(ConfigError, match=r"expects a state with updates and averages, got \{\} and \['weights'\]"):
        other.set_state({}, {"weights": value[0]})


def test_weights_of_another_model_raise():
    average = WeightAverage()
    average.update([np.zeros(2)])
    with pytest.raises(ShapeError, match="use one average per model"):
        average.update([np.zeros(3)])
