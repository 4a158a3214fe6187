"""The loop: it learns, repeats, tells, and stops when asked to."""

import numpy as np
import pytest

from jitcnn import SGD, evaluate, fit, load_digits
from jitcnn.data.mnist import read_mnist
from jitcnn.errors import ConfigError, TrainingError
from jitcnn.models import mnist_cnn, mnist_dense


def test_the_embedded_digits_are_learnt_to_97_percent():
    data = load_digits()
    history = fit(mnist_cnn(), data, epochs=15, batch_size=16)
    assert history.epochs[-1].test_accuracy >= 0.97


def test_mnist_is_learnt_from_a_tenth_of_it(mnist_dir):
    data = read_mnist(mnist_dir)
    assert fit(mnist_cnn(), data.limited(6000), epochs=2).epochs[-1].test_accuracy > 0.9


@pytest.fixture
def few():
    return load_digits().limited(100)


def test_same_seed_same_bits_another_seed_others(few):
    def weights(seed):
        model = mnist_dense()
        fit(model, few, epochs=1, seed=seed)
        return model.parameters()[0]

    np.testing.assert_array_equal(weights(1), weights(1))
    assert (weights(1) != weights(2)).any()


def test_callbacks_are_told_every_batch_and_epoch(few):
    batches, epochs = [], []
    fit(mnist_dense(), few, epochs=2, batch_size=64, on_batch=lambda *b: batches.append(b), on_epoch=epochs.append)
    assert batches == [(1, 2, 64), (2, 2, 100)] * 2
    assert [e.epoch for e in epochs] == [1, 2]


def test_figures_of_an_epoch_are_those_of_an_examination(few):
    model = mnist_dense()
    epoch = fit(model, few, epochs=1).epochs[-1]
    result = evaluate(model, few.x_test, few.y_test, batch_size=7)
    assert epoch.test_accuracy == result.accuracy == result.correct / 100
    assert epoch.test_loss == pytest.approx(result.loss, rel=1e-5)
    assert epoch.images_per_second == pytest.approx(100 / epoch.seconds)


def test_ctrl_c_keeps_what_was_learnt(few):
    model, before = mnist_dense(), mnist_dense()

    def press(batch, *_):
        if batch == 2:
            raise KeyboardInterrupt

    history = fit(model, few, epochs=3, on_batch=press)
    assert history.interrupted
    assert history.epochs == []
    assert (model.parameters()[0] != before.parameters()[0]).any()


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_loss_that_is_no_number_stops_training_and_is_told(few):
    with pytest.raises(
        TrainingError, match=r"loss became (nan|inf) in epoch \d, batch \d+ of 13: the learning rate 1e\+10"
    ):
        fit(mnist_dense(), few, optimizer=SGD(1e10), epochs=3, batch_size=8)


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"batch_size": 0}])
def test_settings_out_of_range_are_told(bad, few):
    with pytest.raises(ConfigError, match="epochs and batch_size must be at least 1"):
        fit(mnist_dense(), few, **bad)


def test_the_schedule_is_asked_for_every_step(few):
    asked = []
    fit(mnist_dense(), few, epochs=2, batch_size=32, schedule=lambda share: asked.append(share) or 0.01)
    count = len(few.x_train)
    assert asked == pytest.approx([(epoch + seen / count) / 2 for epoch in (0, 1) for seen in range(0, count, 32)])


def test_training_ends_when_the_target_is_reached(few):
    assert len(fit(mnist_dense(), few, epochs=3, until=0.0).epochs) == 1
    assert len(fit(mnist_dense(), few, epochs=2, until=1.1).epochs) == 2
