"""NumPy files: keys, layouts, labels and values; never unpickled."""

import re
from pathlib import Path

import numpy as np
import pytest

from jitcnn.data import load_dataset
from jitcnn.data.formats import open_images
from jitcnn.errors import DataError


def test_keras_mnist_npz_is_read_as_it_is(grey):
    x, y = grey
    np.savez("mnist.npz", x_train=x[:20, 0], y_train=y[:20], x_test=x[20:, 0], y_test=y[20:])
    data, note = load_dataset("mnist.npz")
    assert np.array_equal(data.x_train, x[:20])
    assert np.array_equal(data.y_test, y[20:])
    assert data.name == "mnist.npz"
    assert "no channel axis" in note


@pytest.mark.parametrize(
    "keys",
    [("images", "labels"), ("X", "y"), ("data", "target"), ("train_images", "train_labels"), ("X_train", "Y_train"),
     ("xtrain", "ytrain"), ("arr_0", "arr_1")],
)  # fmt: skip
def test_common_keys_are_known(keys, grey):
    np.savez("a.npz", **dict(zip(keys, grey, strict=True)))
    data, _ = load_dataset("a.npz")
    assert (len(data.x_train), len(data.x_test)) == (24, 6)


def test_medmnist_keys_fill_the_validation_images(grey):
    x, y = grey
    arrays = {
        f"{part}_{kind}": a for part in ("train", "val", "test") for kind, a in (("images", x), ("labels", y[:, None]))
    }
    np.savez("a.npz", **arrays)
    data, _ = load_dataset("a.npz")
    assert data.x_validation is not None
    assert np.array_equal(data.x_validation, x)
    assert data.evaluated_on == "test"


def test_validation_images_are_evaluated_on_without_test_images(grey):
    x, y = grey
    np.savez("a.npz", x_train=x, y_train=y, x_val=x[:6], y_val=y[:6])
    data, _ = load_dataset("a.npz")
    assert (data.evaluated_on, len(data.x_test), data.x_validation) == ("validation", 6, None)


@pytest.mark.parametrize(
    ("order", "layout"),
    [((0, 1, 2, 3), "channels first"), ((0, 2, 3, 1), "channels last"), ((2, 3, 1, 0), "channels last")],
)
def test_channels_are_found_by_the_shape(order, layout, colour):
    x, y = colour
    np.savez("a.npz", x_train=x.transpose(order), y_train=y, x_test=x.transpose(order), y_test=y)
    data, note = load_dataset("a.npz")
    assert np.array_equal(data.x_train, x)
    assert layout in note


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (lambda x: x / np.float32(255), "values 0 to 1, stored as float"),
        (lambda x: x.astype(np.float64), "values 0 to 255 \\(8 bits\\), stored as float"),
        (lambda x: x / 127.5 - 1, "values -1 to 1, stored as float"),
        (lambda x: x.astype(np.int64), "values 0 to 255 \\(8 bits\\), stored as integer"),
        (lambda x: x.astype(np.uint16) * 257, "values 0 to 65,535 \\(16 bits\\), stored as integer"),
    ],
)
def test_other_values_give_the_same_bytes_and_say_so(values, shown, grey):
    x, y = grey
    x[0, 0, 0, :2] = 0, 255
    np.savez("a.npz", x_train=values(x), y_train=y, x_test=values(x), y_test=y)
    data, note = load_dataset("a.npz")
    assert data.x_train.dtype == np.uint8
    assert np.array_equal(data.x_train, x)
    assert re.search(shown, note)


def test_fractions_up_to_255_keep_their_scale(grey):
    x, y = grey
    x = np.minimum(x, 200)
    np.savez("a.npz", x_train=x + 0.25, y_train=y, x_test=x + 0.25, y_test=y)
    assert np.array_equal(load_dataset("a.npz")[0].x_train, x)


@pytest.mark.parametrize("largest", [1, 16])
def test_few_levels_are_stretched_and_recorded(largest, grey):
    x, y = grey
    np.savez("a.npz", x=x % (largest + 1), y=y)
    data, _ = load_dataset("a.npz")
    assert data.x_train.max() == 255
    assert data.value_ranges == {"integer": (0.0, float(largest))}


