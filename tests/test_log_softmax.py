"""A network that ends in a LogSoftmax trains on its logits, and predicts probabilities."""

import numpy as np

from jitcnn import CNN, SGD, Dense, LogSoftmax, Softmax, fit, load_digits, train_step
from jitcnn.inspection import trace
from jitcnn.layers import Flatten


def net(last):
    rng = np.random.default_rng(0)
    return CNN([Flatten(), Dense(784, 10, rng=rng), last()], input_shape=(1, 28, 28))


def test_training_and_probabilities_are_those_of_a_softmax():
    data = load_digits().limited(200)
    found = []
    for last in (LogSoftmax, Softmax):
        model = net(last)
        fit(model, data, epochs=2, optimizer=SGD(0.1))
        found.append((model.predict_proba(data.x_test), model.layers[1].weights))
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_forward_gives_log_probabilities(rng):
    model, x = net(LogSoftmax), rng.random((4, 1, 28, 28), np.float32)
    np.testing.assert_allclose(np.exp(model(x)), model.predict_proba(x), rtol=1e-5)
    assert train_step(model, x, np.arange(4), SGD(0.1)) > 0


def test_trace_begins_its_gradients_at_the_logits(rng):
    stages = trace(net(LogSoftmax), rng.random((2, 1, 28, 28), np.float32), labels=np.array([1, 2]))
    assert stages[-1].d_x is None
    assert stages[-2].d_out is not None
