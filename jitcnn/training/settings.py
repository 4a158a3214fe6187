"""The settings of a training."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ..data.augment import Augmentation
from ..data.dataset import Dataset
from ..errors import ConfigError
from ..net.model import CNN
from ..optim import SGD, Optimizer, WeightAverage
from ..recipes import Recipe
from ..recipes.choices import CHOICES, Choices
from ..schedules import Schedule

BY_LAYER = ("freeze", "rate_factors")  # recorded by the positions of the layers


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Choices):
    """How a model is trained.

    The optional settings of ``recipes.choices.Choices`` are keyword arguments too: ``class_weights``, ``sampling``,
    ``clip_norm``, ``early_stop``, ``keep``, ``metric``, ``drop_last``, ``freeze`` and ``rate_factors``.

    Parameters
    ----------
    optimizer : Optimizer, by default SGD with learning rate 0.01 and momentum 0.9
    epochs, batch_size : int, at least 1
    seed : int, for the order of the images and the augmentation
    schedule : learning rate as a function of training progress, 0 … 1; by default the optimizer's rate
    label_smoothing : float, as for ``softmax_cross_entropy``
    average : WeightAverage of the weights after each step, or None
    until : test accuracy, 0 … 1, that ends the training after the epoch that reaches it, or None
    augmentation : Augmentation, or None
    continue_by : "extend" or "restart", what the schedule does when a finished training goes on to more epochs: runs as if
        it had been planned for all of them, or starts again for the additional ones

    Raises
    ------
    ConfigError
        If a setting is out of range.

    Examples
    --------
    >>> from jitcnn import TrainingSettings, load_recipe
    >>> settings = TrainingSettings.from_recipe(load_recipe("digits"), seed=1)
    >>> settings.seed, settings.batch_size == load_recipe("digits").batch_size
    (1, True)
    """

    optimizer: Optimizer = field(default_factory=SGD)
    epochs: int = 10
    batch_size: int = 64
    seed: int = 0
    schedule: Schedule | None = None
    label_smoothing: float = 0.0
    average: WeightAverage | None = None
    until: float | None = None
    augmentation: Augmentation | None = None
    continue_by: str = "extend"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ConfigError(f"epochs and batch_size must be at least 1, got {self.epochs} and {self.batch_size}.")
        if self.continue_by not in ("extend", "restart"):
            raise ConfigError(f"continue_by must be extend or restart, got {self.continue_by!r}.")
        self.check_choices()

    @classmethod
    def from_recipe(cls, recipe: Recipe, *, seed: int = 0, until: float | None = None) -> "TrainingSettings":
        """The settings of a recipe; ConfigError if it has an unknown augmentation."""
        return cls(
            optimizer=recipe.make_optimizer(),
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            seed=seed,
            schedule=recipe.make_schedule(),
            label_smoothing=recipe.label_smoothing,
            average=WeightAverage(recipe.average) if recipe.average else None,
            until=until,
            augmentation=augmentation_of(recipe),
            continue_by="extend" if recipe.schedule["kind"] in ("constant", "step") else "restart",
            **{name: getattr(recipe, name) for name in CHOICES},
        )

    def record(self, model: CNN, data: Dataset) -> dict[str, Any]:
        """What must be the same when the training is resumed, as plain values."""
        optimizer, recipe = self.optimizer, model.recipe or {}
        return {
            **data.identity(), "epochs": self.epochs, "batch_size": self.batch_size, "seed": self.seed,
            "optimizer": optimizer.settings(),
            "learning_rate": optimizer.learning_rate if self.schedule is None else None,
            "label_smoothing": self.label_smoothing, "average": self.average and self.average.decay, "until": self.until,
            "augmentation": self.augmentation and asdict(self.augmentation),
            **{f"recipe's {key}": recipe.get(key) for key in ("optimizer", "schedule", "normalise")},
            **{name: value for name, value in self.chosen().items() if name not in BY_LAYER}, **self._by_layer(model),
        }  # fmt: skip

    def _by_layer(self, model: CNN) -> dict[str, Any]:
        """The layers that are frozen or have their own learning rate, by position; nothing if there are none."""
        rates = {str(position): rate for position, rate in model.layer_rates(self.rate_factors or {}).items()}
        found = {"frozen layers": list(model.frozen), "learning rate factors": rates}
        return {name: value for name, value in found.items() if value}


def augmentation_of(recipe: Recipe) -> Augmentation | None:
    """The augmentation of a recipe, if any."""
    return Augmentation.from_mapping(recipe.augment) if recipe.augment else None
