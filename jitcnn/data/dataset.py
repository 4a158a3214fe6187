"""Dataset: uint8 images and integer labels, split into training and test."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import numpy as np

from ..errors import ConfigError, DataError, ShapeError
from ..net.model import CNN
from ..support.arrays import IntArray
from ..support.renamed import keep_old_names


@dataclass(frozen=True)
class Dataset:
    """Training and test images with labels.

    Parameters
    ----------
    name, source : str; name and origin
    x_train, x_test : ndarray of shape (N, C, H, W), uint8
    y_train, y_test : ndarray of shape (N,), int64
    class_names : names of classes 0, 1, …; by default "0", "1", … up to the largest label
    preparation : how an image file is preprocessed to match, see ``data.images.read_for``
    evaluated_on : "test", or "validation" if x_test and y_test are held out from the training images
    split : how the test images were drawn, such as {"seed": 0, "test_share": 0.2}; empty if the source separates them
    value_ranges : by kind, "integer" or "float", the values that became 0 and 255 in images with more than 8 bits

    Raises
    ------
    DataError
        If the numbers of images and labels differ, or a label is out of range.

    Examples
    --------
    >>> from jitcnn import Dataset
    >>> images, labels = np.zeros((6, 1, 28, 28), np.uint8), np.array([0, 1, 2, 0, 1, 2])
    >>> data = Dataset("shapes", "drawn", images, labels, images[:3], labels[:3], ("disc", "square", "cross"))
    >>> data.num_classes, data.image_shape
    (3, (1, 28, 28))
    >>> len(data.validation(2).x_train)
    4
    """

    name: str
    source: str
    x_train: IntArray
    y_train: IntArray
    x_test: IntArray
    y_test: IntArray
    class_names: tuple[str, ...] = ()
    preparation: str = ""
    evaluated_on: str = "test"
    split: Mapping[str, Any] = field(default_factory=dict)
    value_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for half, x, y in (("training", self.x_train, self.y_train), ("test", self.x_test, self.y_test)):
            if len(x) != len(y):
                raise DataError(
                    f"{self.name}: expected one label per {half} image, got {len(x)} images and {len(y)} labels; "
                    "use images and labels from the same source."
                )
        smallest = min(int(y.min(initial=0)) for y in (self.y_train, self.y_test))
        largest = max(int(y.max(initial=0)) for y in (self.y_train, self.y_test))
        if not self.class_names:
            object.__setattr__(self, "class_names", tuple(map(str, range(largest + 1))))
        if smallest < 0 or largest >= len(self.class_names):
            wrong = smallest if smallest < 0 else largest
            raise DataError(f"{self.name}: expected labels 0 to {len(self.class_names) - 1}, got {wrong}.")

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Image shape (C, H, W)."""
        return self.x_train.shape[1:]

    @property
    def channels(self) -> int:
        """1 for greyscale, 3 for RGB."""
        return self.image_shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image_shape[1], self.image_shape[2]

    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Per-channel mean and standard deviation of the training pixels / 255, for ``CNN.normalise_by``.

        A constant channel gets standard deviation 1, to avoid division by zero.

        Raises
        ------
        DataError
            If the images are not uint8.
        """
        if self.x_train.dtype != np.uint8:
            raise DataError(
                f"{self.name}: normalising by mean and std needs uint8 pixels, got {self.x_train.dtype}; scale float images "
                "before, and train with normalise off."
            )
        counts = np.zeros((self.channels, 256))
        for start in range(0, len(self.x_train), 500):  # in chunks: bincount converts uint8 to int64
            for channel in range(self.channels):
                counts[channel] += np.bincount(self.x_train[start : start + 500, channel].ravel(), minlength=256)
        values, share = np.arange(256) / 255, counts / counts.sum(axis=1, keepdims=True)
        means = share @ values
        deviations = np.sqrt((share * (values - means[:, None]) ** 2).sum(axis=1))
        return tuple(means.tolist()), tuple((deviations + (deviations == 0)).tolist())

    def check_fit(self, model: CNN) -> None:
        """Raise if the model does not fit the image shape or the number of classes.

        Raises
        ------
        ShapeError, DataError
            If the image shape or the number of classes differs from the model's.
        """
        self.check_shape(model)
        if model.input_shape is not None and self.num_classes != model.num_classes:
            raise DataError(
                f"{model.name} has {model.num_classes} classes, {self.name} has {self.num_classes}; "
                "choose a matching model or data set."
            )

    def check_shape(self, model: CNN) -> None:
        """ShapeError if the image shape differs from the input shape of the model, where that is known."""
        if model.input_shape is not None and self.image_shape != model.input_shape:
            raise ShapeError(
                f"{model.name} expects images of shape {_shape(model.input_shape)}, got {_shape(self.image_shape)} "
                f"from {self.name}; choose a matching model or data set."
            )

    def identity(self) -> dict[str, Any]:
        """Name, sizes, and a checksum of all images and labels, as plain values that identify the data set."""
        checksum = 0
        for array in (self.x_train, self.y_train, self.x_test, self.y_test):
            for start in range(0, len(array), 1000):
                checksum = crc32(array[start : start + 1000].tobytes(), checksum)
        sizes = {"training images": len(self.x_train), "test images": len(self.x_test)}
        return {"data set": self.name, **sizes, "checksum of the images": f"{checksum:08x}"}

    def limited(self, count: int) -> "Dataset":
        """The first ``count`` training and ``count`` test images, as a new Dataset; ConfigError if ``count`` < 1."""
        if count < 1:
            raise ConfigError(f"limit must be at least 1 image, got {count}.")
        return replace(
            self,
            x_train=self.x_train[:count],
            y_train=self.y_train[:count],
            x_test=self.x_test[:count],
            y_test=self.y_test[:count],
        )

    def validation(self, count: int, seed: int = 0) -> "Dataset":
        """Replace the test images by ``count`` training images, held out for validation, chosen by ``seed``.

        Use it to choose hyperparameters without the test images. ConfigError unless training images remain.
        """
        images = len(self.x_train)
        if not 1 <= count < images:
            raise ConfigError(
                f"validation must be at least 1 and less than the {images:,} training images, got {count}."
            )
        order = np.random.default_rng(seed).permutation(images)
        held, learnt = np.sort(order[:count]), np.sort(order[count:])
        return replace(
            self,
            source=f"{self.source}; evaluated on images held out from training, not on the test images",
            x_train=self.x_train[learnt],
            y_train=self.y_train[learnt],
            x_test=self.x_train[held],
            y_test=self.y_train[held],
            evaluated_on="validation",
            split={**self.split, "validation": count, "validation_seed": seed},
        )


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


keep_old_names(Dataset, {"examined_on": "evaluated_on"}, ())
