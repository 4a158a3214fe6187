"""``CNNClassifier``: scikit-learn's own checks, labels and weights of every type, early stopping, and files."""

import copy
import pickle
import pickletools
import subprocess
import sys
from importlib import import_module

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits as sklearn_digits
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.estimator_checks import (
    check_class_weight_classifiers,
    check_classifiers_train,
    parametrize_with_checks,
)

from jitcnn import CNN, Adam, AdamW, CheckpointError, Conv2D, Dense, Dropout, Flatten, ReLU, TrainingError
from jitcnn.sklearn import CNNClassifier
from jitcnn.sklearn.layout import Layout
from jitcnn.sklearn.loop import logits_of
from jitcnn.sklearn.nets import auto_net
from jitcnn.sklearn.rows import Rows, merge, prepare, split, statistics

pytestmark = pytest.mark.compiled

DIGITS, LABELS = (array[:300] for array in sklearn_digits(return_X_y=True))  # rows of 64 numbers, 0 … 16


def quick(**settings):
    return CNNClassifier(**{"max_epochs": 2, "random_state": 0, **settings})


def dense(input_shape, num_classes, seed):
    """A net of one layer."""
    layers = [Dense(int(np.prod(input_shape)), num_classes, rng=np.random.default_rng(seed))]
    return CNN([Flatten(), *layers] if len(input_shape) > 1 else layers, input_shape=input_shape)


def with_dropout(input_shape, num_classes, seed):
    rng = np.random.default_rng(seed)
    layers = [Flatten(), Dropout(0.5, rng=rng), Dense(64, num_classes, rng=rng)]
    return CNN(layers, input_shape=input_shape)


def same_weights(first, second):
    return first.net_.fingerprint() == second.net_.fingerprint()


# --- scikit-learn's checks ----------------------------------------------------------------------------


