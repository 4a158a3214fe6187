"""Early stopping, and keeping the weights of the best epoch, by validation images."""

from dataclasses import replace

import numpy as np
import pytest

from jitcnn import CNN, SGD, Callback, Checkpoints, Dense, Flatten, WeightAverage, evaluate, fit, load_digits
from jitcnn.errors import CheckpointError, ConfigError
from jitcnn.history import Epoch
from jitcnn.metrics import macro_f1
from jitcnn.training.best import Best


@pytest.fixture(scope="module")
def data():
    return load_digits().limited(200).validation(0.3)


def net():
    rng = np.random.default_rng(0)
    return CNN([Flatten(), Dense(784, 16, rng=rng), Dense(16, 10, rng=rng)], input_shape=(1, 28, 28), name="small")


def rate(share):
    """Learns in the first half of the run, and forgets in the second."""
    return 0.02 if share < 0.5 else 0.15


def train(model, data, **settings):
    return fit(model, data, **{"epochs": 12, "batch_size": 16, "optimizer": SGD(), "schedule": rate, **settings})


class Weights(Callback):
    """Copies of the weights that are evaluated in each epoch."""

    def __init__(self):
        self.of_epoch = {}

    def on_epoch_end(self, trainer, epoch):
        with trainer.averaged_weights():
            self.of_epoch[epoch.epoch] = trainer.model.fingerprint()


def epoch(number, loss=0.0, accuracy=0.0, score=0.0):
    return Epoch(number, 0, 0, loss, accuracy, 1, 1, (), score)


def test_best_epoch_of_a_loss_is_the_smallest_and_the_first_of_equals():
    best = Best("loss")
    for number, loss in enumerate([0.5, 0.3, 0.4, 0.3], start=1):
        best.update(epoch(number, loss=loss), None)
    assert (best.epoch, best.value, best.waited) == (2, 0.3, 2)
    assert best.describe() == "epoch 2, validation loss 0.3000"


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_best_epoch_of_a_score_is_the_largest(metric):
    best = Best(metric)
    for number, value in enumerate([0.5, 0.7, 0.6], start=1):
        best.update(epoch(number, accuracy=value, score=value), None)
    assert (best.epoch, best.value, best.waited) == (2, 0.7, 1)
    assert best.describe().startswith("epoch 2, validation ")
    assert best.describe().endswith("70.00%")


@pytest.mark.parametrize("metric", ["loss", "accuracy", "macro_f1"])
@pytest.mark.parametrize("average", [None, 0.9])
def test_weights_of_the_best_epoch_remain(data, metric, average):
    model, seen = net(), Weights()
    history = train(
        model, data, keep="best", metric=metric, callbacks=[seen], average=average and WeightAverage(average)
    )
    values = [getattr(each, f"test_{metric}") for each in history.epochs]
    best = 1 + (int(np.argmin(values)) if metric == "loss" else int(np.argmax(values)))
    assert history.kept == best < 12
    assert model.fingerprint() == seen.of_epoch[best]
    assert evaluate(model, data.x_test, data.y_test).loss == pytest.approx(history.epochs[best - 1].test_loss)


def test_last_weights_remain_by_default(data):
    model, seen = net(), Weights()
    history = train(model, data, callbacks=[seen])
    assert (history.kept, history.stopped_early) == (0, False)
    assert model.fingerprint() == seen.of_epoch[12]


@pytest.mark.parametrize("patience", [1, 2])
def test_training_ends_after_epochs_without_a_better_metric(data, patience):
    whole = [each.test_loss for each in train(net(), data).epochs]
    waited, best, expected = 0, np.inf, 0
    while waited < patience:
        loss = whole[expected]
        waited, best, expected = (0, loss, expected + 1) if loss < best else (waited + 1, best, expected + 1)
    history = train(net(), data, early_stop=patience)
    assert len(history.epochs) == expected < 12
    assert history.stopped_early
    assert [each.test_loss for each in history.epochs] == whole[:expected]


def test_training_that_gets_better_does_not_stop_early(data):
    history = train(net(), data, epochs=2, early_stop=5)
    assert (len(history.epochs), history.stopped_early) == (2, False)


def test_macro_f1_of_an_epoch_is_that_of_its_predictions(data):
    model = net()
    history = train(model, data, epochs=2)
    predicted = model.predict(data.x_test)
    assert history.epochs[-1].test_macro_f1 == macro_f1(data.y_test, predicted, 10)


@pytest.mark.parametrize("settings", [{"early_stop": 2}, {"keep": "best"}])
def test_test_images_never_choose(settings):
    data = load_digits().limited(20)
    with pytest.raises(ConfigError, match=r"got only the test images of digits, .* hold training images out, such as"):
        fit(net(), data, **settings)
    own = replace(data, x_validation=data.x_train, y_validation=data.y_train)
    with pytest.raises(ConfigError, match=r"use its own validation images, data.validation\(\)"):
        fit(net(), own, **settings)


def test_resume_of_a_training_without_selection_with_one_is_refused(data, tmp_path):
    path = tmp_path / "checkpoint.npz"
    train(net(), data, epochs=2, checkpoint=path)
    with pytest.raises(CheckpointError, match="keep None instead of 'best'"):
        train(net(), data, epochs=3, keep="best", resume=path)


def test_checkpoint_holds_the_best_weights_as_the_model(data, tmp_path):
    path, model = tmp_path / "checkpoint.npz", net()
    train(model, data, keep="best", checkpoint=Checkpoints(path, "4epochs"))
    assert CNN.load(path).fingerprint() == model.fingerprint()


def test_function_that_returns_true_ends_the_training(data):
    assert len(train(net(), data, on_epoch=lambda epoch: epoch.epoch == 3).epochs) == 3
    assert len(train(net(), data, epochs=2, on_epoch=lambda epoch: "yes").epochs) == 2
