"""Recipes: built-in files, valid settings, and error messages."""

import json
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from jitcnn import recipes
from jitcnn.data import DATASETS, choose_recipe
from jitcnn.errors import ConfigError
from jitcnn.models import MODELS
from jitcnn.optim import SGD, Adam, AdamW
from jitcnn.recipes import PURPOSES, Recipe, load_recipe, recipe_names

SGD_TABLE = {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9}


def recipe(epochs=10, optimizer=SGD_TABLE, **settings):
    return Recipe(epochs, 64, optimizer, **settings)


@pytest.fixture
def written(tmp_path):
    """Write a recipe file that begins with the required keys."""

    def write(text, begin='epochs = 3\nbatch_size = 8\noptimizer = {kind = "sgd", learning_rate = 0.5}\n'):
        path = tmp_path / "mine.toml"
        path.write_text(begin + text, "utf-8")
        return path

    return write


# --- built-in recipes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "epochs", "batch_size", "learning_rate", "kind"),
    [
        ("mnist-cnn", 10, 64, 0.01, "constant"),
        ("mnist-fast", 2, 64, 0.1, "one_cycle"),
        ("digits", 15, 16, 0.01, "constant"),
        ("digits-fast", 8, 16, 0.05, "one_cycle"),
    ],
)
def test_recipes_keep_the_measured_settings(name, epochs, batch_size, learning_rate, kind):
    it = load_recipe(name)
    assert (it.epochs, it.batch_size, it.schedule["kind"]) == (epochs, batch_size, kind)
    assert it.optimizer == {
        "kind": "sgd", "learning_rate": learning_rate, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0,
        "decoupled": False, "decay_bias": False,
    }  # fmt: skip
    assert (it.label_smoothing, it.average, it.augment, it.baseline) == (0, 0, {}, True)
    schedule = it.make_schedule()
    assert schedule(0.2) == learning_rate
    assert schedule(1) == pytest.approx(learning_rate * (1 if kind == "constant" else 0.001))


@pytest.mark.parametrize("name", recipe_names())
def test_built_in_recipes_name_existing_models_and_data_sets(name):
    it = load_recipe(name)
    assert it.name == name
    assert it.description
    assert it.model in MODELS
    assert set(it.dataset) <= set(DATASETS)


def test_each_purpose_selects_the_recipe_of_the_data_set():
    for source in DATASETS.values():
        for purpose, name in source.recipes.items():
            assert purpose in PURPOSES
            assert choose_recipe(purpose, source.name) == load_recipe(name)
            assert load_recipe(name).dataset == (source.name,)
    assert choose_recipe("fast", "kmnist") == choose_recipe("fast", "fashion-mnist") == load_recipe("mnist-fast")


def test_recipe_chosen_by_name_ignores_the_data_set():
    assert choose_recipe("mnist-fast", "digits") == load_recipe("mnist-fast")


# --- optimizer and schedule -----------------------------------------------------------------------------


