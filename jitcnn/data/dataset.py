"""What a data set is here: images as bytes, labels as integers, in two halves."""

from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np

from ..arrays import IntArray
from ..errors import ConfigError, DataError, ShapeError
from ..model import CNN


@dataclass(frozen=True)
class Dataset:
    """Images to learn from and images to be examined on.

    Parameters
    ----------
    name, source : str, what it is and where it came from
    x_train, x_test : ndarray of shape (N, C, H, W), uint8
    y_train, y_test : ndarray of shape (N,), int64
    class_names : what the classes 0, 1, … are called; by default "0", "1", … up to the largest label
    preparation : how a picture file becomes such an image, see ``data.images.read_for``
    examined_on : "test", or "validation" where x_test and y_test are images held back from training

    Raises
    ------
    DataError
        If images and labels differ in number, or a label is no class.
    """

    name: str
    source: str
    x_train: IntArray
    y_train: IntArray
    x_test: IntArray
    y_test: IntArray
    class_names: tuple[str, ...] = ()
    preparation: str = ""
    examined_on: str = "test"

    def __post_init__(self) -> None:
        for half, x, y in (("training", self.x_train, self.y_train), ("test", self.x_test, self.y_test)):
            if len(x) != len(y):
                raise DataError(
                    f"{self.name}: expected one label for each {half} image, got {len(x)} images and {len(y)} labels; "
                    "take both files from the same source."
                )
        smallest = min(int(y.min(initial=0)) for y in (self.y_train, self.y_test))
        largest = max(int(y.max(initial=0)) for y in (self.y_train, self.y_test))
        if not self.class_names:
            object.__setattr__(self, "class_names", tuple(map(str, range(largest + 1))))
        if smallest < 0 or largest >= len(self.class_names):
            wrong = smallest if smallest < 0 else largest
            raise DataError(
                f"{self.name}: expected labels 0 to {len(self.class_names) - 1}, one for each class, got {wrong}."
            )

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""
        return self.x_train.shape[1:]

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return self.image_shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image_shape[1], self.image_shape[2]

    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of the training pixels / 255, channel by channel, for ``CNN.normalise_by``.

        A channel of one value throughout has the deviation 1, so that it can be divided by.
        """
        counts = np.zeros((self.channels, 256))
        for start in range(0, len(self.x_train), 500):  # few at a time: bincount makes integers of 8 bytes out of bytes
            for channel in range(self.channels):
                counts[channel] += np.bincount(self.x_train[start : start + 500, channel].ravel(), minlength=256)
        values, share = np.arange(256) / 255, counts / counts.sum(axis=1, keepdims=True)
        means = share @ values
        deviations = np.sqrt((share * (values - means[:, None]) ** 2).sum(axis=1))
        return tuple(means.tolist()), tuple((deviations + (deviations == 0)).tolist())

    def check_fit(self, model: CNN) -> None:
        """Refuse a model for other images or another number of classes, before anything is computed.

        Raises
        ------
        ShapeError, DataError
            If the model takes images of another shape, or tells another number of classes apart.
        """
        if model.input_shape is None:
            return
        if self.image_shape != model.input_shape:
            raise ShapeError(
                f"{model.name} expects images {_shape(model.input_shape)}, got {_shape(self.image_shape)} from "
                f"{self.name}: choose a net or a data set that fits the other."
            )
        if self.num_classes != model.num_classes:
            raise DataError(
                f"{model.name} tells {model.num_classes} classes apart, {self.name} has {self.num_classes}: "
                "choose a net or a data set that fits the other."
            )

    def identity(self) -> dict[str, Any]:
        """Name, sizes, and a checksum of all images and labels, as plain values: by which one tells it from others."""
        checksum = 0
        for array in (self.x_train, self.y_train, self.x_test, self.y_test):
            for start in range(0, len(array), 1000):
                checksum = crc32(array[start : start + 1000].tobytes(), checksum)
        sizes = {"training images": len(self.x_train), "test images": len(self.x_test)}
        return {"data set": self.name, **sizes, "checksum of the images": f"{checksum:08x}"}

    def limited(self, count: int) -> "Dataset":
        """The same set with at most ``count`` training and ``count`` test images; ConfigError below 1."""
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
        """The training images alone, ``count`` of them, drawn by ``seed``, held back to be examined on.

        So a recipe can be chosen without a look at the test images. ConfigError unless images are left to learn from.
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
            source=f"{self.source}; examined on images held back from training, not on the test images",
            x_train=self.x_train[learnt],
            y_train=self.y_train[learnt],
            x_test=self.x_train[held],
            y_test=self.y_train[held],
            examined_on="validation",
        )


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
