"""Predictions of a network, in batches."""

from abc import abstractmethod
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..functional import softmax
from ..functional.calls import VERBOSE
from ..functional.pixels import normalise
from ..layers import Layer
from ..support.arrays import Array, IntArray
from .evaluating import Evaluating
from .summary import Summarised, total

EVALUATION_BATCH, EVALUATION_BYTES = 256, 1 << 28  # evaluation: largest batch, and bytes of its activations


class Predicting(Summarised):
    """Classes and probabilities of images; base class of ``CNN``."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    layers: list[Layer]
    _image_bytes: int | None
    _planned: list[tuple[Layer, Any]]

    _prepared: Evaluating | None = None
    _changes = True  # not the snapshot of a ``Predictor``: its layers are not looked at again

    @property
    def _evaluating(self) -> Evaluating:
        """The call that runs the first layers, prepared again after a change."""
        prepared = self._prepared
        if prepared is None or not prepared.is_current(self):
            self.steps()  # checks the layers
            prepared = self._prepared = Evaluating(self, watched=self._changes)
        return prepared

    @property
    def _compiled(self) -> Evaluating | None:
        """``_evaluating``, unless the layers run one by one."""
        evaluating = None if VERBOSE else self._evaluating
        return evaluating if evaluating is not None and evaluating.count > 0 else None

    @property
    def layers_in_one_call(self) -> int:
        """How many of the first layers run in one compiled call in evaluation mode; see ``logits``.

        Examples
        --------
        >>> from jitcnn.models import find_net
        >>> find_net("resnet20").layers_in_one_call
        13
        """
        return self._evaluating.count

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_prepared": None}

    @abstractmethod
    def logits(self, x: Array, training: bool = True) -> Array:
        """The output without a final Softmax."""

    def as_input(self, x: Array | IntArray) -> Array:
        """Input for ``forward``: uint8 pixels are normalised with ``mean`` and ``std``, float arrays are unchanged."""
        if not isinstance(x, np.ndarray):
            raise DTypeError(f"{self.name} expects x to be a numpy array, got {type(x).__name__}: use np.asarray(x).")
        return normalise(x, self.mean, self.std) if x.dtype == np.uint8 else x  # type: ignore[arg-type, return-value]

    @property
    def images_at_once(self) -> int:
        """Batch size for evaluation: 256, or less if the activations would exceed 256 MiB."""
        self.steps()  # resets the memory estimate if a layer was changed
        if self._image_bytes is None:
            self._image_bytes = total(self.summary_rows()).activation_bytes or 0
        fitting = EVALUATION_BYTES // self._image_bytes if self._image_bytes else EVALUATION_BATCH
        return min(EVALUATION_BATCH, max(1, fitting))

    def predict_proba(self, x: Array | IntArray, batch_size: int | None = None) -> Array:
        """Probability of each class, in evaluation mode (running statistics, no dropout).

        Parameters
        ----------
        x : ndarray of shape (N, C, H, W): uint8 pixels, normalised with ``mean`` and ``std``, or float, used unchanged
        batch_size : int, images per forward pass; default ``images_at_once``

        Returns
        -------
        ndarray of shape (N, classes)

        Examples
        --------
        >>> from jitcnn.models import lenet5
        >>> probabilities = lenet5().predict_proba(np.zeros((3, 1, 28, 28), np.uint8))
        >>> probabilities.shape, np.allclose(probabilities.sum(axis=1), 1)
        ((3, 10), True)
        """
        if len(x) == 1:
            return self._probabilities(x)
        size = batch_size or self.images_at_once
        return np.concatenate([self._probabilities(x[k : k + size]) for k in range(0, max(1, len(x)), size)])

    def _probabilities(self, x: Array | IntArray) -> Array:
        """``predict_proba`` in one forward pass."""
        compiled = self._compiled
        if compiled is not None and compiled.suits(x) and (x.dtype == np.uint8 or np.isfinite(x).all()):
            return compiled(x, probabilities=True)
        return softmax(self.logits(self.as_input(x), training=False))

    def predict(self, x: Array | IntArray, batch_size: int | None = None) -> IntArray:
        """The most probable class of each image, (N,) int64; parameters as for ``predict_proba``.

        Examples
        --------
        >>> from jitcnn import CNN, Dense
        >>> layer = Dense(2, 2)
        >>> layer.weights[...] = np.eye(2)
        >>> CNN([layer]).predict(np.array([[5, 1], [2, 3]], np.float32))
        array([0, 1])
        """
        classes: IntArray = self.predict_proba(x, batch_size).argmax(axis=1)
        return classes
