"""Learning rates of single layers."""

import re

import numpy as np
import pytest
from nets import small_net

from jitcnn import SGD, AdamW, Lion, Recipe, TrainingSettings, fit, load_digits, train_step
from jitcnn.errors import ConfigError
from jitcnn.models import mnist_cnn, mnist_dense

DATA = load_digits().limited(64)


def test_a_factor_multiplies_the_step():
    a, b = np.ones(2), np.ones(2)
    SGD(0.25, momentum=0).step([a, b], [np.ones(2), np.ones(2)], [2, 1])
    assert (a.tolist(), b.tolist()) == ([0.5, 0.5], [0.75, 0.75])


@pytest.mark.parametrize("optimizer", [AdamW(0.5, weight_decay=0.5), Lion(0.5, weight_decay=0.5),
                                       SGD(0.5, weight_decay=0.5, decoupled=True)], ids=lambda each: type(each).__name__)  # fmt: skip
def test_a_factor_multiplies_decoupled_weight_decay(optimizer):
    """Without a gradient, only the decay remains: 1 - 0.5 · 0.25 · 0.5."""
    weights = np.ones((1, 2))
    optimizer.step([weights], [np.zeros((1, 2))], [0.25])
    assert weights.tolist() == [[0.9375, 0.9375]]


def test_the_learning_rate_is_the_same_after_a_step():
    optimizer = SGD(0.1)
    optimizer.step([np.ones(2)], [np.ones(2)], [3.0])
    assert optimizer.learning_rate == 0.1


def test_the_learning_rate_is_the_same_after_a_failed_step(monkeypatch):
    optimizer = SGD(0.1)

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(optimizer, "_update", fail)
    with pytest.raises(RuntimeError):
        optimizer.step([np.ones(2)], [np.ones(2)], [3.0])
    assert optimizer.learning_rate == 0.1


@pytest.mark.parametrize("factors", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_invalid_factors_are_refused(factors):
    with pytest.raises(ConfigError, match="factors must be one positive number for each of 2 parameters, got"):
        SGD().step([np.ones(2), np.ones(2)], [np.ones(2), np.ones(2)], factors)


def test_of_overlapping_selections_the_last_counts():
    assert mnist_cnn().layer_rates({"0-3": 0.5, "Conv2D": 2}) == {0: 2.0, 1: 0.5, 2: 0.5, 3: 2.0}


def test_frozen_parameters_have_no_factor():
    model = mnist_cnn()
    model.freeze("Conv2D")
    assert model.parameter_rates({"head": 10}) == [1, 1, 10, 10]


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf"), "2", True])
def test_invalid_factor_of_a_selection_is_refused(factor):
    with pytest.raises(
        ConfigError, match=r"The learning rate factor of head must be a positive number, got .*; freeze layers"
    ):
        small_net().layer_rates({"head": factor})


def test_factors_of_1_change_no_bits():
    nets = mnist_dense(), mnist_dense()
    fit(nets[0], DATA, epochs=1, rate_factors={"all": 1.0})
    fit(nets[1], DATA, epochs=1)
    assert nets[0].fingerprint() == nets[1].fingerprint()


def test_fit_trains_with_the_factors_of_train_step():
    nets, images = (mnist_dense(), mnist_dense()), DATA.limited(16)
    fit(nets[0], images, epochs=1, batch_size=16, rate_factors={"head": 10})
    order = np.random.default_rng(0).permutation(16)
    x, y = nets[1].as_input(images.x_train[order]), images.y_train[order]
    train_step(nets[1], x, y, SGD(), rate_factors={"head": 10})
    assert nets[0].fingerprint() == nets[1].fingerprint()


RECIPE = {"epochs": 1, "batch_size": 16, "optimizer": {"kind": "sgd"}}


def test_recipe_passes_both_settings_to_the_training():
    recipe = Recipe(**RECIPE, freeze=["0-1", "BatchNorm2D"], rate_factors={"head": 10})
    settings = TrainingSettings.from_recipe(recipe)
    assert (settings.freeze, settings.rate_factors) == (("0-1", "BatchNorm2D"), {"head": 10.0})
    assert Recipe.from_dict(recipe.as_dict()) == recipe


def test_recipe_without_them_is_written_as_before():
    assert not {"freeze", "rate_factors"} & set(Recipe(**RECIPE).as_dict())
    assert Recipe(**RECIPE, freeze=[], rate_factors={}) == Recipe(**RECIPE)


@pytest.mark.parametrize("freeze", [1.5, [None], [True], [["0"]]])
def test_recipe_refuses_other_types_of_selections(freeze):
    with pytest.raises(ConfigError, match="freeze must be selections of layers, such as all-but-head or 0-5, got"):
        Recipe(**RECIPE, freeze=freeze)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([1, 2], "rate_factors must be a table of factors by selection of layers, got [1, 2]."),
        ({"head": 0}, "rate_factors must be positive numbers, got 0 for head."),
        ({"head": "2"}, "rate_factors must be positive numbers, got '2' for head."),
    ],
)
def test_recipe_refuses_invalid_factors(factors, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        Recipe(**RECIPE, rate_factors=factors)


@pytest.mark.parametrize("settings", [{"freeze": "x"}, {"rate_factors": {"x": 2.0}}])
def test_fit_refuses_an_unknown_selection(settings):
    with pytest.raises(ConfigError, match="Unknown selection 'x' of layers of mnist-dense"):
        fit(mnist_dense(), DATA, epochs=1, **settings)
