"""Learning rates on the way, and ready-made settings."""

import pytest

from jitcnn.errors import ConfigError
from jitcnn.recipes import RECIPES, Recipe, one_cycle


def test_one_cycle_rises_in_a_line_to_its_peak_and_falls_to_almost_nothing():
    schedule = one_cycle(1.0, warm_up=0.2)
    assert [schedule(p) for p in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0.001, 0.5005, 1, 0.5005, 0.001])


def test_a_constant_rate_stays():
    assert [Recipe(1, 1, learning_rate=0.3).schedule()(p) for p in (0, 0.5, 1)] == [0.3] * 3


def test_every_recipe_knows_every_data_set():
    assert {tuple(recipes) for recipes in RECIPES.values()} == {("mnist", "digits")}


def test_a_warm_up_out_of_range_is_told():
    with pytest.raises(ConfigError, match="warm_up must lie between 0 and 1, got 1"):
        one_cycle(0.1, warm_up=1)
