"""Learning rate factors and frozen layers against torch's parameter groups."""

import numpy as np
import pytest

from jitcnn import CNN, SGD, Adam, AdamW, BatchNorm2D, Conv2D, Dense, Flatten, ReLU, train_step
from jitcnn.benchmark.torch_twin import torch_twin

try:
    import torch
except ImportError:
    torch = None

pytestmark = [pytest.mark.torch, pytest.mark.skipif(torch is None, reason="torch is not installed")]

FACTORS = {"all": 0.5, "head": 10, "0": 0.1}
RATES = {0: 0.1, 1: 0.5, 4: 10}  # by position of the layers with parameters
RATE, DECAY = 0.01, 0.1


def net():
    rng = np.random.default_rng(3)
    layers = [
        Conv2D(2, 3, 3, use_bias=False, rng=rng, dtype=np.float64), BatchNorm2D(3, dtype=np.float64), ReLU(), Flatten(),
        Dense(48, 4, rng=rng, dtype=np.float64),
    ]  # fmt: skip
    return CNN(layers, input_shape=(2, 6, 6))


def groups(twin):
    return [{"params": list(twin[at].parameters()), "lr": RATE * factor} for at, factor in RATES.items()]


PAIRS = {
    "SGD": (
        lambda: SGD(RATE, momentum=0.9, weight_decay=DECAY, decay_bias=True),
        lambda twin: torch.optim.SGD(groups(twin), lr=RATE, momentum=0.9, weight_decay=DECAY),
    ),
    "SGD, Nesterov": (
        lambda: SGD(RATE, momentum=0.9, nesterov=True),
        lambda twin: torch.optim.SGD(groups(twin), lr=RATE, momentum=0.9, nesterov=True),
    ),
    "Adam": (
        lambda: Adam(RATE, weight_decay=DECAY, decay_bias=True),
        lambda twin: torch.optim.Adam(groups(twin), lr=RATE, weight_decay=DECAY),
    ),
    "AdamW": (
        lambda: AdamW(RATE, weight_decay=DECAY, decay_bias=True),
        lambda twin: torch.optim.AdamW(groups(twin), lr=RATE, weight_decay=DECAY),
    ),
}


def trained_twin(model, optimizer, batches):
    """The twin after one step per batch."""
    twin = torch_twin(torch, model.layers).double().train()
    steps = optimizer(twin)
    for x, y in batches:
        steps.zero_grad()
        torch.nn.functional.cross_entropy(twin(torch.tensor(x)), torch.tensor(y)).backward()
        steps.step()
    return twin


def batches(rng):
    return [(rng.standard_normal((8, 2, 6, 6)), rng.integers(0, 4, 8)) for _ in range(5)]


def assert_same(model, twin):
    for at in RATES:
        mine, theirs = model.layers[at].parameters(), list(twin[at].parameters())
        for array, tensor in zip(mine.values(), theirs, strict=True):
            expected = tensor.detach().numpy()
            expected = expected.T if array.shape != expected.shape else expected
            np.testing.assert_allclose(array, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_five_steps_are_those_of_parameter_groups(name, rng):
    model, some = net(), batches(rng)
    mine, theirs = PAIRS[name]
    twin, optimizer = trained_twin(model, theirs, some), mine()
    for x, y in some:
        train_step(model, x, y, optimizer, rate_factors=FACTORS)
    assert_same(model, twin)
    assert optimizer.learning_rate == RATE


def test_frozen_layers_are_those_without_requires_grad_in_evaluation_mode(rng):
    model, some = net(), batches(rng)
    model.layers[1].running_mean[:], model.layers[1].running_var[:] = 0.5, 2
    model.freeze("0-1")
    twin = torch_twin(torch, model.layers).double().train()
    twin[1].running_mean[:], twin[1].running_var[:] = 0.5, 2
    for frozen in (twin[0], twin[1]):
        frozen.eval().requires_grad_(False)
    steps, optimizer = torch.optim.SGD(twin[4].parameters(), lr=RATE, momentum=0.9), SGD(RATE)
    for x, y in some:
        steps.zero_grad()
        torch.nn.functional.cross_entropy(twin(torch.tensor(x)), torch.tensor(y)).backward()
        steps.step()
        train_step(model, x, y, optimizer)
    assert_same(model, twin)
