"""Class weights, sampling and the last batch in a training."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from jitcnn import CNN, SGD, Callback, Dataset, Dense, Flatten, Trainer, TrainingSettings, fit, train_step
from jitcnn.data.batches import minibatches
from jitcnn.errors import ConfigError
from jitcnn.training import balanced_weights
from jitcnn.training.weighting import class_weights_of, draw_probabilities


def data(counts=(12, 4), names=("a", "b")):
    """Images whose first pixel is their number, ``counts`` of each class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 1, 4, 4), np.uint8)
    images[:, 0, 0, 0] = np.arange(len(labels))
    return Dataset("made", "here", images, labels, images[:2], labels[[0, -1]], names)


def net(classes=2):
    return CNN([Flatten(), Dense(16, classes, rng=np.random.default_rng(0))], input_shape=(1, 4, 4))


class Seen(Callback):
    """Counts the batches of each size."""

    def __init__(self):
        self.sizes, self.before = [], 0

    def on_batch_end(self, trainer):
        self.sizes.append(trainer.progress.seen - (self.before if trainer.batch > 1 else 0))
        self.before = trainer.progress.seen


def test_balanced_weights_give_every_class_the_same_total():
    assert balanced_weights([30, 10, 0]).tolist() == [40 / 60, 2.0, 1.0]


def test_balanced_weights_are_those_of_scikit_learn():
    utils = pytest.importorskip("sklearn.utils.class_weight")
    labels = np.repeat([0, 1, 2], [7, 2, 5])
    expected = utils.compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(balanced_weights(np.bincount(labels)), expected)


@pytest.mark.parametrize("weights", [(3.0, 1.0), {"a": 3.0}, {"a": 3, "b": 1}])
def test_class_weights_by_name_and_by_order(weights):
    assert class_weights_of(weights, ("a", "b"), np.array([0, 1])) == {"a": 3.0, "b": 1.0}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"a": 1, "dog": 2}, "expects names of the classes a, b, got dog; correct the names"),
        ((1.0, 2.0, 3.0), "expects one weight for each of 2 classes, got 3"),
        ({"a": 0, "b": 0}, "got 0 for a, b: nothing would be learned; raise one of them"),
    ],
)
def test_class_weights_of_other_classes_raise(weights, message):
    with pytest.raises(ConfigError, match=message):
        fit(net(), data(), epochs=1, class_weights=weights)


def test_training_with_class_weights_is_that_of_weighted_steps():
    model, twin, some = net(), net(), data()
    fit(model, some, epochs=2, batch_size=8, optimizer=SGD(0.1), seed=4, class_weights="balanced")
    optimizer, rng = SGD(0.1), np.random.default_rng(4)
    weights = np.array([16 / 24, 2.0])
    for _ in range(2):
        for x, y in minibatches(some.x_train, some.y_train, 8, rng):
            train_step(twin, x, y, optimizer, weights=weights[y])
    assert model.fingerprint() == twin.fingerprint()


def test_class_weights_stay_with_their_class_when_the_model_orders_the_classes_otherwise():
    """The classes of the model are b and a; its columns are swapped, and the training is the same."""
    some, model, twin = data(), net(), net()
    twin.layers[1].weights[...] = model.layers[1].weights[:, ::-1]
    twin.class_names = ("b", "a")
    for each in (model, twin):
        fit(each, some, epochs=2, batch_size=8, class_weights=(1.0, 5.0))
    np.testing.assert_allclose(twin.layers[1].weights, model.layers[1].weights[:, ::-1], rtol=1e-5)


def test_a_class_of_weight_zero_is_not_learned():
    some, model, twin = data((5, 5, 5), ("a", "b", "c")), net(3), net(3)
    other = some.x_train.copy()
    other[some.y_train == 2] = 255 - other[some.y_train == 2]
    fit(model, some, epochs=2, batch_size=5, class_weights={"c": 0})
    fit(twin, replace(some, x_train=other), epochs=2, batch_size=5, class_weights={"c": 0})
    assert model.layers[1].weights.tobytes() == twin.layers[1].weights.tobytes()


def test_weight_zero_for_all_classes_of_the_images_raises():
    some = replace(data((5, 5, 5), ("a", "b", "c")), y_train=np.full(15, 2))
    with pytest.raises(ConfigError, match="got 0 for c: nothing would be learned"):
        fit(net(3), some, epochs=1, class_weights={"c": 0})


def test_balanced_sampling_draws_every_class_equally_often():
    labels = np.repeat([0, 1, 2], [800, 150, 50])
    drawn = np.random.default_rng(0).choice(1000, 1000, p=draw_probabilities("balanced", None, labels))
    counts = Counter(labels[drawn].tolist())
    assert all(abs(counts[label] - 333.3) < 4 * (1000 * 2 / 9) ** 0.5 for label in range(3))


def test_weighted_sampling_draws_in_proportion_to_the_class_weights():
    probabilities = draw_probabilities("weighted", np.array([3.0, 1.0]), np.array([0, 0, 1, 1]))
    assert probabilities.tolist() == [0.375, 0.375, 0.125, 0.125]


def test_a_training_draws_the_images_of_its_sampling():
    some, model, twin = data(), net(), net()
    fit(model, some, epochs=1, batch_size=8, seed=3, optimizer=SGD(0.1), sampling="balanced")
    rng, optimizer = np.random.default_rng(3), SGD(0.1)
    order = rng.choice(16, 16, p=np.repeat([1 / 24, 1 / 8], [12, 4]))
    for x, y in minibatches(some.x_train, some.y_train, 8, order=order):
        train_step(twin, x, y, optimizer)
    assert model.fingerprint() == twin.fingerprint()


def test_weighted_sampling_does_not_weight_the_loss_too():
    some = data((8, 8))
    model, twin = net(), net()
    fit(model, some, epochs=1, batch_size=8, sampling="weighted", class_weights=(1.0, 1.0))
    fit(twin, some, epochs=1, batch_size=8, sampling="balanced")
    assert model.fingerprint() == twin.fingerprint()


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [6, 6, 4]), (True, [6, 6])])
def test_the_last_batch_is_dropped_if_asked_for(drop_last, sizes):
    seen = Seen()
    trainer = Trainer(net(), data(), TrainingSettings(epochs=2, batch_size=6, drop_last=drop_last), [seen])
    history = trainer.train()
    assert seen.sizes == sizes * 2
    assert trainer.batches == len(sizes)
    assert all(0 <= epoch.train_accuracy <= 1 for epoch in history.epochs)


def test_clip_norm_limits_every_step():
    model = net()
    before = np.concatenate([array.ravel().copy() for array in model.parameters()])
    fit(model, data(), epochs=1, batch_size=8, optimizer=SGD(1.0, momentum=0), clip_norm=0.01)
    after = np.concatenate([array.ravel() for array in model.parameters()])
    assert 0 < np.linalg.norm(after - before) <= 2 * 0.01 * 1.0001
