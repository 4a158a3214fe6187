"""The half of ``CNNClassifier`` that needs no training data: prediction, files and pickles."""

import os
from math import prod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..errors import ShapeError
from ..functional import softmax
from ..net.model import CNN
from ..optim import Optimizer
from ..shapes import Shape
from ..support.arrays import Array
from .layout import Layout
from .loop import logits_of
from .rows import prepare
from .settings import make_optimizer
from .storage import pack, read_classifier, unpack, write_classifier

DTYPES = [np.float32, np.float64, np.uint8]  # of X, used as they are; others become float32
ROWS_AT_ONCE = 1024  # prepared in prediction
MOST_SEED = 2**31 - 1


class Predictor(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts with a fitted net; base class of ``CNNClassifier``."""

    classes_: Any
    net_: CNN
    mean_: Array
    scale_: Array
    image_shape_: Shape
    n_iter_: int
    best_epoch_: int | None
    validation_scores_: Array
    history_: dict[str, list[float | None]]
    _layout: Layout
    _optimizer: Optimizer
    _seeds: list[int]  # of the weights, the order of the samples, and the validation samples
    _rng: np.random.Generator

    def _logits(self, X: Any) -> Array:
        """Logits, (N, classes) float64."""
        check_is_fitted(self)
        flat, sample = flattened(X)
        x = validate_data(self, flat, reset=False, dtype=DTYPES)
        self._check_layout(sample)
        blocks = (x[start : start + ROWS_AT_ONCE] for start in range(0, len(x), ROWS_AT_ONCE))
        parts = [logits_of(self.net_, prepare(block, self._layout, self.mean_, self.scale_)) for block in blocks]
        return np.concatenate(parts)

    def predict(self, X: Any) -> Any:
        """The most probable label of each sample, (N,)."""
        chosen = self._logits(X).argmax(axis=1)
        return self.classes_[chosen]

    def predict_proba(self, X: Any) -> Array:
        """Probability of each label, (N, classes), in the order of ``classes_``."""
        return softmax(self._logits(X))

    def decision_function(self, X: Any) -> Array:
        """The logits, (N, classes); with two classes their difference, (N,), positive for ``classes_[1]``."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def _draw_seeds(self) -> None:
        self._seeds = check_random_state(self.random_state).randint(MOST_SEED, size=3).tolist()

    def _new_optimizer(self) -> None:
        """A new optimizer, and a new generator for the order of the samples."""
        self._optimizer = make_optimizer(self.optimizer, self.learning_rate, self.momentum, self.weight_decay)
        self._rng = np.random.default_rng(self._seeds[1])

    def _check_layout(self, sample: tuple[int, ...]) -> None:
        if sample and not self._layout.accepts(sample):
            raise ShapeError(
                f"CNNClassifier was fitted on samples of shape {self._layout.shape}, X has samples of shape {sample}."
            )

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of correct predictions, weighted."""
        return float(accuracy_score(plain_labels(y), self.predict(X), sample_weight=sample_weight))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted classifier to one .npz file without any pickle; ``CNN.load`` reads the net in it.

        Parameters that are not plain values, such as a function as ``model``, are not written, nor is the state of the
        optimizer: after ``load``, ``partial_fit`` goes on from the weights with a new optimizer.

        Raises
        ------
        ConfigError, CheckpointError
            If the labels are not booleans, numbers or strings, or the file cannot be written.
        """
        check_is_fitted(self)
        write_classifier(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a classifier written by ``save``; CheckpointError if the file is damaged or another one."""
        parameters, fitted = read_classifier(path)
        known = cls._get_param_names()
        classifier = cls(**{name: value for name, value in parameters.items() if name in known})
        classifier.__dict__.update(fitted)
        classifier._draw_seeds()
        classifier._new_optimizer()
        return classifier

    def __getstate__(self) -> dict[str, Any]:
        return pack(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(unpack(state))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def flattened(X: Any) -> tuple[Any, tuple[int, ...]]:
    """X with more than two axes as rows, and the shape of a sample; anything else unchanged, and ()."""
    shape = getattr(X, "shape", None)
    if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) > 1:
        X = np.asarray(X)
        shape = X.shape
    if not isinstance(shape, tuple) or len(shape) < 3:
        return X, ()
    x = np.asarray(X)
    return x.reshape(len(x), prod(shape[1:])), x.shape[1:]


def plain_labels(y: Any) -> Any:
    """Labels in an array of objects as an array of numbers, if they are numbers; others unchanged."""
    if not isinstance(y, np.ndarray) or y.dtype.kind != "O":
        return y
    kinds = {type(label) for label in np.ravel(y)}
    return (
        np.array(y.tolist()) if kinds and all(issubclass(kind, bool | int | float | np.number) for kind in kinds) else y
    )
