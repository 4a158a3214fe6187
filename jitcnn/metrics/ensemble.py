"""``Ensemble``: several models whose probabilities are averaged."""

from collections.abc import Iterator, Sequence
from unicodedata import normalize

import numpy as np

from ..data.matching import listed
from ..errors import ConfigError, DataError, ShapeError
from ..net.model import CNN
from ..shapes import Shape
from ..support.arrays import Array, IntArray


class Ensemble:
    """Several models of the same classes and input shape; their probabilities are averaged.

    ``evaluate`` accepts an Ensemble instead of a model. Each model normalises the images with its own ``mean`` and ``std``.
    Classes are matched by name, and numbered as by the first model that has class names; one without must number them alike.

    Parameters
    ----------
    models : sequence of at least one CNN

    Attributes
    ----------
    models : tuple of CNN
    name : str, for tables
    named : CNN, the first model that has class names, or the first one
    class_names, input_shape, num_classes
        Those of ``named``.

    Raises
    ------
    ConfigError
        If ``models`` is empty or contains anything but models.
    ShapeError, DataError
        If the models differ in their input shape or their classes.

    References
    ----------
    Lakshminarayanan, Pritzel and Blundell (2017), "Simple and scalable predictive uncertainty estimation using deep
    ensembles", arXiv:1612.01474.

    Examples
    --------
    >>> from jitcnn import evaluate, load_digits
    >>> from jitcnn.metrics import Ensemble
    >>> from jitcnn.models import mnist_dense
    >>> data = load_digits()
    >>> both = Ensemble([mnist_dense(seed=0), mnist_dense(seed=1)])
    >>> both.predict_proba(data.x_test[:3]).shape
    (3, 10)
    >>> result = evaluate(both, data.x_test, data.y_test)
    >>> len(result.members), result.total
    (2, 360)
    """

    def __init__(self, models: Sequence[CNN]) -> None:
        self.models = tuple(models)
        if not self.models or not all(isinstance(model, CNN) for model in self.models):
            raise ConfigError(f"Ensemble expects at least one CNN, got {models!r}.")
        first = self.models[0]
        for model in self.models[1:]:
            if model.input_shape != first.input_shape:
                raise ShapeError(
                    f"Ensemble expects models of one input shape, got {first.input_shape} of {first.name} and "
                    f"{model.input_shape} of {model.name}: leave one out, or train both on images of one size."
                )
        self.named = next((model for model in self.models if model.class_names), first)
        self._orders = [_order(self.named, model) for model in self.models]
        self.class_names = self.named.class_names
        self.input_shape: Shape | None = first.input_shape
        self.num_classes = self.named.num_classes
        self.name = f"ensemble of {len(self.models)} models" if len(self.models) > 1 else first.name

    @property
    def images_at_once(self) -> int:
        """Batch size for evaluation: the smallest of the models."""
        return min(model.images_at_once for model in self.models)

    def logits(self, views: Sequence[Array | IntArray]) -> Iterator[list[Array]]:
        """For each model, the logits (N, classes) of every view (N, C, H, W), with the classes in the order of ``named``."""
        width: int | None = None
        for model, order in zip(self.models, self._orders, strict=True):
            found = [_ordered(model.logits(model.as_input(view), training=False), order) for view in views]
            width = self._same_width(width, found[0], model)
            yield found

    def predict_proba(self, x: Array | IntArray, batch_size: int | None = None) -> Array:
        """Mean probability of each class, in evaluation mode; parameters as for ``CNN.predict_proba``.

        Returns
        -------
        ndarray of shape (N, classes)

        Examples
        --------
        >>> from jitcnn.metrics import Ensemble
        >>> from jitcnn.models import lenet5
        >>> one, other = lenet5(seed=0), lenet5(seed=1)
        >>> images = np.zeros((2, 1, 28, 28), np.uint8)
        >>> mean = (one.predict_proba(images) + other.predict_proba(images)) / 2
        >>> np.allclose(Ensemble([one, other]).predict_proba(images), mean)
        True
        """
        total: Array | None = None
        for model, order in zip(self.models, self._orders, strict=True):
            found = _ordered(model.predict_proba(x, batch_size), order)
            self._same_width(None if total is None else total.shape[1], found, model)
            total = found if total is None else total + found
        assert total is not None  # for mypy: there is at least one model
        return total / len(self.models)

    def predict(self, x: Array | IntArray, batch_size: int | None = None) -> IntArray:
        """The class with the highest mean probability of each image, (N,) int64; parameters as for ``predict_proba``.

        Examples
        --------
        >>> from jitcnn import CNN, Dense
        >>> from jitcnn.metrics import Ensemble
        >>> sure, unsure = Dense(2, 2), Dense(2, 2)
        >>> sure.weights[...], unsure.weights[...] = 2 * np.eye(2), -np.eye(2)
        >>> Ensemble([CNN([sure]), CNN([unsure])]).predict(np.array([[5, 1], [2, 3]], np.float32))
        array([0, 1])
        """
        classes: IntArray = self.predict_proba(x, batch_size).argmax(axis=1)
        return classes

    def _same_width(self, width: int | None, found: Array, model: CNN) -> int:
        """The number of columns, if it is ``width``; of models without ``input_shape`` it is not known before."""
        columns: int = found.shape[1]
        if width not in (None, columns):
            raise DataError(
                f"{self.name} expects models of the same classes, got {width} of {self.models[0].name} and {columns} of "
                f"{model.name}: leave one out."
            )
        return columns

    def __len__(self) -> int:
        return len(self.models)

    def __repr__(self) -> str:
        return f"<Ensemble of {', '.join(model.name for model in self.models)}>"


def _ordered(found: Array, order: IntArray | None) -> Array:
    return found if order is None else found[:, order]


def _order(first: CNN, model: CNN) -> IntArray | None:
    """Number in ``model`` of each class of ``first``, (classes,); None if both number them alike."""
    ours, theirs = (tuple(normalize("NFC", name) for name in one.class_names) for one in (first, model))
    same = sorted(ours) == sorted(theirs) if ours and theirs else first.num_classes == model.num_classes
    if not same:
        raise DataError(
            f"Ensemble expects models of the same classes, got {_classes(first)} of {first.name} and {_classes(model)} of "
            f"{model.name}: leave one out."
        )
    return None if not ours or not theirs or ours == theirs else np.array([theirs.index(name) for name in ours])


def _classes(model: CNN) -> str:
    return listed(model.class_names) if model.class_names else f"{model.num_classes} unnamed classes"
