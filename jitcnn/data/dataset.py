"""Dataset: uint8 images and integer labels, split into training and test."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import numpy as np

from ..errors import ConfigError, DataError, ShapeError
from ..net.model import CNN
from ..support.arrays import IntArray
from ..support.image_rows import blocks, take_rows
from ..support.renamed import keep_old_names
from .strata import single_class, stratified


@dataclass(frozen=True)
class Dataset:
    """Training and test images with labels.

    Parameters
    ----------
    name, source : str; name and origin
    x_train, x_test : ndarray of shape (N, C, H, W), uint8; also of a memory-mapped file (``np.memmap``), or ImageRows,
        which are read as needed and never copied as a whole
    y_train, y_test : ndarray of shape (N,), int64
    class_names : names of classes 0, 1, …; by default "0", "1", … up to the largest label
    preparation : how an image file is preprocessed to match, see ``data.images.read_for``
    evaluated_on : "test", or "validation" if x_test and y_test are held out from the training images
    split : how the test images were drawn, such as {"seed": 0, "test_share": 0.2}; empty if the source separates them
    value_ranges : by kind, "integer" or "float", the values that became 0 and 255 in images with more than 8 bits
    x_validation, y_validation : ndarray of shape (N, C, H, W) and (N,), the validation images of a source that has its own,
        or None; ``validation`` uses them

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
    x_validation: IntArray | None = None
    y_validation: IntArray | None = None

    def __post_init__(self) -> None:
        for half, x, y in self._halves():
            if len(x) != len(y):
                raise DataError(
                    f"{self.name}: expected one label per {half} image, got {len(x)} images and {len(y)} labels; "
                    "use images and labels from the same source."
                )
        smallest = min(int(y.min(initial=0)) for _, _, y in self._halves())
        largest = max(int(y.max(initial=0)) for _, _, y in self._halves())
        if not self.class_names:
            object.__setattr__(self, "class_names", tuple(map(str, range(largest + 1))))
        if smallest < 0 or largest >= len(self.class_names):
            wrong = smallest if smallest < 0 else largest
            raise DataError(f"{self.name}: expected labels 0 to {len(self.class_names) - 1}, got {wrong}.")

    def _halves(self) -> list[tuple[str, IntArray, IntArray]]:
        """Name, images and labels of each part."""
        parts = [("training", self.x_train, self.y_train), ("test", self.x_test, self.y_test)]
        if self.x_validation is not None and self.y_validation is not None:
            parts.append(("validation", self.x_validation, self.y_validation))
        return parts

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

    def __repr__(self) -> str:
        counts = " and ".join(f"{len(x):,} {half}" for half, x, _ in self._halves())
        return f"<Dataset {self.name}: {counts} images of shape {_shape(self.image_shape)}, {self.num_classes} classes>"

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
        for _, images in blocks(self.x_train):
            for start in range(0, len(images), 500):  # in chunks: bincount converts uint8 to int64
                for channel in range(self.channels):
                    counts[channel] += np.bincount(images[start : start + 500, channel].ravel(), minlength=256)
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
        """The first ``count`` images of each part, as a new Dataset; ConfigError if ``count`` < 1."""
        if count < 1:
            raise ConfigError(f"limit must be at least 1 image, got {count}.")
        return replace(
            self,
            x_train=take_rows(self.x_train, slice(count)),
            y_train=self.y_train[:count],
            x_test=take_rows(self.x_test, slice(count)),
            y_test=self.y_test[:count],
            x_validation=None if self.x_validation is None else take_rows(self.x_validation, slice(count)),
            y_validation=None if self.y_validation is None else self.y_validation[:count],
        )

    def validation(self, amount: int | float | None = None, seed: int = 0) -> "Dataset":
        """Replace the test images by validation images, to choose hyperparameters without the test images.

        Parameters
        ----------
        amount : None for the validation images of the source itself; an int for that many training images, held out at
            random; a float below 1 for this share of the training images of each class, at least one of it
        seed : int, chooses the images

        Raises
        ------
        ConfigError
            If the source has no validation images, or no training images would remain.
        """
        if amount is None:
            return self._own_validation()
        rng, images = np.random.default_rng(seed), len(self.x_train)
        if not isinstance(amount, int | float | np.integer | np.floating):
            raise ConfigError(
                f"validation expects a number of images, a share of each class between 0 and 1, or None, got {amount!r}."
            )
        if 0 < amount < 1:
            held, kept = self._stratified(float(amount), rng)
            split = {"validation_share": float(amount), "validation_seed": seed}
        elif amount % 1 == 0 and 1 <= amount < images:
            order = rng.permutation(images)
            held, kept = np.sort(order[: int(amount)]), np.sort(order[int(amount) :])
            split = {"validation": int(amount), "validation_seed": seed}
        else:
            raise ConfigError(
                f"validation must be at least 1 and less than the {images:,} training images, got {amount}; a value between "
                "0 and 1 is a share of each class."
            )
        return replace(
            self,
            source=f"{self.source}; evaluated on images held out from training, not on the test images",
            x_train=take_rows(self.x_train, kept),
            y_train=self.y_train[kept],
            x_test=take_rows(self.x_train, held),
            y_test=self.y_train[held],
            evaluated_on="validation",
            split={**self.split, **split},
            x_validation=None,
            y_validation=None,
        )

    def _own_validation(self) -> "Dataset":
        if self.x_validation is None or self.y_validation is None:
            raise ConfigError(
                f"{self.name} has no validation images of its own: hold some of the {len(self.x_train):,} training images "
                "out, such as 0.1 of each class."
            )
        return replace(
            self,
            source=f"{self.source}; evaluated on its validation images, not on the test images",
            x_test=self.x_validation,
            y_test=self.y_validation,
            evaluated_on="validation",
            x_validation=None,
            y_validation=None,
        )

    def _stratified(self, share: float, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Indices of the held-out and of the remaining training images, sorted: the same share of every class."""
        single = single_class(self.y_train)
        if single is not None:
            raise ConfigError(
                f"validation by share expects at least two training images of each class, got one of "
                f"{self.class_names[single]}: add images, or give a number of images."
            )
        return stratified(self.y_train, share, rng)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


keep_old_names(Dataset, {"examined_on": "evaluated_on"}, ())
