"""The embedded digits: original data and resized data set."""

from importlib.resources import files

import numpy as np
import pytest

from jitcnn.data.digits import _enlarge, load_digits, read_digits


def test_values_equal_scikit_learn():
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    images, labels = read_digits()
    np.testing.assert_array_equal(images, theirs.images)
    np.testing.assert_array_equal(labels, theirs.target)


def test_file_is_small_and_has_a_licence():
    folder = files("jitcnn.data")
    assert len(folder.joinpath("digits.npz").read_bytes()) < 60_000
    assert "CC BY 4.0" in folder.joinpath("digits.txt").read_text()


def test_shapes_match_mnist():
    data = load_digits()
    assert data.x_train.shape == (1437, 1, 28, 28)
    assert data.x_test.shape == (360, 1, 28, 28)
    assert data.x_train.dtype == np.uint8
    assert data.x_train.max() == 255
    assert set(data.y_test) == set(range(10))


def test_splits_are_disjoint():
    data = load_digits()
    train, test = ({image.tobytes() for image in half} for half in (data.x_train, data.x_test))
    assert not train & test


def test_resizing_keeps_constant_areas_and_interpolates_edges():
    row = np.zeros((1, 4, 4))
    row[0, :, 2:] = 8
    large = _enlarge(row, 8)[0, 0]
    assert large.tolist() == [0, 0, 0, 2, 6, 8, 8, 8]
