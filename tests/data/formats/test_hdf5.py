"""HDF5 files, written by h5py."""

import sys
from pathlib import Path

import numpy as np
import pytest

from jitcnn.data import load_dataset
from jitcnn.data.formats import open_images
from jitcnn.errors import DataError

h5py = pytest.importorskip("h5py")


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file[key.replace("__", "/")] = array


def test_groups_are_parts(grey):
    x, y = grey
    write("a.h5", train__images=x, train__labels=y, test__images=x[:6], test__labels=y[:6])
    data, note = load_dataset("a.h5")
    assert np.array_equal(data.x_train, x)
    assert np.array_equal(data.y_test, y[:6])
    assert "train/images" in note


def test_cats_and_dogs_of_two_files_are_one_data_set(colour, folder):
    x, y = colour
    names = np.array([b"cat", b"dog", b"fish"])
    write("train_pets.h5", train_set_x=x.transpose(0, 2, 3, 1), train_set_y=y, list_classes=names)
    write("test_pets.h5", test_set_x=x.transpose(0, 2, 3, 1)[:6], test_set_y=y[None, :6], list_classes=names)
    data, _ = load_dataset(folder)
    assert np.array_equal(data.x_train, x)
    assert (data.class_names, data.y_test.tolist()) == (("cat", "dog", "fish"), y[:6].tolist())


def test_variable_length_texts_are_class_names(grey):
    x, y = grey
    write("a.h5", x=x, y=np.array(["a", "b", "c"], object)[y])
    assert load_dataset("a.h5")[0].class_names == ("a", "b", "c")


def test_unlabelled_images_are_read_in_chunks(grey):
    write("a.h5", images=grey[0])
    assert [len(chunk) for chunk in open_images("a.h5").chunks(20)] == [20, 10]


def test_truncated_file_is_a_data_error(grey):
    write("a.h5", x=grey[0], y=grey[1])
    Path("a.h5").write_bytes(Path("a.h5").read_bytes()[:1000])
    with pytest.raises(DataError, match="cannot be read: expected HDF5"):
        load_dataset("a.h5")


def test_missing_h5py_names_the_command(grey, monkeypatch):
    write("a.h5", x=grey[0], y=grey[1])
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"expected h5py to read it, which is missing; pip install 'jitcnn\[formats\]'"):
        load_dataset("a.h5")
