"""The optional settings of a training, as recipe keys and as arguments."""

import numpy as np
import pytest

from jitcnn import Recipe, TrainingSettings
from jitcnn.errors import ConfigError

REQUIRED = {"epochs": 2, "batch_size": 8, "optimizer": {"kind": "sgd"}}
ALL = {
    "class_weights": {"a": 2.0}, "sampling": "weighted", "clip_norm": 0.5, "early_stop": 3, "keep": "best",
    "metric": "macro_f1", "drop_last": True,
}  # fmt: skip


def test_defaults_are_not_recorded():
    assert not Recipe(**REQUIRED).as_dict().keys() & ALL.keys()


def test_recipe_and_settings_record_what_is_chosen():
    recipe = Recipe(**REQUIRED, **ALL)
    assert recipe.chosen() == ALL
    assert Recipe.from_dict(recipe.as_dict()) == recipe
    assert TrainingSettings.from_recipe(recipe).chosen() == ALL


def test_lines_show_what_is_chosen():
    run = Recipe(**REQUIRED, clip_norm=0.5, early_stop=3).lines()[3]
    assert run.endswith("baseline on, clip norm 0.5, early stop 3")


@pytest.mark.parametrize("weights", [(1, 2), [1, 2], np.array([1, 2])])
def test_class_weights_of_any_sequence(weights):
    assert TrainingSettings(class_weights=weights).chosen() == {"class_weights": [1.0, 2.0]}


@pytest.mark.parametrize("weights", [(), [], {}, "", np.array([])])
def test_no_class_weights(weights):
    assert TrainingSettings(class_weights=weights).chosen() == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampling": "sorted"}, "sampling must be one of shuffled, balanced, weighted, got 'sorted'"),
        ({"sampling": "weighted"}, "sampling by weight expects class_weights, got none"),
        ({"keep": "first"}, "keep must be one of last, best, got 'first'"),
        ({"metric": "f1"}, "metric must be one of loss, accuracy, macro_f1, got 'f1'"),
        ({"metric": ["loss"]}, "metric must be one of"),
        ({"clip_norm": -1}, "clip_norm must be a positive number, got -1"),
        ({"clip_norm": "1"}, "clip_norm must be a number, got '1'"),
        ({"early_stop": -1}, "early_stop must be a number of epochs, 0 for no early stopping, got -1"),
        ({"early_stop": 1.5}, "early_stop must be a number of epochs"),
        ({"early_stop": True}, "early_stop must be a number of epochs"),
        ({"drop_last": 1}, "drop_last must be true or false, got 1"),
        ({"class_weights": "even"}, "class_weights must be 'balanced', or one finite number .* got 'even'"),
        ({"class_weights": 2}, "class_weights must be 'balanced', or one finite number .* got 2"),
        ({"class_weights": {"a": -1}}, "class_weights must be .* got -1"),
        ({"class_weights": ["heavy"]}, "class_weights must be .* got 'heavy'"),
        ({"class_weights": [0, 0]}, "class_weights must not all be 0"),
    ],
)
@pytest.mark.parametrize("kind", ["recipe", "settings"])
def test_invalid_choice_raises(settings, message, kind):
    with pytest.raises(ConfigError, match=message):
        Recipe(**REQUIRED, **settings) if kind == "recipe" else TrainingSettings(**settings)


def test_schedule_goes_on_in_an_unknown_way_raises():
    with pytest.raises(ConfigError, match="continue_by must be extend or restart, got 'again'"):
        TrainingSettings(continue_by="again")


@pytest.mark.parametrize(
    ("kind", "expected"), [("constant", "extend"), ("cosine", "restart"), ("one_cycle", "restart")]
)
def test_recipe_restarts_schedules_that_end_near_zero(kind, expected):
    assert TrainingSettings.from_recipe(Recipe(**REQUIRED, schedule={"kind": kind})).continue_by == expected