@parametrize_with_checks([CNNClassifier(max_epochs=6)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", [check_classifiers_train, check_class_weight_classifiers])
def test_the_default_classifier_learns(check):
    check("CNNClassifier", CNNClassifier())


# --- layout of X --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "settings", "expected"),
    [
        (DIGITS, {}, (1, 8, 8)),
        (DIGITS[:, :63], {}, (63,)),
        (DIGITS[:, :49], {}, (49,)),  # a square, but smaller than 8×8
        (DIGITS, {"image_shape": (64,)}, (64,)),
        (DIGITS, {"image_shape": (4, 16)}, (1, 4, 16)),
        (DIGITS[:, :48], {"image_shape": (3, 4, 4)}, (3, 4, 4)),
        (DIGITS[:, :48], {"image_shape": (4, 4, 3), "channels_last": True}, (3, 4, 4)),
        (DIGITS[:, :48].reshape(-1, 6, 8), {}, (1, 6, 8)),
        (DIGITS[:, :48].reshape(-1, 3, 4, 4), {}, (3, 4, 4)),
        (DIGITS[:, :48].reshape(-1, 4, 4, 3), {"channels_last": True}, (3, 4, 4)),
        (DIGITS[:, :48].reshape(-1, 4, 4, 3), {"image_shape": (4, 4, 3)}, (4, 4, 3)),
        (DIGITS.reshape(-1, 1, 8, 8).tolist(), {}, (1, 8, 8)),
        (np.tile(DIGITS[:40], (1, 48)), {"model": "cifar-alexnet"}, (3, 32, 32)),
    ],
)
def test_input_shape_follows_from_x_and_parameters(X, settings, expected):
    assert quick(**{"model": dense, "max_epochs": 1, **settings}).fit(X[:40], LABELS[:40]).image_shape_ == expected


def test_rows_and_images_of_the_same_numbers_give_the_same_net():
    rows, images = (quick().fit(X, LABELS) for X in (DIGITS, DIGITS.reshape(-1, 8, 8).astype(np.uint8)))
    assert same_weights(rows, images)
    np.testing.assert_array_equal(rows.predict(DIGITS), rows.predict(DIGITS.reshape(-1, 1, 8, 8)))


def test_channels_last_gives_the_same_net_as_channels_first():
    images = DIGITS[:, :48].reshape(-1, 3, 4, 4)
    first = quick().fit(images, LABELS)
    last = quick(channels_last=True).fit(np.moveaxis(images, 1, -1), LABELS)
    np.testing.assert_array_equal(first.mean_, last.mean_)
    assert first.mean_.shape == (3,)
    assert first.image_shape_ == last.image_shape_ == (3, 4, 4)
    x = np.arange(48).reshape(1, 48)
    np.testing.assert_array_equal(Layout((4, 4, 3), True).arrange(x)[0, 2, 1, 3], x.reshape(4, 4, 3)[1, 3, 2])


@pytest.mark.parametrize(
    ("X", "settings", "message"),
    [
        (DIGITS, {"image_shape": (3, 8, 8)}, r"image_shape \(3, 8, 8\) has 192 values, X has samples of shape \(64,\)"),
        (DIGITS.reshape(-1, 8, 8), {"image_shape": (4, 16)}, r"has 64 values, X has samples of shape \(8, 8\)"),
        (DIGITS.reshape(-1, 4, 4, 2, 2), {}, "got 5 axes: reshape X"),
        (DIGITS.reshape(-1, 8, 8, 1), {}, "look like .* set channels_last=True"),
        (DIGITS[:, :60], {"model": "lenet5"}, "lenet5 expects images, got 60 features"),
        (DIGITS, {"image_shape": "8x8"}, r"image_shape must be \(C, H, W\).*got '8x8'"),
        (DIGITS, {"image_shape": (8, -8)}, r"with sizes of at least 1, got \(8, -8\)"),
    ],
)
def test_wrong_shape_raises(X, settings, message):
    with pytest.raises(ValueError, match=message):
        quick(**settings).fit(X, LABELS)


def test_other_shape_in_prediction_raises():
    classifier = quick(model=dense).fit(DIGITS.reshape(-1, 8, 8), LABELS)
    with pytest.raises(ValueError, match=r"fitted on samples of shape \(8, 8\), X has samples of shape \(4, 16\)"):
        classifier.predict(DIGITS.reshape(-1, 4, 16))


# --- models -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 9), (1, 8, 8), (1, 28, 28), (3, 64, 40), (5,)])
def test_auto_net_accepts_every_shape(shape):
    net = auto_net(shape, 3, seed=0)
    assert net(np.zeros((2, *shape), np.float32)).shape == (2, 3)


def test_model_file_is_a_model(tmp_path):
    path = tmp_path / "net.toml"
    path.write_text(dense((64,), 10, 0).to_toml())
    assert same_weights(
        quick(model=str(path)).fit(DIGITS, LABELS), quick(model=dense, image_shape=(64,)).fit(DIGITS, LABELS)
    )


def test_named_model_is_built_for_the_images():
    images = np.kron(DIGITS[:20].reshape(-1, 8, 8), np.ones((1, 2, 2)))
    classifier = quick(model="lenet5", max_epochs=1).fit(images, LABELS[:20])
    assert (classifier.net_.name, classifier.net_.input_shape) == ("lenet5", (1, 16, 16))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("lenet", r"Unknown model 'lenet' \(did you mean 'lenet5'\?\)"),
        (7, "model must be 'auto', the name of a model"),
        (lambda *_: "net", "must return a CNN, got str"),
        (lambda *_: dense((64,), 10, 0), r"cnn expects input of shape \(64,\), X has samples of shape \(1, 8, 8\)"),
        (lambda *_: dense((1, 8, 8), 4, 0), "cnn has 4 classes, y has 10"),
    ],
)
def test_wrong_model_raises(model, message):
    with pytest.raises(ValueError, match=message):
        quick(model=model).fit(DIGITS, LABELS)


