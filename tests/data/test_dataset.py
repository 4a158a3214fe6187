"""Dataset: properties, splits, and checks against a model."""

from dataclasses import replace

import numpy as np
import pytest

from jitcnn import CNN, Dense, Flatten, evaluate, fit
from jitcnn.data.dataset import Dataset
from jitcnn.errors import ConfigError, DataError, ShapeError


def dataset(y_train=(0, 2, 1), y_test=(1, 0), **settings):
    rng = np.random.default_rng(1)
    halves = [(rng.integers(0, 256, (len(y), 2, 4, 3), np.uint8), np.array(y, np.int64)) for y in (y_train, y_test)]
    return Dataset("few", "here", *halves[0], *halves[1], **settings)


def net(classes=3, shape=(2, 4, 3)):
    return CNN([Flatten(), Dense(int(np.prod(shape)), classes)], input_shape=shape, name="net")


def test_class_names_default_to_the_labels():
    assert dataset().class_names == ("0", "1", "2")
    named = dataset(class_names=("cat", "dog", "owl", "yak")).limited(1)
    assert (named.num_classes, named.class_names[3]) == (4, "yak")


def test_channels_and_size_match_the_images():
    data = dataset()
    assert (data.channels, data.size, data.image_shape) == (2, (4, 3), (2, 4, 3))


def test_statistics_match_numpy():
    data = dataset(y_train=[0] * 1100)
    mean, std = data.statistics()
    np.testing.assert_allclose(mean, (data.x_train / 255).mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, (data.x_train / 255).std(axis=(0, 2, 3)), rtol=1e-12)


def test_constant_channel_has_std_one():
    data = dataset()
    data.x_train[:, 1] = 51
    mean, std = data.statistics()
    assert (mean[1], std[1]) == (pytest.approx(0.2), 1.0)


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_out_of_range_raise(label):
    with pytest.raises(DataError, match=f"few: expected labels 0 to 1, got {label}"):
        dataset((0, 1, label), class_names=("a", "b"))


def test_wrong_number_of_classes_raises_before_any_computation(monkeypatch):
    monkeypatch.setattr(CNN, "logits", lambda *_: pytest.fail("computed"))
    with pytest.raises(DataError, match="net has 5 classes, few has 3; choose a matching model or data set"):
        fit(net(5), dataset())
    with pytest.raises(DataError, match="net has 2 classes, expected labels 0 to 1, got 2"):
        evaluate(net(2), dataset().x_train, dataset().y_train)


def test_wrong_image_shape_raises():
    with pytest.raises(ShapeError, match="net expects images of shape 1×28×28, got 2×4×3 from few; choose a matching"):
        fit(net(shape=(1, 28, 28)), dataset())


def test_fit_copies_names_and_preparation_and_normalises_images():
    data, seen = dataset(class_names=("cat", "dog", "owl"), preparation="crop"), []
    model = net()
    model.normalise_by(*data.statistics())
    logits = model.logits
    model.logits = lambda x, training=True: seen.append(x.copy()) or logits(x)
    fit(model, data, epochs=1)
    assert (model.class_names, model.preparation) == (("cat", "dog", "owl"), "crop")
    learnt, evaluated = seen
    np.testing.assert_allclose(learnt.mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(learnt.std(axis=(0, 2, 3)), 1, atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(data.x_test).argmax(axis=1), logits(evaluated).argmax(axis=1))


def test_validation_images_are_held_out_from_training():
    data = dataset(y_train=[0, 1, 2] * 4)
    data.x_train[:, 0, 0, 0] = np.arange(12)
    split = data.validation(5)
    numbers = [split.x_train[:, 0, 0, 0].tolist(), split.x_test[:, 0, 0, 0].tolist()]
    assert sorted(numbers[0] + numbers[1]) == list(range(12))
    assert (len(numbers[0]), len(numbers[1])) == (7, 5)
    assert split.y_test.tolist() == [number % 3 for number in numbers[1]]
    np.testing.assert_array_equal(split.x_test, data.validation(5).x_test)
    assert not np.array_equal(split.x_test, data.validation(5, seed=1).x_test)


@pytest.mark.parametrize("count", [0, 3, 9])
def test_validation_without_remaining_training_images_raises(count):
    with pytest.raises(ConfigError, match=f"at least 1 and less than the 3 training images, got {count}"):
        dataset().validation(count)


@pytest.mark.parametrize("amount", ["a", [1], 1j])
def test_validation_of_no_number_raises(amount):
    with pytest.raises(ConfigError, match="validation expects a number of images, a share of each class"):
        dataset().validation(amount)


@pytest.mark.parametrize("amount", [float("nan"), float("inf")])
def test_validation_of_no_finite_number_raises(amount):
    with pytest.raises(ConfigError, match="validation must be at least 1 and less than"):
        dataset().validation(amount)


def test_validation_share_is_the_same_of_every_class():
    data = dataset(y_train=[0] * 20 + [1] * 10 + [2] * 2)
    data.x_train[:, 0, 0, 0] = np.arange(32)
    split = data.validation(0.1)
    assert np.bincount(split.y_test).tolist() == [2, 1, 1]
    assert np.bincount(split.y_train).tolist() == [18, 9, 1]
    numbers = np.concatenate([split.x_train, split.x_test])[:, 0, 0, 0]
    assert sorted(numbers.tolist()) == list(range(32))
    assert split.split == {"validation_share": 0.1, "validation_seed": 0}


def test_validation_share_with_one_image_of_a_class_raises():
    with pytest.raises(ConfigError, match="expects at least two training images of each class, got one of 1"):
        dataset(y_train=[0, 0, 1]).validation(0.5)


def test_validation_without_an_amount_takes_the_images_of_the_source():
    data = dataset(y_train=[0, 1, 2])
    own = replace(data, x_validation=data.x_train[:2] + 7, y_validation=np.array([2, 0]))
    split = own.validation()
    assert split.y_test.tolist() == [2, 0]
    assert split.evaluated_on == "validation"
    assert len(split.x_train) == 3
    assert split.x_validation is None


def test_validation_without_an_amount_and_own_images_raises():
    with pytest.raises(ConfigError, match="has no validation images of its own: hold some of the 3 training images"):
        dataset().validation()


def test_validation_images_need_one_label_each():
    data = dataset()
    with pytest.raises(DataError, match="one label per validation image, got 3 images and 1 labels"):
        replace(data, x_validation=data.x_train, y_validation=np.array([0]))


def test_limited_keeps_validation_images():
    data = dataset(y_train=[0, 1, 2])
    own = replace(data, x_validation=data.x_train, y_validation=data.y_train)
    assert own.limited(2).validation().y_test.tolist() == [0, 1]


def test_repr_counts_the_images():
    data = dataset(y_train=[0, 1, 2])
    assert (
        repr(data) == f"<Dataset {data.name}: 3 training and {len(data.x_test)} test images of shape 2×4×3, 3 classes>"
    )