def test_values_of_the_model_replace_those_of_the_file(grey):
    x, y = grey
    np.savez("a.npz", x=(x // 2).astype(np.float32) / 255, y=y)
    data, _ = load_dataset("a.npz", value_ranges={"float": (0.0, 0.5)})
    assert data.x_train.max() > 250
    assert data.value_ranges == {"float": (0.0, 0.5)}


def test_booleans_are_black_and_white(grey):
    x, y = grey
    np.savez("a.npz", x=x > 127, y=y)
    assert set(np.unique(load_dataset("a.npz")[0].x_train)) == {0, 255}


@pytest.mark.parametrize(
    "form", [lambda y: np.eye(3)[y], lambda y: y[:, None], lambda y: y[None], lambda y: y.astype(float)]
)
def test_labels_of_every_form_are_the_same(form, grey):
    x, y = grey
    np.savez("a.npz", x_train=x, y_train=form(y), x_test=x, y_test=form(y))
    assert np.array_equal(load_dataset("a.npz")[0].y_train, y)


def test_texts_are_sorted_class_names(grey):
    x, y = grey
    np.savez("a.npz", x_train=x, y_train=np.array(["b", "a", "c"])[y], x_test=x, y_test=np.array([b"b", b"a", b"c"])[y])
    data, _ = load_dataset("a.npz")
    assert data.class_names == ("a", "b", "c")
    assert data.y_test[:3].tolist() == [1, 0, 2]


def test_labels_from_1_are_numbered_from_0_and_keep_their_names(grey):
    x, y = grey
    np.savez("a.npz", x_train=x, y_train=y + 1, x_test=x, y_test=y + 1)
    data, note = load_dataset("a.npz")
    assert (data.class_names, data.y_train.min()) == (("1", "2", "3"), 0)
    assert "labels 1 to 3 numbered from 0" in note


def test_class_names_are_taken_and_other_arrays_reported(grey):
    x, y = grey
    np.savez("a.npz", x=x, y=y, class_names=np.array(["one", "two", "three"]), ids=np.arange(30))
    data, note = load_dataset("a.npz")
    assert data.class_names == ("one", "two", "three")
    assert "left out: ids" in note


@pytest.mark.parametrize("path", [".", "X_train.npy"])
def test_npy_files_belong_together(path, grey):
    x, y = grey
    for name, array in (("X_train", x), ("y_train", y), ("X_test", x[:6]), ("y_test", y[:6])):
        np.save(f"{name}.npy", array)
    data, _ = load_dataset(path)
    assert (len(data.x_train), len(data.x_test)) == (30, 6)


def test_single_npy_of_images_is_opened_to_predict(grey):
    np.save("unseen.npy", grey[0])
    rows = open_images("unseen.npy")
    assert (rows.count, rows.shape) == (30, (1, 6, 5))
    assert np.array_equal(next(rows.chunks(7)), grey[0][:7])


X, Y = np.arange(8 * 20, dtype=np.uint8).reshape(8, 1, 4, 5), np.arange(8) % 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X, "y": Y[:7]}, "one label for each of the 8 images"),
        ({"x": X, "y": np.where(Y, np.nan, 0)}, "no classes: expected whole numbers or names, got nan for image 2"),
        ({"x": X, "y": Y + 0.5}, "no classes: expected whole numbers or names, got 0.5 for image 1"),
        ({"x": X, "y": np.ones((8, 3))}, "expected one-hot rows, each a single 1 and zeros, got another in row 1"),
        ({"x": np.where(X == 3, np.nan, X), "y": Y}, "NaN or infinite values, first in image 1"),
        ({"x": X.reshape(8, 2, 10), "y": Y, "images": X}, "two arrays of images"),
        ({"x": X[:, :, :, :, None], "y": Y}, r"shape \(8, 1, 4, 5, 1\): expected images"),
        ({"x": np.zeros((8, 3, 5, 3), np.uint8), "y": Y}, "channels first or last"),
        ({"x": np.zeros((8, 2, 5, 4), np.uint8), "y": Y}, "with 1 or 3 channels"),
        ({"x": X.astype(complex), "y": Y}, "values of type complex128"),
        ({"x": X[:0], "y": Y[:0]}, "at least one image"),
        ({"x": X}, "holds the arrays x: expected images and labels of training"),
        ({"x_test": X, "y_test": Y}, "expected images and labels of training"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1}, "in the test images, got also 2"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :, :3], "y_test": Y}, "images of several shapes"),
        ({"x": X, "y": Y, "class_names": np.array(["a", "a"])}, "expected distinct names"),
        ({"x": X, "y": np.array(["a", "b"])[Y], "x_test": X, "y_test": Y}, "numbers and names as labels"),
        ({"x": X, "y": np.array([None, 1] * 4)}, "Python objects, which are not read as unpickling can run any code"),
    ],
)
def test_arrays_that_are_no_data_set_are_a_data_error(arrays, message):
    np.savez("a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load_dataset("a.npz")


def test_many_different_labels_are_no_classes(rng):
    np.savez("a.npz", x=rng.integers(0, 256, (150, 4, 4), np.uint8), y=np.arange(150))
    with pytest.raises(DataError, match="150 different labels for 150 images: expected classes"):
        load_dataset("a.npz")


@pytest.mark.parametrize("keep", [0.5, 0.95])
def test_truncated_npz_is_a_data_error(keep, grey):
    np.savez("a.npz", x=grey[0], y=grey[1])
    contents = Path("a.npz").read_bytes()
    Path("a.npz").write_bytes(contents[: int(len(contents) * keep)])
    with pytest.raises(DataError, match="cannot be read: expected NumPy arrays"):
        load_dataset("a.npz")


def test_object_npy_is_refused_without_unpickling(grey):
    np.save("x.npy", np.array([{}, {}], object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        open_images("x.npy")


def test_several_arrays_of_images_to_predict_are_a_data_error(grey):
    np.savez("a.npz", x_train=grey[0], x_val=grey[0])
    with pytest.raises(DataError, match="expected one array of images to predict"):
        open_images("a.npz")
