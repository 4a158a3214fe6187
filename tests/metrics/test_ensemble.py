"""Ensembles: averaged probabilities of several models."""

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, DataError, Dense, Flatten, ShapeError
from jitcnn.data import order_classes
from jitcnn.metrics import Ensemble, evaluate


def small(rng, names=(), classes=3, side=4, **settings):
    """A dense model with random weights."""
    layer = Dense(side * side, classes, rng=rng)
    layer.bias[...] = rng.normal(size=classes)
    return CNN([Flatten(), layer], input_shape=(1, side, side), class_names=names, **settings)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (20, 1, 4, 4), dtype=np.uint8)


def test_evaluation_averages_the_probabilities_of_the_models(trained):
    models, data = trained
    found = evaluate([*models.values()], data.x_test, data.y_test, batch_size=100)
    mean = np.mean([model.predict_proba(data.x_test) for model in models.values()], axis=0)
    np.testing.assert_array_equal(found.predicted, mean.argmax(axis=1))
    np.testing.assert_allclose(found.confidences, mean.max(axis=1), rtol=1e-5)
    assert found.loss == pytest.approx(-np.log(mean[np.arange(360), data.y_test].astype(float)).mean(), rel=1e-4)


def test_members_are_the_evaluations_of_the_models(trained):
    models, data = trained
    found = evaluate(Ensemble([*models.values()]), data.x_test, data.y_test, 100, views="shift:1")
    assert found.members == tuple(
        evaluate(model, data.x_test, data.y_test, 100, views="shift:1") for model in models.values()
    )


def test_ensemble_of_one_is_the_model(trained):
    model, data = trained[0]["mnist-cnn"], trained[1]
    found = evaluate([model], data.x_test, data.y_test)
    assert found == evaluate(model, data.x_test, data.y_test)
    assert found.members == ()


def test_views_of_each_model_count_the_same(rng, images):
    models = [small(rng), small(rng)]
    mean = np.mean([model.predict_proba(view) for model in models for view in (images, images[..., ::-1])], axis=0)
    found = evaluate(models, images, np.zeros(20, np.int64), views="mirror")
    np.testing.assert_allclose(found.confidences, mean.max(axis=1), rtol=1e-5)


def test_predictions_are_those_of_the_mean(rng, images):
    models = [small(rng), small(rng), small(rng)]
    mean = np.mean([model.predict_proba(images) for model in models], axis=0)
    np.testing.assert_allclose(Ensemble(models).predict_proba(images, batch_size=7), mean, rtol=1e-5)
    np.testing.assert_array_equal(Ensemble(models).predict(images), mean.argmax(axis=1))


def test_classes_in_another_order_are_matched_by_name(rng, images):
    model = small(rng, ("ant", "bee", "cat"))
    other = order_classes(model, ("cat", "ant", "bee"))
    both = Ensemble([model, other])
    assert both.class_names == ("ant", "bee", "cat")
    np.testing.assert_allclose(both.predict_proba(images), model.predict_proba(images), rtol=1e-5)
    labels = model.predict(images)
    assert [member.accuracy for member in evaluate(both, images, labels).members] == [1, 1]


def test_names_in_either_unicode_form_are_the_same(rng, images):
    composed, decomposed = "\u00e9", "e\u0301"
    both = Ensemble([small(rng, (composed, "f", "g")), small(rng, ("g", decomposed, "f"))])
    one, other = both.models
    expected = (one.predict_proba(images) + other.predict_proba(images)[:, [1, 2, 0]]) / 2
    np.testing.assert_allclose(both.predict_proba(images), expected, rtol=1e-5)


def test_labels_are_matched_by_name(rng, images):
    both = Ensemble([small(rng, ("ant", "bee", "cat")), small(rng, ("cat", "bee", "ant"))])
    labels = both.predict(images)
    assert evaluate(both, images, 2 - labels, class_names=("cat", "bee", "ant")).accuracy == 1


def test_model_without_names_is_numbered_as_the_named_one(rng, images):
    unnamed, named, other = small(rng), small(rng, ("ant", "bee", "cat")), small(rng, ("cat", "bee", "ant"))
    group = Ensemble([unnamed, named, other])
    assert group.class_names == ("ant", "bee", "cat")
    assert group.named is named
    expected = [unnamed.predict_proba(images), named.predict_proba(images), other.predict_proba(images)[:, ::-1]]
    np.testing.assert_allclose(group.predict_proba(images), np.mean(expected, axis=0), rtol=1e-5)


def test_each_model_normalises_by_its_own_constants(rng, images):
    models = [small(rng, mean=(0.2,), std=(0.5,)), small(rng)]
    expected = np.mean([model.predict_proba(images) for model in models], axis=0)
    found = evaluate(models, images, np.zeros(20, np.int64))
    np.testing.assert_allclose(found.confidences, expected.max(axis=1), rtol=1e-5)


def test_batch_size_is_that_of_the_largest_model(rng):
    both = Ensemble([small(rng), small(rng)])
    both.models[1].__class__ = type("Large", (CNN,), {"images_at_once": 3})
    assert both.images_at_once == 3


def test_ensemble_lists_its_models(rng):
    both = Ensemble([small(rng, name="one"), small(rng, name="two")])
    assert (repr(both), both.name, len(both)) == ("<Ensemble of one, two>", "ensemble of 2 models", 2)


@pytest.mark.parametrize("models", [[], ["lenet5"]])
def test_anything_but_models_raises(models):
    with pytest.raises(ConfigError, match="Ensemble expects at least one CNN, got"):
        Ensemble(models)


def test_other_input_shape_raises(rng):
    with pytest.raises(
        ShapeError, match=r"models of one input shape, got \(1, 4, 4\) of a and \(1, 5, 5\) of b: leave"
    ):
        Ensemble([small(rng, name="a"), small(rng, name="b", side=5)])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            {"names": ("ant", "bee", "cat")},
            {"names": ("ant", "bee", "dog")},
            "got ant, bee, cat of a and ant, bee, dog of b",
        ),
        ({}, {"classes": 2}, "got 3 unnamed classes of a and 2 unnamed classes of b: leave one out"),
        ({"names": ("ant", "bee", "cat")}, {"classes": 2}, "got ant, bee, cat of a and 2 unnamed classes of b"),
    ],
)
def test_other_classes_raise(first, second, message, rng):
    with pytest.raises(DataError, match=message):
        Ensemble([small(rng, name="a", **first), small(rng, name="b", **second)])


def test_label_of_an_unknown_class_raises(rng, images):
    with pytest.raises(DataError, match="ensemble of 2 models has 3 classes, expected labels 0 to 2, got 3"):
        evaluate([small(rng), small(rng)], images, np.full(20, 3))


@pytest.mark.parametrize("ask", [lambda both, x: both.predict(x), lambda both, x: evaluate(both, x, np.zeros(20, int))])
def test_other_number_of_classes_raises_where_the_input_shape_is_unknown(ask, rng, images):
    both = Ensemble(
        [CNN([Flatten(), Dense(16, classes, rng=rng)], name=name) for name, classes in (("a", 3), ("b", 2))]
    )
    with pytest.raises(DataError, match="models of the same classes, got 3 of a and 2 of b: leave one out"):
        ask(both, images)