# --- parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_epochs": 0}, "max_epochs must be an integer of at least 1, got 0"),
        ({"n_iter_no_change": 1.5}, "n_iter_no_change must be an integer"),
        ({"batch_size": "all"}, "batch_size must be 'auto' or an integer of at least 1, got 'all'"),
        ({"early_stopping": "yes"}, "early_stopping must be 'auto', True or False, got 'yes'"),
        ({"scoring": "f1"}, "scoring must be 'loss' or 'accuracy', got 'f1'"),
        (
            {"validation_fraction": 1.5},
            "validation_fraction must be a share between 0 and 1, a number of images or None",
        ),
        ({"tol": -1}, "tol must be a number of at least 0, got -1"),
        ({"optimizer": "adm"}, r"optimizer must be one of .* got 'adm' \(did you mean 'adam'\?\)"),
        ({"momentum": 0.5}, "momentum is a setting of sgd, got 0.5 for Adam"),
        ({"learning_rate": -1}, "learning_rate must be a positive number, got -1"),
        ({"learning_rate": "fast"}, "learning_rate must be a number or None, got 'fast'"),
        ({"optimizer": Adam(), "weight_decay": -1}, "weight_decay must be a number of at least 0, got -1"),
        ({"class_weight": "equal"}, "class_weight must be None, 'balanced' or a dict"),
        ({"class_weight": {99: 1}}, r"class_weight has the labels \[99\], which are not in y"),
        ({"class_weight": {1: -1}}, "class_weight must be finite numbers of at least 0"),
        (
            {"early_stopping": True, "validation_fraction": 300},
            "validation_fraction 300 of 300 different rows leaves none",
        ),
    ],
)
def test_wrong_parameter_raises(settings, message):
    with pytest.raises(ValueError, match=message):
        quick(**settings).fit(DIGITS, LABELS)


def test_optimizer_object_is_copied():
    optimizer = AdamW(0.01, weight_decay=0.5)
    classifier = quick(optimizer=optimizer, learning_rate=0.02).fit(DIGITS, LABELS)
    assert (optimizer.steps, optimizer.learning_rate) == (0, 0.01)
    used = classifier._optimizer
    assert (used.steps > 0, used.learning_rate, used.weight_decay) == (True, 0.02, 0.5)


def test_momentum_reaches_sgd():
    assert quick(optimizer="sgd", momentum=0.5).fit(DIGITS, LABELS)._optimizer.momentum == 0.5


def test_infinite_loss_raises():
    with pytest.raises(TrainingError, match=r"The loss became .* at learning rate 1e\+30: try a tenth"):
        quick(optimizer="sgd", learning_rate=1e30).fit(DIGITS, LABELS)


@pytest.mark.parametrize(
    ("settings", "message"), [({}, "too large to standardise"), ({"normalise": False}, "too large for float32")]
)
def test_values_that_overflow_raise(settings, message):
    with pytest.raises(ValueError, match=message):
        quick(**settings).fit(DIGITS * 1e200, LABELS)


def test_verbose_prints_every_epoch(capsys):
    quick(model=dense, early_stopping=True, verbose=True).fit(DIGITS, LABELS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert "validation accuracy" in lines[0]


# --- labels -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.astype(str),
        LABELS > 4,
        LABELS - 5,
        LABELS.astype(np.uint8),
        LABELS.astype(object),
        np.array([f"class {label}" for label in LABELS], dtype=object),
        LABELS.astype(float),
    ],
    ids=["strings", "bools", "negative", "uint8", "objects", "string objects", "floats"],
)
def test_labels_keep_their_type(labels):
    classifier = quick(max_epochs=6).fit(DIGITS, labels)
    assert classifier.classes_.tolist() == sorted(set(labels.tolist()))
    assert classifier.score(DIGITS, labels) > 0.8
    assert type(classifier.predict(DIGITS[:1]).tolist()[0]) is type(labels.tolist()[0])


def test_decision_function_is_the_logit_and_probabilities_its_softmax():
    classifier = quick().fit(DIGITS, LABELS)
    logits = classifier.decision_function(DIGITS)
    exponentials = np.exp(logits)
    np.testing.assert_allclose(
        classifier.predict_proba(DIGITS), exponentials / exponentials.sum(axis=1, keepdims=True), rtol=1e-12
    )
    binary = quick().fit(DIGITS, LABELS == 3)
    margin = binary.decision_function(DIGITS)
    np.testing.assert_allclose(binary.predict_proba(DIGITS)[:, 1], 1 / (1 + np.exp(-margin)), rtol=1e-12)


