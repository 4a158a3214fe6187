"""``evaluate`` and its result."""

from dataclasses import fields

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, DataError, Dense, Flatten
from jitcnn.functional import softmax
from jitcnn.metrics import Evaluation, Mistake, brier_score, calibration, evaluate, top_k_accuracy
from jitcnn.support.image_rows import ImageRows


def linear(weights, **settings):
    """A model whose logits are x @ weights."""
    layer = Dense(*weights.shape)
    layer.weights[...] = weights
    return CNN([layer], input_shape=(len(weights),), **settings)


def test_evaluation_matches_the_predictions(trained):
    model, data = trained[0]["mnist-cnn"], trained[1]
    found = evaluate(model, data.x_test[:90], data.y_test[:90], batch_size=40)
    answers, sure = model.predict(data.x_test[:90]), model.predict_proba(data.x_test[:90])
    np.testing.assert_array_equal(found.predicted, answers)
    assert (found.correct, found.total) == ((answers == data.y_test[:90]).sum(), 90)
    loss = -np.log(sure[np.arange(90), data.y_test[:90]].astype(float)).mean()
    assert found.as_dict() == {
        "loss": pytest.approx(loss, rel=1e-4),
        "correct": found.correct,
        "total": 90,
        "accuracy": found.accuracy,
        "macro_f1": found.macro_f1,
        "ece": found.ece,
        "brier": pytest.approx(brier_score(sure, data.y_test[:90]), rel=1e-4),
    }


def test_metrics_match_those_of_the_probabilities(trained):
    model, data = trained[0]["mnist-cnn"], trained[1]
    found = evaluate(model, data.x_test, data.y_test, batch_size=100)
    sure = model.predict_proba(data.x_test)
    assert found.ece == pytest.approx(calibration(sure, data.y_test).ece, abs=1e-5)
    assert [found.top_k(k) for k in (1, 2, 5)] == [top_k_accuracy(sure, data.y_test, k) for k in (1, 2, 5)]
    assert found.top_k(1) == found.accuracy
    np.testing.assert_array_equal(found.scores.support, np.bincount(data.y_test))


def test_probabilities_are_not_kept(trained):
    model, data = trained[0]["mnist-dense"], trained[1]
    found = evaluate(model, data.x_test, data.y_test)
    assert {np.ndim(getattr(found, field.name)) for field in fields(found)} == {0, 1}


class Recorder:
    """Images that are read like an array on disk, and remember how many at once."""

    def __init__(self, images):
        self.images, self.counts = images, []

    def __len__(self):
        return len(self.images)

    def __getitem__(self, chosen):
        self.counts.append(len(self.images[chosen]))
        return self.images[chosen]


def test_images_are_read_batch_by_batch(trained):
    model, data = trained[0]["mnist-dense"], trained[1]
    images = Recorder(data.x_test)
    assert evaluate(model, images, data.y_test, 100, views="shift:1").total == 360
    assert images.counts == [100, 100, 100, 60]


def test_memory_mapped_images_give_the_same_result(trained, tmp_path):
    model, data = trained[0]["mnist-cnn"], trained[1]
    np.save(tmp_path / "images.npy", data.x_test)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    found = evaluate(model, mapped, data.y_test, 100, views="shift:1")
    assert found.as_dict() == evaluate(model, data.x_test, data.y_test, 100, views="shift:1").as_dict()


def test_rows_of_a_memory_mapped_array_give_the_same_result(trained, tmp_path):
    model, data = trained[0]["mnist-dense"], trained[1]
    np.save(tmp_path / "images.npy", data.x_test)
    chosen = np.arange(359, 0, -2)
    rows = ImageRows(np.load(tmp_path / "images.npy", mmap_mode="r"), chosen)
    found = evaluate(model, rows, data.y_test[chosen], 50)
    assert found.as_dict() == evaluate(model, data.x_test[chosen], data.y_test[chosen], 50).as_dict()


def test_metrics_of_logits_that_saturate_are_finite():
    found = evaluate(linear(np.array([[1e4, 0.0]], np.float32)), np.ones((2, 1), np.float32), np.array([0, 1]))
    assert (found.loss, found.brier, found.ece) == (5000, 1.0, 0.5)


def test_infinite_logits_give_no_warning():
    found = evaluate(linear(np.array([[np.inf, 0.0]], np.float32)), np.ones((2, 1), np.float32), np.array([0, 1]))
    assert not np.isfinite(found.loss)
    assert np.isnan(found.ece)


def test_brier_score_is_in_double_precision(rng):
    logits = rng.normal(size=(50, 4))
    labels = rng.integers(0, 4, 50)
    found = evaluate(linear(np.eye(4)), logits, labels)
    assert found.brier == pytest.approx(brier_score(softmax(logits), labels), rel=1e-6)


@pytest.mark.parametrize("metric", ["scores", "macro_f1", "ece"])
def test_metric_of_an_evaluation_without_labels_raises(metric):
    with pytest.raises(
        ConfigError, match="expects an Evaluation with the labels and confidences of its images, got one"
    ):
        getattr(Evaluation(0.5, 1, 2, np.array([1, 0])), metric)


def test_top_k_of_an_evaluation_without_labels_raises():
    with pytest.raises(ConfigError, match=r"Evaluation.top_k expects an Evaluation with the labels"):
        Evaluation(0.5, 1, 2, np.array([1, 0])).top_k(1)


def test_evaluation_without_labels_has_four_values():
    assert Evaluation(0.5, 1, 2, np.array([1, 0])).as_dict() == {"loss": 0.5, "correct": 1, "total": 2, "accuracy": 0.5}


def test_labels_and_images_of_different_number_raise():
    model = CNN([Flatten(), Dense(4, 2)], input_shape=(1, 2, 2))
    with pytest.raises(DataError, match="evaluate expects one label per image, got 3 images and 2 labels"):
        evaluate(model, np.zeros((3, 1, 2, 2), np.uint8), np.zeros(2, np.int64))


@pytest.mark.parametrize(
    "found", [Evaluation(0.5, 1, 2, np.array([1, 0])), Mistake(3, 1, np.array([1, 0]), 0.75)], ids=repr
)
def test_old_name_of_the_predicted_class_warns(found):
    old = "believed"
    with pytest.warns(DeprecationWarning, match=f"{type(found).__name__}: {old} is now called predicted"):
        np.testing.assert_array_equal(getattr(found, old), [1, 0])