def test_user_file_with_every_setting(written):
    path = written(
        """
        dataset = ["mnist", "digits"]
        model = "mnist-dense"
        label_smoothing = 0.1
        average = 0.99
        baseline = false
        schedule = {kind = "step", milestone_epochs = [2], factor = 0.5, warm_up_epochs = 1}
        augment = {shift = 2, rotate = 0.5}
        """,
        begin='description = "mine"\nepochs = 3\nbatch_size = 8\n'
        'optimizer = {kind = "adamw", learning_rate = 1, betas = [0.8, 0.9], epsilon = 1e-6, weight_decay = 0.5}\n',
    )
    it = load_recipe(path)
    assert load_recipe(str(path)) == it
    assert (it.name, it.dataset, it.baseline, it.augment) == (
        "mine",
        ("mnist", "digits"),
        False,
        {"shift": 2, "rotate": 0.5},
    )
    optimizer = it.make_optimizer()
    assert isinstance(optimizer, AdamW)
    assert (optimizer.learning_rate, optimizer.weight_decay, optimizer.decay_bias) == (1, 0.5, False)
    assert (*optimizer.betas, optimizer.epsilon) == (0.8, 0.9, 1e-6)
    schedule = it.make_schedule()
    assert [schedule(p / 12) for p in (0, 2, 4, 7.9, 8, 12)] == pytest.approx([0.001, 0.5005, 1, 1, 0.5, 0.5])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"kind": "constant"}, [0.1, 0.1, 0.1, 0.1, 0.1]),
        ({"kind": "constant", "warm_up": 0.5}, [0.0001, 0.05005, 0.1, 0.1, 0.1]),
        ({"kind": "step", "milestones": [0.5, 0.75]}, [0.1, 0.1, 0.01, 0.001, 0.001]),
        ({"kind": "cosine"}, [0.1, 0.0853553391, 0.05, 0.0146446609, 0]),
        ({"kind": "cosine", "floor": 0.02, "warm_up_epochs": 5}, [0.0001, 0.05005, 0.1, 0.06, 0.02]),
        ({"kind": "one_cycle", "warm_up": 0.5}, [0.0001, 0.05005, 0.1, 0.05005, 0.0001]),
        ({"kind": "one_cycle", "warm_up_epochs": 5}, [0.0001, 0.05005, 0.1, 0.05005, 0.0001]),
    ],
)
def test_schedule_from_each_table(schedule, expected):
    rate = recipe(schedule=schedule).make_schedule()
    assert [rate(share) for share in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx(expected)


@pytest.mark.parametrize(("kind", "made"), [("sgd", SGD), ("adam", Adam), ("adamw", AdamW)])
def test_kind_alone_uses_the_optimizer_defaults(kind, made):
    it = recipe(optimizer={"kind": kind})
    optimizer = it.make_optimizer()
    assert type(optimizer) is made
    plain = made()
    assert {**vars(optimizer), "betas": None} == {**vars(plain), "betas": None}
    assert list(it.optimizer)[:2] == ["kind", "learning_rate"]


def test_dict_round_trip():
    for name in recipe_names():
        it = load_recipe(name)
        assert Recipe.from_dict(json.loads(json.dumps(it.as_dict()))) == it
    adam = recipe(optimizer={"kind": "adam"}, augment={"shift": 2})
    assert Recipe.from_dict(json.loads(json.dumps(adam.as_dict()))) == adam


def test_changed_returns_a_modified_copy():
    before = load_recipe("mnist-fast")
    after = before.changed(epochs=5, learning_rate=0.2, momentum=0.5, batch_size=None, baseline=False)
    assert (after.epochs, after.batch_size, after.baseline, after.name) == (5, 64, False, "mnist-fast")
    assert (after.optimizer["learning_rate"], after.optimizer["momentum"]) == (0.2, 0.5)
    assert before == load_recipe("mnist-fast")
    with pytest.raises(FrozenInstanceError):
        before.epochs = 3


def test_old_name_of_the_baseline_warns_and_loads():
    with pytest.warns(DeprecationWarning, match="recipe key rival is now called baseline"):
        old = Recipe.from_dict(
            {"epochs": 1, "batch_size": 8, "optimizer": {"kind": "sgd", "learning_rate": 0.1}, "rival": False}
        )
    assert old.baseline is False


def test_lines_contain_every_setting():
    it = recipe(name="mine", description="for fun", schedule={"kind": "step", "milestone_epochs": [5]},
                augment={"shift": 2}, average=0.99)  # fmt: skip
    text = "\n".join(it.lines())
    assert "recipe mine: for fun (data set any, model mnist-cnn)" in text
    assert "milestone epochs [5]" in text
    assert "average 0.99, normalise off, baseline on" in text
    for table in (it.optimizer, it.schedule, it.augment):
        for key in table:
            assert key == "kind" or key.replace("_", " ") in text
    assert len(it.lines()) <= 6


# --- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", "unknown key 'colour' in a recipe; valid keys are epochs, batch_size, optimizer, schedule, name, "),
        ('schedule = {kind = "cosine", factor = 1}', r"unknown key 'factor' in \[schedule\] of kind cosine; valid keys are kind, floor, warm_up, warm_up_epochs"),
        ('schedule = {kind = "linear"}', r"kind in \[schedule\] must be one of constant, step, cosine, one_cycle, got 'linear'"),
        ("schedule = {}", r"kind in \[schedule\] must be one of .*, got None"),
        ('schedule = {kind = "step"}', r"\[schedule\] of kind step requires milestones, .* or milestone_epochs"),
        ('schedule = {kind = "step", milestones = [1.5]}', r"milestones must be shares of the run .*, got \[1.5\]"),
        ('schedule = {kind = "step", milestones = 0.5}', "milestones must be a list of numbers, got 0.5"),
        ('schedule = {kind = "step", milestones = [0.1], warm_up = 0.2}', "schedule milestones must come after the warm-up"),
        ('schedule = {kind = "step", milestone_epochs = [1, 3]}', "longer than the run: its milestone comes after 3 epochs, but the run has 3"),
        ('schedule = {kind = "cosine", warm_up_epochs = 4}', "longer than the run: its warm-up ends after 4 epochs, but the run has 3"),
        ('schedule = {kind = "cosine", warm_up_epochs = 1, warm_up = 0.1}', "takes either warm_up or warm_up_epochs, got both"),
        ('schedule = {kind = "cosine", warm_up = 1}', "warm_up must be at least 0 and below 1, as a fraction of the run, got 1"),
        ('schedule = {kind = "cosine", floor = 0.6}', "floor must lie between 0 and the learning rate, 0.5, got 0.6"),
        ('schedule = "cosine"', "schedule must be a table, got 'cosine'"),
        ("label_smoothing = 1", "label_smoothing must be at least 0 and below 1, got 1"),
        ("label_smoothing = nan", "label_smoothing must be a number, got nan"),
        ("average = 1.5", "decay of a weight average must lie between 0 and 1, got 1.5"),
        ("baseline = 1", "baseline must be true or false, got 1"),
        ("model = 3", "model must be a string, got 3"),
        ("dataset = [1]", r"dataset must be a name or a list of names, got \[1\]"),
        ('augment = {shift = "far"}', r"shift in \[augment\] must be a number, true or false, got 'far'"),
    ],
)  # fmt: skip
def test_invalid_setting_raises_with_file_and_key(text, message, written):
    path = written(text)
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(path))}: .*{message}") as told:
        load_recipe(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        ("epochs = 3", "A recipe requires batch_size and optimizer; valid keys are epochs, batch_size, "),
        ("epochs = 0\nbatch_size = 8\noptimizer = {kind = 'sgd'}", "epochs must be an integer of at least 1, got 0"),
        ("epochs = 3\nbatch_size = 2.5\noptimizer = {kind = 'sgd'}", "batch_size must be an integer of at least 1, got 2.5"),
        ("epochs = 3\nbatch_size = 8\noptimizer = {kind = 'rms'}", r"kind in \[optimizer\] must be one of sgd, adam, adamw, lion, got 'rms'"),
        ("epochs = 3\nbatch_size = 8\noptimizer = {kind = ['sgd']}", r"kind in \[optimizer\] must be one of"),
        ("epochs = 3\nbatch_size = 8\noptimizer = {kind = 'adam', momentum = 0.9}", r"unknown key 'momentum' in \[optimizer\] of kind adam; valid keys are kind, learning_rate, betas, "),
        ("epochs = 3\nbatch_size = 8\noptimizer = {kind = 'sgd', learning_rate = '0.1'}", "learning_rate must be a number, got '0.1'"),
        ("epochs = 3\nbatch_size = 8\noptimizer = {kind = 'sgd', learning_rate = 0}", "learning_rate must be a positive number, got 0"),
        ("epochs = 3\nbatch_size = 8\noptimizer = {kind = 'sgd', nesterov = 1}", "nesterov must be true or false, got 1"),
        ("epochs = 3\nbatch_size = 8\noptimizer = {kind = 'adam', betas = [0.9]}", r"betas must be two numbers .*, got \[0.9\]"),
        ("epochs = 3\nbatch_size = 8\noptimizer = {kind = 'adam', betas = 0.9}", "betas must be a list of numbers, got 0.9"),
    ],
)  # fmt: skip
def test_missing_or_invalid_required_key_raises(begin, message, written):
    with pytest.raises(ConfigError, match=f"mine.toml: {message}"):
        load_recipe(written("", begin=begin))