# --- scaling ------------------------------------------------------------------------------------------


def test_features_are_standardised_as_by_standard_scaler():
    classifier = quick(model=dense, image_shape=(64,)).fit(DIGITS, LABELS)
    scaler = StandardScaler().fit(DIGITS)
    np.testing.assert_allclose(classifier.mean_, scaler.mean_, rtol=1e-12)
    np.testing.assert_allclose(classifier.scale_, scaler.scale_, rtol=1e-12)  # 1 for a constant feature


def test_images_are_standardised_per_channel():
    x = np.random.default_rng(0).uniform(size=(6, 3, 4, 5))
    mean, scale = statistics(Rows(x.reshape(6, -1), np.zeros(6, int), np.ones(6)), Layout((3, 4, 5)))
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(scale, x.std(axis=(0, 2, 3)), rtol=1e-12)
    images = prepare(x.reshape(6, -1), Layout((3, 4, 5)), mean, scale)
    np.testing.assert_allclose(images, (x - mean[:, None, None]) / scale[:, None, None], rtol=1e-5, atol=1e-6)


def test_statistics_are_weighted():
    mean, scale = statistics(Rows(np.array([[0.0], [4.0]]), np.zeros(2, int), np.array([3.0, 1.0])), Layout((1,)))
    assert (mean.item(), scale.item()) == (1.0, np.sqrt(3.0))


def test_values_are_unchanged_without_normalise():
    classifier = quick(model=dense, normalise=False).fit(DIGITS, LABELS)
    assert (classifier.mean_.tolist(), classifier.scale_.tolist()) == ([0], [1])


def test_the_net_alone_reads_pixels():
    images = (DIGITS * 15).astype(np.uint8).reshape(-1, 1, 8, 8)
    classifier = quick().fit(images, LABELS)
    np.testing.assert_allclose(classifier.net_.predict_proba(images), classifier.predict_proba(images), atol=1e-5)


# --- weights ------------------------------------------------------------------------------------------


def test_equal_rows_are_merged():
    x = np.array([[1.0, 2], [3, 4], [1, 2], [-0.0, 0], [0, 0], [1, 2]])
    rows = merge(x, np.array([0, 0, 0, 1, 1, 1]), np.array([1.0, 0, 2, 1, 1, 5]))
    found = sorted(zip(rows.x.tolist(), rows.y.tolist(), rows.weights.tolist(), strict=True))
    assert found == [([0, 0], 1, 2), ([1, 2], 0, 3), ([1, 2], 1, 5)]


def test_integer_weights_are_repeated_samples_bit_for_bit():
    weights = np.random.default_rng(0).integers(0, 4, len(LABELS))
    weighted = quick().fit(DIGITS, LABELS, sample_weight=weights)
    repeated = quick().fit(DIGITS.repeat(weights, axis=0), LABELS.repeat(weights))
    assert same_weights(weighted, repeated)
    np.testing.assert_array_equal(weighted.mean_, repeated.mean_)


def test_order_of_the_samples_has_no_effect():
    order = np.random.default_rng(0).permutation(len(LABELS))
    assert same_weights(quick().fit(DIGITS, LABELS), quick().fit(DIGITS[order], LABELS[order]))


def test_scale_of_the_weights_has_no_effect():
    plain = quick(early_stopping=True).fit(DIGITS, LABELS)
    assert same_weights(plain, quick(early_stopping=True).fit(DIGITS, LABELS, sample_weight=np.full(300, 4)))
    assert same_weights(plain, quick(early_stopping=True).fit(DIGITS, LABELS, sample_weight=4.0))


