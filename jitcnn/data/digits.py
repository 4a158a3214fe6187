"""The embedded data set: 1,797 handwritten digits of 8×8 pixels, resized to MNIST's 28×28."""

from importlib.resources import files

import numpy as np

from ..support.arrays import Array, IntArray
from .dataset import Dataset

TRAIN_COUNT = 1437  # four fifths


def load_digits() -> Dataset:
    """The UCI handwritten digits (source and licence: ``digits.txt``): 1,437 training and 360 test images.

    As in MNIST, the digits fill a 20×20 box centred in 28×28 pixels; the 8×8 images are upsampled to it. Grey levels
    0 … 16 are rescaled to 0 … 255. The train/test split is drawn with a fixed seed.

    Examples
    --------
    >>> from jitcnn import load_digits
    >>> data = load_digits()
    >>> data.x_train.shape, data.x_test.shape, data.x_train.dtype
    ((1437, 1, 28, 28), (360, 1, 28, 28), dtype('uint8'))
    """
    small, labels = read_digits()
    order = np.random.default_rng(1998).permutation(len(small))
    images = np.zeros((len(small), 1, 28, 28), np.uint8)
    images[:, 0, 4:24, 4:24] = np.rint(_enlarge(small.astype(np.float64), 20) * (255 / 16))
    images, labels = images[order], labels[order].astype(np.int64)
    return Dataset(
        name="digits",
        source="embedded: UCI Optical Recognition of Handwritten Digits, CC BY 4.0",
        x_train=images[:TRAIN_COUNT],
        y_train=labels[:TRAIN_COUNT],
        x_test=images[TRAIN_COUNT:],
        y_test=labels[TRAIN_COUNT:],
        class_names=tuple("0123456789"),
        preparation="ink",
    )


def read_digits() -> tuple[IntArray, IntArray]:
    """The original data: images (1797, 8, 8) with values 0 … 16, and labels (1797,), uint8."""
    with files("jitcnn.data").joinpath("digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as digits:
        return digits["images"], digits["labels"]


def _enlarge(images: Array, size: int) -> Array:
    """Bilinear resize (N, S, S) -> (N, size, size), with pixel centres aligned."""
    S = images.shape[1]
    position = np.clip((np.arange(size) + 0.5) * S / size - 0.5, 0, S - 1)
    spread = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(S)))  # (size, S): weight of each input pixel
    enlarged: Array = spread @ images @ spread.T
    return enlarged