def test_invalid_toml_or_missing_file_raises(written, tmp_path):
    with pytest.raises(ConfigError, match=r"mine.toml is not valid TOML: Expected .=. after a key"):
        load_recipe(written("epochs"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bytes.toml is not valid TOML: "):
        load_recipe(tmp_path / "bytes.toml")
    with pytest.raises(ConfigError, match=r"none.toml cannot be read: No such file"):
        load_recipe(tmp_path / "none.toml")


def test_unknown_name_raises_with_the_valid_ones():
    with pytest.raises(
        ConfigError,
        match="Unknown recipe 'resnet': choose one of standard, fast, cifar-fast, cifar-resnet20, cifar-vgg, digits, digits-fast, ",
    ):
        load_recipe("resnet")


def test_other_data_sets_use_the_recipe_for_their_channels():
    assert choose_recipe("fast", "birds") == load_recipe("mnist-fast")
    assert choose_recipe("standard", "birds", 3) == load_recipe("cifar-vgg")


def test_override_that_makes_the_schedule_longer_than_the_run_raises():
    it = recipe(schedule={"kind": "cosine", "warm_up_epochs": 2})
    with pytest.raises(
        ConfigError, match="schedule is longer than the run: its warm-up ends after 2 epochs, but the run has 1"
    ):
        it.changed(epochs=1)
    with pytest.raises(ConfigError, match=r"unknown key 'momentum' in \[optimizer\] of kind adam"):
        recipe(optimizer={"kind": "adam"}).changed(momentum=0.5)


def test_docstring_example_is_a_valid_recipe(tmp_path):
    example = re.search(r"::\n\n(.*)", recipes.__doc__, re.DOTALL).group(1)
    path = tmp_path / "example.toml"
    path.write_text("\n".join(line[4:] for line in example.splitlines()), "utf-8")
    assert load_recipe(path).augment == {"shift": 2, "flip": True}


def test_recipe_names_match_the_files():
    folder = Path(recipes.__file__).parent
    assert recipe_names() == sorted(path.stem for path in folder.glob("*.toml"))
