"""The keys of a recipe: types and default values."""

from collections.abc import Callable, Mapping
from inspect import signature
from math import isfinite
from typing import Any

from ..errors import ConfigError
from ..optim import OPTIMIZERS

Table = dict[str, Any]

# Settings of each kind of schedule, with defaults.
_SCHEDULES: dict[str, Table] = {
    "constant": {"warm_up": 0.0},
    "step": {"factor": 0.1, "warm_up": 0.0},
    "cosine": {"floor": 0.0, "warm_up": 0.0},
    "one_cycle": {"warm_up": 0.2},
}
IN_EPOCHS = {"warm_up": "warm_up_epochs", "milestones": "milestone_epochs"}


def is_number(value: object) -> bool:
    """Whether the value is a finite int or float, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _are_numbers(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(is_number, value))


def _are_names(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(one, str) for one in value))


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


_TYPES: dict[str, tuple[Callable[[object], bool], tuple[str, ...]]] = {
    "an integer of at least 1": (_is_count, ("epochs", "batch_size")),
    "a number": (
        is_number,
        ("label_smoothing", "average", "factor", "floor", "warm_up", "warm_up_epochs"),
    ),
    "a list of numbers": (_are_numbers, ("milestones", "milestone_epochs")),
    "true or false": (lambda value: isinstance(value, bool), ("normalise", "baseline")),
    "a string": (lambda value: isinstance(value, str), ("name", "description", "model", "kind")),
    "a name or a list of names": (_are_names, ("dataset",)),
    "a table": (_is_table, ("optimizer", "schedule", "augment")),
}  # fmt: skip
_TYPE_OF = {key: (wanted, is_right) for wanted, (is_right, keys) in _TYPES.items() for key in keys}


def check_type(key: str, value: object, default: object = None) -> None:
    """Raise ConfigError unless the value has the type of the key, or of the default that a constructor gives it."""
    wanted, is_right = _TYPE_OF[key] if default is None else _type_like(default)
    if not is_right(value):
        raise ConfigError(f"{key} must be {wanted}, got {value!r}.")


def _type_like(default: object) -> tuple[str, Callable[[object], bool]]:
    """What a setting must be, judged by its default."""
    if isinstance(default, bool):
        return "true or false", lambda value: isinstance(value, bool)
    return ("a list of numbers", _are_numbers) if isinstance(default, tuple) else ("a number", is_number)


def check_keys(where: str, settings: Mapping[str, Any], known: list[str]) -> None:
    """Raise ConfigError if a key is unknown."""
    for key in settings:
        if key not in known:
            raise ConfigError(f"unknown key {key!r} in {where}; valid keys are {', '.join(known)}.")


def _kind_of(table: str, settings: Table, kinds: Mapping[str, Any]) -> str:
    kind = settings.get("kind")
    if kind not in [*kinds]:  # compared with a list, as the value may be unhashable
        raise ConfigError(f"kind in [{table}] must be one of {', '.join(kinds)}, got {kind!r}.")
    return str(kind)


def whole_optimizer(given: Table) -> Table:
    """The table with all settings of its kind, in the order of the constructor."""
    kind = _kind_of("optimizer", given, OPTIMIZERS)
    settings = {name: parameter.default for name, parameter in signature(OPTIMIZERS[kind]).parameters.items()}
    check_keys(f"[optimizer] of kind {kind}", given, ["kind", *settings])
    whole = {"kind": kind, **{key: given.get(key, default) for key, default in settings.items()}}
    for key, default in settings.items():
        check_type(key, whole[key], default)
    whole = {key: [*value] if isinstance(value, tuple) else value for key, value in whole.items()}
    OPTIMIZERS[kind](**{key: whole[key] for key in settings})  # the constructor checks the ranges
    return whole


def whole_schedule(given: Table) -> Table:
    """The table with all settings of its kind; settings given in epochs stay in epochs."""
    kind = _kind_of("schedule", given, _SCHEDULES)
    defaults = _SCHEDULES[kind]
    shares = ["milestones", "warm_up"] if kind == "step" else ["warm_up"]
    known = ["kind", *defaults, *shares, *(IN_EPOCHS[key] for key in shares)]
    check_keys(f"[schedule] of kind {kind}", given, [*dict.fromkeys(known)])
    for key, value in given.items():
        check_type(key, value)
    for key in shares:
        if key in given and IN_EPOCHS[key] in given:
            raise ConfigError(f"[schedule] takes either {key} or {IN_EPOCHS[key]}, got both; remove one.")
    if kind == "step" and not (given.get("milestones") or given.get("milestone_epochs")):
        raise ConfigError("[schedule] of kind step requires milestones, as fractions of the run, or milestone_epochs.")
    filled = {key: default for key, default in defaults.items() if IN_EPOCHS.get(key) not in given}
    return {"kind": kind, **filled, **given}


def format_settings(settings: Mapping[str, Any]) -> str:
    """Format settings for display: ``sgd, learning rate 0.01, nesterov off``."""
    said = []
    for key, value in settings.items():
        text = (
            ("on" if value else "off") if isinstance(value, bool) else f"{value:g}" if is_number(value) else str(value)
        )
        if isinstance(value, dict) and value and all(map(is_number, value.values())):
            text = " ".join(f"{name}={number:g}" for name, number in value.items())
        elif isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            text = " ".join(value)
        said.append(text if key == "kind" else f"{key} {text}")
    return ", ".join(said).replace("_", " ")
