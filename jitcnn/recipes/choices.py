"""The optional settings of a training: class weights, sampling, clipping, early stopping and which weights to keep.

A recipe and ``TrainingSettings`` check them here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ..errors import ConfigError
from ..optim.clipping import check_clip_norm
from .keys import is_number

SAMPLING = ("shuffled", "balanced", "weighted")
KEEP = ("last", "best")
METRICS = {"loss": False, "accuracy": True, "macro_f1": True}  # whether more is better
BALANCED = "balanced"

ClassWeights = str | Mapping[str, float] | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The optional settings of a training; the base of ``Recipe`` and of ``TrainingSettings``.

    Parameters
    ----------
    class_weights : "balanced", for images / (classes · images of the class); or the weight of each class, by name (1 for
        a class that is not named) or in the order of the classes; empty for none
    sampling : "shuffled", each image once per epoch; "balanced", as many images, drawn with replacement, each class equally
        often; or "weighted", drawn in proportion to the class weights, which then do not weight the loss
    clip_norm : float; scale the gradients of a step down to this norm, see ``optim.clip_gradients``; 0 for no limit
    early_stop : int; end the training when ``metric`` was not better for this many epochs; 0 for never
    keep : "last" or "best", the weights that remain: those of the last epoch, or of the epoch with the best ``metric``
    metric : "loss", "accuracy" or "macro_f1", on the validation images
    drop_last : bool; leave out the last batch of an epoch if it is smaller than the others
    freeze : selections of layers that are not trained, such as "all-but-head", see ``CNN.freeze``
    rate_factors : factor of the learning rate of each selection of layers, see ``CNN.layer_rates``

    Raises
    ------
    ConfigError
        If a setting is unknown, of the wrong type or out of range.
    """

    class_weights: Any = ()
    sampling: str = "shuffled"
    clip_norm: float = 0.0
    early_stop: int = 0
    keep: str = "last"
    metric: str = "loss"
    drop_last: bool = False
    freeze: tuple[str, ...] = ()
    rate_factors: Any = ()

    @property
    def selects(self) -> bool:
        """Whether the validation images decide when to stop or which weights to keep."""
        return bool(self.early_stop) or self.keep == "best"

    def check_choices(self) -> None:
        """Raise ConfigError if a setting is invalid."""
        for name, allowed in (("sampling", SAMPLING), ("keep", KEEP), ("metric", [*METRICS])):
            if getattr(self, name) not in [*allowed]:
                raise ConfigError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}.")
        object.__setattr__(self, "class_weights", _checked_class_weights(self.class_weights))
        if self.sampling == "weighted" and not self.class_weights:
            raise ConfigError("sampling by weight expects class_weights, got none; sampling 'balanced' needs none.")
        if not is_number(self.clip_norm):
            raise ConfigError(f"clip_norm must be a number, got {self.clip_norm!r}.")
        if self.clip_norm != 0:
            check_clip_norm(self.clip_norm)
        if isinstance(self.early_stop, bool) or not isinstance(self.early_stop, int) or self.early_stop < 0:
            raise ConfigError(
                f"early_stop must be a number of epochs, 0 for no early stopping, got {self.early_stop!r}."
            )
        if not isinstance(self.drop_last, bool):
            raise ConfigError(f"drop_last must be true or false, got {self.drop_last!r}.")
        object.__setattr__(self, "freeze", _selections(self.freeze))
        object.__setattr__(self, "rate_factors", _rate_factors(self.rate_factors))

    def chosen(self) -> dict[str, Any]:
        """The settings that are not at their default, as plain values."""
        found = {name: getattr(self, name) for name in CHOICES}
        return {
            name: [*value] if isinstance(value, tuple) else dict(value) if isinstance(value, dict) else value
            for name, value in found.items()
            if value != CHOICES[name]
        }


CHOICES: dict[str, Any] = {name: getattr(Choices, name) for name in Choices.__dataclass_fields__}


def _selections(freeze: Any) -> tuple[str, ...]:
    """Selections of layers as a tuple of texts; ConfigError if they are of another type."""
    each = (freeze,) if isinstance(freeze, str | int) else freeze
    try:
        each = tuple(each)
    except TypeError:
        each = (None,)
    if not all(isinstance(one, str | int) and not isinstance(one, bool) for one in each):
        raise ConfigError(f"freeze must be selections of layers, such as all-but-head or 0-5, got {freeze!r}.")
    return tuple(str(one) for one in each if one != "")


def _rate_factors(factors: Any) -> dict[str, float] | tuple[()]:
    """Learning rate factors by selection of layers, () if there are none; ConfigError if they are of another type."""
    if isinstance(factors, tuple) and not factors:
        return ()
    if not isinstance(factors, Mapping):
        raise ConfigError(f"rate_factors must be a table of factors by selection of layers, got {factors!r}.")
    for selection, factor in factors.items():
        if not is_number(factor) or factor <= 0:
            raise ConfigError(f"rate_factors must be positive numbers, got {factor!r} for {selection}.")
    return {str(selection): float(factor) for selection, factor in factors.items()} or ()


def _checked_class_weights(weights: Any) -> ClassWeights:
    """As text, dict or tuple of floats; ConfigError unless "balanced", or numbers of at least 0 and not all 0."""
    if isinstance(weights, str) and weights in ("", BALANCED):
        return weights or ()
    try:
        values = [*(weights.values() if isinstance(weights, Mapping) else () if isinstance(weights, str) else weights)]
    except TypeError:
        values = []
    wrong = [value for value in values if not _is_weight(value)]
    if wrong or (not values and not (hasattr(weights, "__len__") and len(weights) == 0)):
        raise ConfigError(
            f"class_weights must be {BALANCED!r}, or one finite number of at least 0 per class, got "
            f"{(wrong[0] if wrong else weights)!r}."
        )
    if values and not any(values) and not isinstance(weights, Mapping):  # there, others weigh 1
        raise ConfigError("class_weights must not all be 0: no image would count.")
    if isinstance(weights, Mapping) and weights:
        return {str(name): float(value) for name, value in weights.items()}
    return tuple(map(float, values))


def _is_weight(value: Any) -> bool:
    try:
        return not isinstance(value, bool | str) and isfinite(value) and value >= 0
    except (TypeError, ValueError):
        return False
