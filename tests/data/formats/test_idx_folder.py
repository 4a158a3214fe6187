"""Folders of IDX files: MNIST's layout and EMNIST."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from jitcnn.data import load_dataset
from jitcnn.data.formats.idx_folder import EMNIST
from jitcnn.errors import ConfigError, DataError


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write(name, x, y, train="train", test="test", packed=True):
    """Four files; images as stored, (N, H, W)."""
    for part in (train, test):
        for kind, array in (("images-idx3", x), ("labels-idx1", y)):
            contents = gzip.compress(idx(array)) if packed else idx(array)
            Path(f"{name}{part}-{kind}-ubyte{'.gz' * packed}").write_bytes(contents)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("path", [".", "train-images-idx3-ubyte"])
def test_four_files_of_mnist_are_read(path, packed, grey):
    x, y = grey
    write("", x[:, 0], y, test="t10k", packed=packed)
    data, note = load_dataset(path if path == "." else path + ".gz" * packed)
    assert np.array_equal(data.x_train, x)
    assert np.array_equal(data.y_test, y)
    assert "IDX files" in note


@pytest.mark.parametrize("split", EMNIST)
def test_emnist_images_are_transposed_and_classes_named(split, grey):
    x, y = grey
    write(f"emnist-{split}-", x[:, 0].swapaxes(1, 2), y + (split == "letters"))
    data, _ = load_dataset(".")
    assert np.array_equal(data.x_train, x)
    assert np.array_equal(data.y_train, y)
    assert data.class_names == tuple(EMNIST[split])
    assert data.name == f"emnist-{split}"


def test_built_in_classes_are_as_many_as_published():
    assert {split: len(set(names)) for split, names in EMNIST.items()} == {
        "byclass": 62, "bymerge": 47, "balanced": 47, "letters": 26, "digits": 10, "mnist": 10,
    }  # fmt: skip


def test_class_names_come_from_the_mapping_file(grey):
    x, y = grey
    write("emnist-letters-", x[:, 0], y + 1)
    Path("emnist-letters-mapping.txt").write_text("1 88 120\n2 89 121\n3 90 122\n")
    assert load_dataset(".")[0].class_names == ("X", "Y", "Z")


def test_folder_of_several_splits_is_refused_with_their_names(grey):
    for split in ("letters", "digits"):
        write(f"emnist-{split}-", grey[0][:, 0], grey[1] + 1)
    with pytest.raises(DataError, match="contains emnist-digits, emnist-letters: expected one; choose it, such as"):
        load_dataset(".")


@pytest.mark.parametrize("path", ["emnist-digits", "emnist-digits-test-labels-idx1-ubyte.gz"])
def test_path_selects_a_split(path, grey, folder):
    for split in ("letters", "digits"):
        write(f"emnist-{split}-", grey[0][:, 0], grey[1] + 1)
    assert load_dataset(folder / path)[0].name == "emnist-digits"


def test_split_that_is_not_there_is_a_config_error(grey, folder):
    write("emnist-digits-", grey[0][:, 0], grey[1])
    with pytest.raises(ConfigError, match="IDX files of MNIST or EMNIST"):
        load_dataset(folder / "emnist-letters")


def test_label_that_is_no_class_is_a_data_error(grey):
    write("emnist-digits-", grey[0][:, 0], grey[1] + 9)
    with pytest.raises(DataError, match=r"expected labels of the classes 0, 1, 2, 3, 4 and 5 more .* got also 10, 11"):
        load_dataset(".")


def test_truncated_file_is_a_data_error(grey):
    write("", grey[0][:, 0], grey[1], test="t10k", packed=False)
    path = Path("train-images-idx3-ubyte")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="declares 30 × 6 × 5 = 900 bytes, got 899"):
        load_dataset(".")


def test_other_contents_are_a_data_error(grey):
    write("", grey[0][:, 0], grey[1], test="t10k", packed=False)
    Path("train-labels-idx1-ubyte").write_bytes(b"none of this is IDX")
    with pytest.raises(DataError, match="is not an IDX file of unsigned bytes with 1 axes"):
        load_dataset(".")


def test_truncated_gzip_is_a_data_error(grey):
    write("", grey[0][:, 0], grey[1], test="t10k")
    path = Path("train-images-idx3-ubyte.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="damaged or truncated"):
        load_dataset(".")


def test_missing_labels_are_a_data_error(grey):
    write("", grey[0][:, 0], grey[1], test="t10k")
    Path("t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no file of test labels"):
        load_dataset(".")


def test_mapping_that_is_none_is_a_data_error(grey):
    write("emnist-digits-", grey[0][:, 0], grey[1])
    Path("emnist-digits-mapping.txt").write_text("0 zero\n")
    with pytest.raises(DataError, match="no mapping of labels to characters"):
        load_dataset(".")