def test_one_step_of_descent_follows_the_weighted_gradient():
    # One layer at zero: p = 1/2, d_bias = Σ w (p - target) / Σ w = (1·(1/2) - 3·(1/2)) / 4 for class 0
    def blank(input_shape, num_classes, seed):
        net = dense(input_shape, num_classes, seed)
        net.layers[0].weights[...] = 0
        return net

    settings = {"model": blank, "normalise": False, "optimizer": "sgd", "learning_rate": 1.0, "momentum": 0.0}
    classifier = quick(max_epochs=1, **settings).fit([[0.0], [1.0]], [0, 1], sample_weight=[3, 1])
    np.testing.assert_allclose(classifier.net_.layers[0].bias, [0.25, -0.25])


def test_weights_of_a_batch_count_over_the_epoch():
    # Batches of one row: divided by its own weight, each would count the same, and both classes be equally probable
    X, y = np.arange(16)[:, None] * 1e-3, np.array([0, 1]).repeat(8)
    settings = {"optimizer": "sgd", "batch_size": 1, "normalise": False, "max_epochs": 20}
    classifier = quick(model=dense, class_weight={0: 1, 1: 1e-6}, **settings).fit(X, y)
    assert classifier.predict_proba(X)[:, 0].min() > 0.9


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(5), r"one weight per sample, shape \(300,\), got \(5,\)"),
        (-np.ones(300), "finite and at least 0, got a negative"),
        (np.full(300, np.nan), "got a negative or infinite weight or NaN"),
        (np.zeros(300), "at least one non-zero weight"),
    ],
)
def test_wrong_sample_weight_raises(weights, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(DIGITS, LABELS, sample_weight=weights)


def test_balanced_weights_are_those_of_scikit_learn():
    y = np.minimum(LABELS, 2)
    values = compute_class_weight("balanced", classes=np.unique(y), y=y)
    settings = {"model": dense, "early_stopping": False}
    balanced = quick(class_weight="balanced", **settings).fit(DIGITS, y)
    assert same_weights(balanced, quick(class_weight=dict(enumerate(values)), **settings).fit(DIGITS, y))


def test_class_weight_is_by_label_and_missing_labels_count_one():
    y = np.where(LABELS < 5, "low", "high")
    weighted = quick(model=dense, class_weight={"low": 3}).fit(DIGITS, y)
    assert same_weights(weighted, quick(model=dense).fit(DIGITS, y, sample_weight=np.where(y == "low", 3, 1)))


def test_zero_class_and_sample_weights_raise():
    with pytest.raises(ValueError, match="leave only samples of zero weight"):
        quick(class_weight={0: 0}).fit(DIGITS[:10], LABELS[:10], sample_weight=LABELS[:10] == 0)


# --- reproducibility ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["auto", with_dropout])
def test_same_random_state_gives_the_same_bits(model):
    classifier = quick(model=model).fit(DIGITS, LABELS)
    before = classifier.net_.fingerprint()
    assert classifier.fit(DIGITS, LABELS).net_.fingerprint() == before
    assert not same_weights(classifier, quick(model=model, random_state=1).fit(DIGITS, LABELS))


def test_random_state_object_is_drawn_from():
    first, second = (quick(model=dense, random_state=np.random.RandomState(3)).fit(DIGITS, LABELS) for _ in range(2))
    assert same_weights(first, second)
    assert not same_weights(quick(model=dense, random_state=None).fit(DIGITS, LABELS), first)


@pytest.mark.parametrize("shape", [(3,), (1, 8, 8)])
def test_prediction_does_not_depend_on_the_other_rows(shape, rng):
    net = auto_net(shape, 4, seed=0)
    x = rng.standard_normal((70, *shape)).astype(np.float32)
    together = logits_of(net, x)
    np.testing.assert_array_equal(np.concatenate([logits_of(net, row[None]) for row in x]), together)
    np.testing.assert_array_equal(logits_of(net, x[::-1]), together[::-1])


def test_prediction_uses_no_blas(monkeypatch, rng):
    """A BLAS may sum the last rows of a batch in another order, depending on the machine."""
    algorithms = []
    dense_room = import_module("jitcnn.functional.dense")
    run = dense_room.call
    monkeypatch.setattr(dense_room, "call", lambda *args: (algorithms.append(args[2].algorithm), run(*args))[1])
    logits_of(auto_net((3,), 4, seed=0), rng.standard_normal((70, 3)).astype(np.float32))
    assert set(algorithms) == {"direct"}


# --- early stopping -----------------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_epoch():
    classifier = quick(max_epochs=100, early_stopping=True, n_iter_no_change=2, learning_rate=0.01).fit(DIGITS, LABELS)
    scores = classifier.validation_scores_
    assert len(scores) == classifier.n_iter_ < 100
    assert classifier.best_epoch_ == classifier.n_iter_ - 2
    assert scores[classifier.best_epoch_ - 1] + classifier.tol >= scores.max()
    shorter = quick(max_epochs=classifier.best_epoch_, early_stopping=True, learning_rate=0.01).fit(DIGITS, LABELS)
    assert same_weights(classifier, shorter)


def test_scores_are_accuracy_or_negative_loss_of_the_rows_held_out():
    for scoring in ("loss", "accuracy"):
        classifier = quick(model=dense, early_stopping=True, scoring=scoring, validation_fraction=0.2).fit(
            DIGITS, LABELS
        )
        sign = -1 if scoring == "loss" else 1
        expected = sign * np.array(classifier.history_[f"validation_{scoring}"])
        np.testing.assert_array_equal(classifier.validation_scores_, expected)


def test_without_validation_rows_the_training_loss_is_watched():
    classifier = quick(
        model=dense, early_stopping=True, validation_fraction=None, max_epochs=40, tol=0.3, n_iter_no_change=1
    )
    classifier.fit(DIGITS, LABELS)
    assert classifier.n_iter_ < 40
    assert classifier.validation_scores_.size == 0
    assert classifier.history_["validation_loss"] == [None] * classifier.n_iter_


def test_few_samples_are_not_held_out_by_default():
    assert quick(model=dense).fit(DIGITS, LABELS).best_epoch_ is None


def test_many_samples_are_held_out_by_default():
    X, y = make_classification(10_001, 5, random_state=0)
    assert len(quick(model=dense, max_epochs=1).fit(X, y).validation_scores_) == 1


@pytest.mark.parametrize(("fraction", "expected"), [(0.25, {0: 5, 1: 1}), (12, {0: 10, 1: 2}), (0.01, {0: 1, 1: 1})])
def test_split_is_stratified(fraction, expected):
    y = np.array([0] * 20 + [1] * 4 + [2])  # the only row of class 2 remains in the training
    train, held = split(Rows(np.arange(25)[:, None], y, np.ones(25)), fraction, seed=0)
    assert dict(zip(*np.unique(held.y, return_counts=True), strict=True)) == expected
    assert sorted([*train.x[:, 0], *held.x[:, 0]]) == list(range(25))


def test_ctrl_c_keeps_what_was_learned(monkeypatch):
    calls = []

    def interrupted(*arguments):
        if calls:
            raise KeyboardInterrupt
        calls.append(arguments)
        return original(*arguments)

    module = import_module("jitcnn.sklearn.classifier")
    original = module.train_epoch
    monkeypatch.setattr(module, "train_epoch", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted: the classifier keeps what it learned"):
        classifier = quick(max_epochs=5).fit(DIGITS, LABELS)
    assert classifier.n_iter_ == 1


# --- going on -----------------------------------------------------------------------------------------


def test_warm_start_goes_on_as_if_it_had_not_ended():
    classifier = quick(model=with_dropout, max_epochs=2, warm_start=True).fit(DIGITS, LABELS).fit(DIGITS, LABELS)
    assert classifier.n_iter_ == len(classifier.history_["loss"]) == 4
    assert same_weights(classifier, quick(model=with_dropout, max_epochs=4).fit(DIGITS, LABELS))


def test_warm_start_with_other_classes_raises():
    classifier = quick(model=dense, warm_start=True).fit(DIGITS, LABELS)
    with pytest.raises(
        ValueError, match=r"warm_start expects the classes of the first fit, \[0, .*\], got \[False, True\]"
    ):
        classifier.fit(DIGITS, LABELS > 4)


def test_partial_fit_is_one_epoch_of_fit():
    classifier = quick(model=with_dropout)
    for _ in range(3):
        classifier.partial_fit(DIGITS, LABELS, classes=range(10))
    assert same_weights(classifier, quick(model=with_dropout, max_epochs=3).fit(DIGITS, LABELS))
    assert classifier.n_iter_ == 3


def test_partial_fit_knows_classes_it_has_not_seen():
    classifier = quick(max_epochs=1).partial_fit(DIGITS[:10], LABELS[:10] % 3, classes=[0, 1, 2, 7])
    assert classifier.predict_proba(DIGITS[:2]).shape == (2, 4)
    for start in range(10, 300, 10):
        classifier.partial_fit(DIGITS[start : start + 10], LABELS[start : start + 10] % 3)
    assert classifier.score(DIGITS, LABELS % 3) > 0.7


@pytest.mark.parametrize(
    ("settings", "classes", "message"),
    [
        ({}, None, "The first call of partial_fit expects classes"),
        ({}, [0, 1], r"y has the labels \[2, 3.*\], which are not in classes, \[0, 1\]"),
        ({"class_weight": "balanced"}, range(10), "partial_fit does not see all samples"),
        ({"early_stopping": True}, range(10), "expects early_stopping=False"),
    ],
)
def test_wrong_partial_fit_raises(settings, classes, message):
    with pytest.raises(ValueError, match=message):
        quick(**settings).partial_fit(DIGITS, LABELS, classes=classes)


def test_other_classes_in_a_later_partial_fit_raise():
    classifier = quick(model=dense).partial_fit(DIGITS, LABELS, classes=range(10))
    with pytest.raises(ValueError, match="partial_fit expects the classes of its first call"):
        classifier.partial_fit(DIGITS, LABELS, classes=range(11))


# --- pipelines and searches ---------------------------------------------------------------------------


def test_pipeline_and_cross_validation():
    pipeline = make_pipeline(FunctionTransformer(lambda rows: rows / 16), quick(max_epochs=5))
    assert cross_val_score(pipeline, DIGITS, LABELS, cv=3).mean() > 0.7


def test_grid_search_in_processes_gives_the_same_result():
    grid = {"learning_rate": [1e-3, 1e-30]}
    searches = [GridSearchCV(quick(max_epochs=1), grid, cv=2, n_jobs=jobs).fit(DIGITS, LABELS) for jobs in (1, 2)]
    alone, together = searches
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"], strict=True
    )
    assert alone.best_params_ == together.best_params_
    assert same_weights(alone.best_estimator_, together.best_estimator_)


def test_clone_is_not_fitted():
    classifier = quick(model=dense, image_shape=(64,)).fit(DIGITS, LABELS)
    copied = clone(classifier)
    assert copied.get_params() == classifier.get_params()
    assert not hasattr(copied, "net_")


# --- files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["auto", with_dropout])
def test_pickle_and_joblib_go_on_bit_for_bit(model, tmp_path):
    classifier = quick(model=model).fit(DIGITS, LABELS)
    joblib.dump(classifier, tmp_path / "classifier.joblib")
    copies = [
        pickle.loads(pickle.dumps(classifier)), joblib.load(tmp_path / "classifier.joblib"), copy.deepcopy(classifier)
    ]  # fmt: skip
    classifier.partial_fit(DIGITS, LABELS)
    for each in copies:
        assert same_weights(each.partial_fit(DIGITS, LABELS), classifier)


def test_pickle_contains_no_layer():
    named = [
        word for _, word, _ in pickletools.genops(pickle.dumps(quick().fit(DIGITS, LABELS))) if isinstance(word, str)
    ]
    assert not [word for word in named if word.startswith(("jitcnn.layers", "jitcnn.net", "jitcnn.optim"))]


def test_damaged_net_in_a_pickle_raises():
    state = quick(model=dense).fit(DIGITS, LABELS).__getstate__()
    state["net_"] = state["net_"][:-100]
    with pytest.raises(CheckpointError, match="is not a valid jitcnn model file"):
        CNNClassifier().__setstate__(state)


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(str), LABELS > 4, LABELS.astype(str).astype(object)])
def test_saved_classifier_predicts_the_same(labels, tmp_path):
    classifier = quick(class_weight="balanced", tol=0.5).fit(DIGITS, labels)
    classifier.save(tmp_path / "digits.npz")
    loaded = CNNClassifier.load(tmp_path / "digits.npz")
    np.testing.assert_array_equal(loaded.predict_proba(DIGITS), classifier.predict_proba(DIGITS))
    np.testing.assert_array_equal(loaded.predict(DIGITS), classifier.predict(DIGITS), strict=True)
    assert loaded.get_params() == classifier.get_params()
    assert loaded.history_ == classifier.history_
    assert loaded.set_params(class_weight=None).partial_fit(DIGITS, labels).n_iter_ == 3


