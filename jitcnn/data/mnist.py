"""Shortcuts for MNIST: find, fetch, read, load."""

import os

from ..support.arrays import IntArray
from .idx_sets import MNIST

find_mnist = MNIST.find
fetch_mnist = MNIST.fetch
read_mnist = MNIST.read


def load_mnist(data_dir: str | os.PathLike[str] | None = None) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Load MNIST from ``data_dir``, ``JITCNN_DATA_DIR``, the cache, or the network.

    Returns
    -------
    x_train, y_train, x_test, y_test
        Images (60000 and 10000, 1, 28, 28), uint8; labels (60000 and 10000,), int64.

    Raises
    ------
    DataError
        If it is neither on disk nor downloadable, or is damaged.

    Examples
    --------
    >>> from jitcnn import load_mnist
    >>> x_train, y_train, x_test, y_test = load_mnist()  # doctest: +SKIP
    >>> x_train.shape, y_test.shape  # doctest: +SKIP
    ((60000, 1, 28, 28), (10000,))
    """
    data = MNIST.load(data_dir)
    return data.x_train, data.y_train, data.x_test, data.y_test
