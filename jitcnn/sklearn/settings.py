"""Checks of the parameters of ``CNNClassifier``, and what follows from them."""

from copy import deepcopy
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..errors import ConfigError, did_you_mean
from ..optim import OPTIMIZERS, SGD, Optimizer
from ..support.arrays import Array
from ..training import balanced_weights

MANY_ROWS = 10_000  # early_stopping="auto" holds validation images out above it, as in HistGradientBoostingClassifier
BATCH_SIZES = ((300, 8), (1_000, 16), (10_000, 32))  # batch_size="auto": up to this many rows, this size
LARGEST_AUTO_BATCH = 64


def check_parameters(estimator: Any) -> None:
    """Raise ConfigError unless the parameters that do not depend on the data are in range."""
    for name in ("max_epochs", "n_iter_no_change"):
        value = getattr(estimator, name)
        if not _is_integer(value) or value < 1:
            raise ConfigError(f"{name} must be an integer of at least 1, got {value!r}.")
    if estimator.batch_size != "auto" and not (_is_integer(estimator.batch_size) and estimator.batch_size >= 1):
        raise ConfigError(f"batch_size must be 'auto' or an integer of at least 1, got {estimator.batch_size!r}.")
    if estimator.early_stopping not in ("auto", True, False):
        raise ConfigError(f"early_stopping must be 'auto', True or False, got {estimator.early_stopping!r}.")
    if estimator.scoring not in ("loss", "accuracy"):
        raise ConfigError(f"scoring must be 'loss' or 'accuracy', got {estimator.scoring!r}.")
    fraction = estimator.validation_fraction
    is_count = _is_integer(fraction) and fraction >= 1
    if fraction is not None and not is_count and not (_is_number(fraction) and 0 < fraction < 1):
        raise ConfigError(
            f"validation_fraction must be a share between 0 and 1, a number of images or None, got {fraction!r}."
        )
    if not (_is_number(estimator.tol) and estimator.tol >= 0):
        raise ConfigError(f"tol must be a number of at least 0, got {estimator.tol!r}.")


def make_optimizer(optimizer: Any, learning_rate: Any, momentum: Any, weight_decay: Any) -> Optimizer:
    """A new optimizer.

    Parameters
    ----------
    optimizer : a name in ``OPTIMIZERS``, or an Optimizer, of which a copy is used
    learning_rate, momentum, weight_decay : float, or None to keep that of the optimizer

    Raises
    ------
    ConfigError
        If the name is unknown, the optimizer has no momentum, or a value is out of range.
    """
    if not isinstance(optimizer, Optimizer) and not (isinstance(optimizer, str) and optimizer in OPTIMIZERS):
        raise ConfigError(
            f"optimizer must be one of {', '.join(OPTIMIZERS)} or an Optimizer, got {optimizer!r}"
            f"{did_you_mean(optimizer, OPTIMIZERS)}."
        )
    given = {"learning_rate": learning_rate, "momentum": momentum, "weight_decay": weight_decay}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if not _is_number(value):
            raise ConfigError(f"{name} must be a number or None, got {value!r}.")
    kind: Any = type(optimizer) if isinstance(optimizer, Optimizer) else OPTIMIZERS[optimizer]
    if momentum is not None and not issubclass(kind, SGD):
        raise ConfigError(f"momentum is a setting of sgd, got {momentum!r} for {kind.__name__}: leave it None.")
    if isinstance(optimizer, str):
        made: Optimizer = kind(**given)
        return made
    copy = deepcopy(optimizer)
    kind(**{"learning_rate": copy.learning_rate, **given})  # checks the values
    for name, value in given.items():
        setattr(copy, name, value)
    return copy


def chosen_batch_size(batch_size: Any, rows: int) -> int:
    """The batch size for a number of rows."""
    if batch_size != "auto":
        return int(batch_size)
    return next((size for most, size in BATCH_SIZES if rows <= most), LARGEST_AUTO_BATCH)


def checked_weights(sample_weight: Any, count: int) -> Array:
    """Weights of samples, (N,) float64; ConfigError unless they are finite, not negative, and not all zero."""
    if sample_weight is None:
        return np.ones(count)
    weights = np.asarray(sample_weight, np.float64)
    weights = np.full(count, weights) if weights.ndim == 0 else weights
    if weights.shape != (count,):
        raise ConfigError(f"sample_weight must have one weight per sample, shape ({count},), got {weights.shape}.")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ConfigError("sample_weight must be finite and at least 0, got a negative or infinite weight or NaN.")
    if not weights.any():
        raise ConfigError("sample_weight must contain at least one non-zero weight, got only zero.")
    return weights


def weights_of_classes(class_weight: Any, classes: Any, y: Any, weights: Array) -> Array:
    """Weight of each class, (classes,).

    Parameters
    ----------
    class_weight : None, "balanced" for Σ weights / (classes · Σ weights of the class), or a dict by label
    classes : ndarray, the labels
    y : ndarray of shape (N,), index of the class of each sample
    weights : ndarray of shape (N,), of the samples

    Raises
    ------
    ConfigError
        If it is neither, a label of the dict is unknown, or a weight is negative.
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        return balanced_weights(np.bincount(y, weights=weights, minlength=len(classes)))
    if not isinstance(class_weight, dict):
        raise ConfigError(f"class_weight must be None, 'balanced' or a dict of label and weight, got {class_weight!r}.")
    labels = classes.tolist()
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        raise ConfigError(f"class_weight has the labels {unknown}, which are not in y: expected some of {labels}.")
    found = [class_weight.get(label, 1.0) for label in labels]
    if not all(_is_number(weight) and weight >= 0 for weight in found) or not any(found):
        raise ConfigError(f"class_weight must be finite numbers of at least 0, not all zero, got {class_weight!r}.")
    return np.array(found, np.float64)


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