def test_net_of_a_saved_classifier_is_a_model_file(tmp_path):
    images = (DIGITS * 15).astype(np.uint8).reshape(-1, 1, 8, 8)
    classifier = quick().fit(images, LABELS)
    classifier.save(tmp_path / "digits.npz")
    net = CNN.load(tmp_path / "digits.npz")
    assert net.class_names == tuple("0123456789")
    assert (net.predict(images) == classifier.predict(images)).all()


def test_function_as_model_is_not_saved(tmp_path):
    classifier = quick(model=dense).fit(DIGITS, LABELS)
    classifier.save(tmp_path / "digits.npz")
    loaded = CNNClassifier.load(tmp_path / "digits.npz")
    assert loaded.model == "auto"
    np.testing.assert_array_equal(loaded.predict(DIGITS), classifier.predict(DIGITS))


def test_other_model_file_is_no_classifier(tmp_path):
    dense((64,), 10, 0).save(tmp_path / "net.npz")
    with pytest.raises(CheckpointError, match="holds no CNNClassifier: 'notes'; expected a file written by"):
        CNNClassifier.load(tmp_path / "net.npz")


def test_labels_that_do_not_fit_the_net_raise(tmp_path):
    classifier = quick(model=dense).fit(DIGITS, LABELS)
    classifier.classes_ = np.arange(9)
    classifier.save(tmp_path / "digits.npz")
    with pytest.raises(CheckpointError, match="its labels or its scaling do not fit its net"):
        CNNClassifier.load(tmp_path / "digits.npz")


