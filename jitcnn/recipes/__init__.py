"""Training recipes: hyperparameters in TOML files, built in (in this folder) or user-written.

A complete recipe; only ``epochs``, ``batch_size`` and ``[optimizer]`` are required::

    description = "free text"
    dataset = "mnist"                  # or a list: ["mnist", "digits"]
    model = "mnist-cnn"
    baseline = true                       # also train the dense baseline (no convolutions)
    epochs = 10
    batch_size = 64
    label_smoothing = 0.1
    average = 0.999                    # decay of the weight EMA; 0 for none
    normalise = true                   # by per-channel mean and std of the training images
    class_weights = "balanced"         # or a table [class_weights]: class name = weight
    sampling = "shuffled"              # or balanced, weighted
    clip_norm = 1.0                    # largest norm of the gradients of a step; 0 for no limit
    early_stop = 5                     # epochs without a better metric; needs validation images, as does keep
    keep = "best"                      # or last
    metric = "loss"                    # or accuracy, macro_f1
    drop_last = false

    [optimizer]
    kind = "sgd"                       # or adam, adamw, lion: betas, epsilon instead of momentum, nesterov, decoupled
    learning_rate = 0.1
    momentum = 0.9
    nesterov = true
    weight_decay = 5e-4
    decoupled = false
    decay_bias = false

    [schedule]
    kind = "step"                      # or constant, cosine (with floor), one_cycle
    milestone_epochs = [5, 8]          # or milestones = [0.5, 0.8], as fractions of the run
    factor = 0.1
    warm_up_epochs = 1                 # or warm_up = 0.1, as a fraction of the run

    [augment]                          # see jitcnn.Augmentation
    shift = 2
    flip = true
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..losses import check_label_smoothing
from ..optim import OPTIMIZERS, Optimizer, WeightAverage
from ..schedules import Schedule, after_warm_up, constant, cosine, one_cycle, share_of_run, stepwise, warmed_up
from ..support.renamed import warn_renamed
from .choices import CHOICES, Choices
from .keys import IN_EPOCHS, Table, check_keys, check_type, format_settings, is_number, whole_optimizer, whole_schedule

PURPOSES = ("standard", "fast")  # names that select a recipe for the data set, see ``data.choose_recipe``
OLD_KEYS = {"rival": "baseline"}  # accepted until version 1.0


@dataclass(frozen=True)
class Recipe(Choices):
    """Hyperparameters of a training run. Missing optimizer and schedule settings are filled in with defaults.

    The optional settings of ``Choices``, such as class weights and early stopping, are keyword arguments too.

    Parameters
    ----------
    epochs, batch_size : int, at least 1
    optimizer : dict; ``kind`` and settings of ``SGD``, ``Adam``, ``AdamW`` or ``Lion``
    schedule : dict; ``kind`` and settings; its initial or peak learning rate is that of the optimizer
    name, description : str
    dataset : names of the data sets the recipe is for
    model : str, name of the model to train
    label_smoothing : float, as in ``softmax_cross_entropy``
    average : float, decay of the ``WeightAverage``; 0 for none
    normalise : bool; normalise pixels by the per-channel mean and standard deviation of the training images
    augment : dict of numbers and booleans, the settings of ``Augmentation``
    baseline : bool; also train the dense baseline (no convolutions)

    Raises
    ------
    ConfigError
        If a setting is unknown, of the wrong type or out of range, or the schedule is longer than the run.

    Examples
    --------
    >>> from jitcnn import Recipe
    >>> recipe = Recipe(epochs=5, batch_size=64, optimizer={"kind": "sgd", "learning_rate": 0.1})
    >>> type(recipe.make_optimizer()).__name__, recipe.make_schedule()(0.5)
    ('SGD', 0.1)
    >>> recipe.changed(learning_rate=0.05).optimizer["learning_rate"]
    0.05
    """

    epochs: int
    batch_size: int
    optimizer: Table
    schedule: Table = field(default_factory=lambda: {"kind": "constant"})
    name: str = "recipe"
    description: str = ""
    dataset: tuple[str, ...] = ()
    model: str = "mnist-cnn"
    label_smoothing: float = 0.0
    average: float = 0.0
    normalise: bool = False
    augment: Table = field(default_factory=dict)
    baseline: bool = True

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.name not in CHOICES:
                check_type(each.name, getattr(self, each.name))
        self.check_choices()
        names = (self.dataset,) if isinstance(self.dataset, str) else tuple(self.dataset)
        object.__setattr__(self, "dataset", names)
        object.__setattr__(self, "optimizer", whole_optimizer(self.optimizer))
        object.__setattr__(self, "schedule", whole_schedule(self.schedule))
        for key, value in self.augment.items():
            if not (is_number(value) or isinstance(value, bool)):
                raise ConfigError(f"{key} in [augment] must be a number, true or false, got {value!r}.")
        check_label_smoothing(self.label_smoothing)
        if self.average != 0:
            WeightAverage(self.average)
        self.make_schedule()

    def make_optimizer(self) -> Optimizer:
        """Create the optimizer."""
        settings = dict(self.optimizer)
        return OPTIMIZERS[settings.pop("kind")](**settings)

    def make_schedule(self) -> Schedule:
        """Create the schedule: learning rate as a function of training progress, 0 … 1."""
        kind, rate = self.schedule["kind"], self.optimizer["learning_rate"]
        (warm_up,) = self._shares("warm_up", "warm-up ends")
        if kind == "one_cycle":
            return one_cycle(rate, warm_up)
        if warm_up != 0 and not 0 < warm_up < 1:
            raise ConfigError(f"warm_up must be at least 0 and below 1, as a fraction of the run, got {warm_up}.")
        if kind == "step":
            milestones = self._shares("milestones", "milestone comes")
            if min(milestones, default=1) <= warm_up:
                raise ConfigError(
                    "The schedule milestones must come after the warm-up; move them later or shorten the warm-up."
                )
            schedule = stepwise(
                rate, [after_warm_up(milestone, warm_up) for milestone in milestones], self.schedule["factor"]
            )
        elif kind == "cosine":
            schedule = cosine(rate, self.schedule["floor"])
        else:
            schedule = constant(rate)
        return warmed_up(schedule, warm_up) if warm_up else schedule

    def _shares(self, key: str, what: str) -> list[float]:
        """A schedule setting as fractions of the run, converted if given in epochs."""
        in_epochs = IN_EPOCHS[key] in self.schedule
        value = self.schedule[IN_EPOCHS[key] if in_epochs else key]
        values = value if isinstance(value, list) else [value]
        return [share_of_run(what, each, self.epochs) for each in values] if in_epochs else values

    def changed(self, **settings: Any) -> "Recipe":
        """A copy with the given settings changed; None keeps a setting. learning_rate and momentum go to the optimizer.

        Raises
        ------
        ConfigError
            As in the constructor.
        """
        given = {key: value for key, value in settings.items() if value is not None}
        own = {each.name for each in fields(self)}
        inner = {key: value for key, value in given.items() if key not in own}
        return replace(
            self, **{"optimizer": {**self.optimizer, **inner}, **{key: given[key] for key in given if key in own}}
        )

    def as_dict(self) -> Table:
        """As plain values, for serialisation; optional settings only if they are not at their default."""
        plain = {name: value for name, value in asdict(self).items() if name not in CHOICES}
        return {**plain, "dataset": list(self.dataset), **self.chosen()}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "Recipe":
        """Build from plain values, from ``as_dict`` or a TOML file; errors as in the constructor."""
        known = [*(each.name for each in fields(cls) if each.name not in CHOICES), *CHOICES]
        for old in OLD_KEYS.keys() & settings.keys():
            warn_renamed(f"the recipe key {old}", OLD_KEYS[old])
            settings = {OLD_KEYS.get(key, key): value for key, value in settings.items()}
        check_keys("a recipe", settings, known)
        missing = [key for key in ("epochs", "batch_size", "optimizer") if key not in settings]
        if missing:
            raise ConfigError(f"A recipe requires {' and '.join(missing)}; valid keys are {', '.join(known)}.")
        return cls(**settings)

    def lines(self) -> list[str]:
        """All settings, in a few lines for the terminal."""
        run = {"epochs": self.epochs, "batch_size": self.batch_size, "label_smoothing": self.label_smoothing,
               "average": self.average or "none", "normalise": self.normalise, "baseline": self.baseline,
               **self.chosen()}  # fmt: skip
        title = f"recipe {self.name}" + (f": {self.description}" if self.description else "")
        return [
            f"{title} (data set {', '.join(self.dataset) or 'any'}, model {self.model})",
            f"  optimizer  {format_settings(self.optimizer)}",
            f"  schedule   {format_settings(self.schedule)}",
            f"  run        {format_settings(run)}",
            f"  augment    {format_settings(self.augment) or 'none'}",
        ]


def recipe_names() -> list[str]:
    """Names of the built-in recipes.

    Examples
    --------
    >>> from jitcnn import recipe_names
    >>> "mnist-fast" in recipe_names()
    True
    """
    return sorted(Path(entry.name).stem for entry in files(__name__).iterdir() if entry.name.endswith(".toml"))


def load_recipe(name_or_path: str | os.PathLike[str]) -> Recipe:
    """Load a recipe by name or from a file.

    Parameters
    ----------
    name_or_path : one of ``recipe_names()``, or the path of a ``.toml`` file

    Raises
    ------
    ConfigError
        If the recipe does not exist, or its file is invalid; the message names the file.

    Examples
    --------
    >>> from jitcnn import load_recipe
    >>> recipe = load_recipe("lenet5")
    >>> recipe.model, recipe.dataset
    ('lenet5', ('mnist',))
    """
    source = str(os.fspath(name_or_path))
    if source.endswith(".toml"):
        file: Any = Path(source)
    elif source in recipe_names():
        file = files(__name__).joinpath(f"{source}.toml")
    else:
        known = ", ".join([*PURPOSES, *recipe_names()])
        raise ConfigError(f"Unknown recipe {source!r}: choose one of {known}, or pass a .toml file.")
    try:
        settings = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"The recipe {source} cannot be read: {error.strerror or error}; check the path.") from error
    except ValueError as error:  # invalid UTF-8 or invalid TOML
        raise ConfigError(f"The recipe {source} is not valid TOML: {error}.") from error
    try:
        return Recipe.from_dict({"name": Path(source).stem, **settings})
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error
