"""Evaluation, confusion matrix and misclassified images."""

import numpy as np
import pytest

from jitcnn import DataError
from jitcnn.metrics import Evaluation, Mistake, confusion_matrix, evaluate, mistakes


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
    }


def test_mirrored_evaluation_averages_two_views(trained):
    model, data = trained[0]["mnist-cnn"], trained[1]
    images, labels = data.x_test[:90], data.y_test[:90]
    found = evaluate(model, images, labels, batch_size=40, mirrored=True)
    both = (model.predict_proba(images) + model.predict_proba(images[..., ::-1])) / 2
    np.testing.assert_array_equal(found.predicted, both.argmax(axis=1))
    assert found.loss == pytest.approx(-np.log(both[np.arange(90), labels].astype(float)).mean(), rel=1e-4)
    assert found.correct != evaluate(model, images, labels).correct


def test_confusion_matrix_has_true_rows_and_predicted_columns():
    matrix = confusion_matrix(np.array([0, 0, 0, 2, 2]), np.array([0, 1, 1, 2, 0]), 3)
    np.testing.assert_array_equal(matrix, [[1, 2, 0], [0, 0, 0], [1, 0, 1]])


def test_confusion_matrix_matches_pairwise_counts(rng):
    labels, predicted = rng.integers(0, 5, (2, 60))
    expected = [[sum((labels == row) & (predicted == column)) for column in range(5)] for row in range(5)]
    np.testing.assert_array_equal(confusion_matrix(labels, predicted, 5), expected)


def test_mistakes_are_sorted_by_confidence():
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.1, 0.9]])
    found = mistakes(probabilities, np.array([1, 1, 1, 0]))
    assert found == [Mistake(1, 1, 0, 0.9), Mistake(3, 0, 1, 0.9), Mistake(0, 1, 0, 0.6)]


def test_mismatched_predictions_raise():
    with pytest.raises(DataError, match="one label per prediction, got 2 labels and 3 predictions"):
        confusion_matrix(np.zeros(2, int), np.zeros(3, int), 4)
    with pytest.raises(DataError, match="got 1 labels and 2 predictions"):
        mistakes(np.zeros((2, 3)), np.zeros(1, int))
    with pytest.raises(DataError, match="confusion_matrix expects classes 0 to 3, got 4"):
        confusion_matrix(np.array([1]), np.array([4]), 4)


@pytest.mark.parametrize(
    "found", [Evaluation(0.5, 1, 2, np.array([1, 0])), Mistake(3, 1, np.array([1, 0]), 0.75)], ids=repr
)
def test_old_name_of_the_predicted_class_warns(found):
    old = "believed"
    with pytest.warns(DeprecationWarning, match=f"{type(found).__name__}: {old} is now called predicted"):
        np.testing.assert_array_equal(getattr(found, old), [1, 0])