def test_labels_without_plain_type_are_not_saved(tmp_path):
    classifier = quick(model=dense).fit(DIGITS, LABELS)
    classifier.classes_ = np.array([(1, 2)] * 10 + [None], dtype=object)[:10]
    with pytest.raises(ValueError, match="labels that are booleans, numbers or strings, got object"):
        classifier.save(tmp_path / "digits.npz")


# --- imports ------------------------------------------------------------------------------------------


def test_jitcnn_does_not_import_scikit_learn():
    code = "import jitcnn, sys; jitcnn.fit; assert not {'sklearn', 'jitcnn.sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_scikit_learn_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "jitcnn.sklearn")
    with pytest.raises(ImportError, match=r"scikit-learn, which is not installed: run pip install 'jitcnn\[sklearn\]'"):
        import_module("jitcnn.sklearn")


def test_convolution_learns_what_the_dense_net_does_not():
    # A bright pixel pair, upright or lying, anywhere: the place says nothing, the shape everything
    rng, count = np.random.default_rng(0), 400
    X, y = np.zeros((count, 8, 8)), rng.integers(0, 2, count)
    for image, label, (row, column) in zip(X, y, rng.integers(0, 7, (count, 2)), strict=True):
        image[row, column] = image[row + (label == 0), column + (label == 1)] = 1

    def convolution(input_shape, num_classes, seed):
        rng = np.random.default_rng(seed)
        layers = [Conv2D(1, 8, 3, padding=1, rng=rng), ReLU(), Flatten(), Dense(512, num_classes, rng=rng)]
        return CNN(layers, input_shape=input_shape)

    scores = [
        CNNClassifier(model, max_epochs=10, random_state=0).fit(X[:200], y[:200]).score(X[200:], y[200:])
        for model in (convolution, dense)
    ]
    assert scores[0] > scores[1] + 0.1
