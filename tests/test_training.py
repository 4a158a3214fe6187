"""The loop: it learns, repeats, tells, and stops when asked to."""

import numpy as np
import pytest

from jitcnn import CNN, SGD, Adam, Dense, Flatten, Recipe, WeightAverage, evaluate, fit, fit_by, load_digits, train_step
from jitcnn.data.mnist import read_mnist
from jitcnn.errors import ConfigError, TrainingError
from jitcnn.models import MODELS, mnist_cnn, mnist_dense
from jitcnn.training import model_by, prepare


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
        TrainingError,
        match=r"loss became (nan|inf) in epoch \d, batch \d+ of 13, learning rate 1e\+10; not finite first: the output of ",
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


# --- what a recipe may ask for ------------------------------------------------------------------------


def small_net(seed=0, impl="auto"):
    return CNN([Flatten(), Dense(784, 10, rng=np.random.default_rng(seed))], input_shape=(1, 28, 28), name="small")


def bits(model):
    return [parameter.tobytes() for parameter in model.parameters()]


def test_a_smoothed_loss_is_learnt_from_and_the_plain_one_examined(few):
    plain, smoothed = small_net(), small_net()
    epochs = [fit(plain, few, epochs=1).epochs[0], fit(smoothed, few, epochs=1, label_smoothing=0.5).epochs[0]]
    assert bits(plain) != bits(smoothed)
    assert evaluate(smoothed, few.x_test, few.y_test).loss == epochs[1].test_loss
    x, y = few.x_train[:5] / np.float32(255), few.y_train[:5]
    losses = [train_step(small_net(), x, y, SGD(), label_smoothing) for label_smoothing in (0, 0.5)]
    assert losses[0] != losses[1]


def test_with_an_average_the_averaged_weights_are_examined_and_stay(few):
    model, plain, average = small_net(), small_net(), WeightAverage(0.9)
    seen = []

    def look(epoch):
        seen.append((epoch.test_loss, evaluate(model, few.x_test, few.y_test).loss))

    averaged = fit(model, few, epochs=2, average=average, on_epoch=look)
    last = fit(plain, few, epochs=2)
    assert [a == b for a, b in seen] == [True, True]
    assert [e.train_loss for e in averaged.epochs] == [e.train_loss for e in last.epochs]  # learning itself is the same
    assert [e.test_loss for e in averaged.epochs] != [e.test_loss for e in last.epochs]
    assert average.updates == 4
    assert bits(model) == [array.tobytes() for array in average.averages]


def test_ctrl_c_leaves_the_averaged_weights(few):
    def press(batch, *_):
        if batch == 2:
            raise KeyboardInterrupt

    model, average = small_net(), WeightAverage()
    assert fit(model, few, average=average, on_batch=press).interrupted
    assert bits(model) == [array.tobytes() for array in average.averages]


def test_a_recipe_trains_as_its_settings_do(few, monkeypatch):
    monkeypatch.setitem(MODELS, "small", lambda seed, **_: small_net(seed=seed))
    recipe = Recipe(
        2, 32, {"kind": "adam", "learning_rate": 0.002}, {"kind": "cosine"}, model="small", label_smoothing=0.1,
        average=0.9,
    )  # fmt: skip
    by_recipe, by_hand = model_by(recipe, seed=3), small_net(seed=3)
    prepare(by_recipe, 32, recipe)
    fit_by(recipe, by_recipe, few, seed=4)
    fit(
        by_hand, few, optimizer=Adam(0.002), epochs=2, batch_size=32, seed=4, schedule=recipe.make_schedule(),
        label_smoothing=0.1, average=WeightAverage(0.9),
    )  # fmt: skip
    assert bits(by_recipe) == bits(by_hand)


def test_the_recipe_goes_into_the_models_file(few, tmp_path):
    recipe, model = Recipe(1, 50, {"kind": "sgd"}), small_net()
    assert model.recipe is None
    fit_by(recipe, model, few)
    model.save(tmp_path / "net.npz")
    assert Recipe.from_dict(CNN.load(tmp_path / "net.npz").recipe) == recipe


def test_a_recipe_for_what_there_is_not_is_told(few):
    with pytest.raises(ConfigError, match="Unknown model 'resnet'"):
        model_by(Recipe(1, 1, {"kind": "sgd"}, name="mine", model="resnet"))
    with pytest.raises(ConfigError, match=r"Augmentation settings are shift, .*, got .turn."):
        fit_by(Recipe(1, 1, {"kind": "sgd"}, name="mine", augment={"turn": 2}), small_net(), few)
    with pytest.raises(ConfigError, match="label_smoothing must be at least 0 and below 1, got 2"):
        fit(small_net(), few, label_smoothing=2)
