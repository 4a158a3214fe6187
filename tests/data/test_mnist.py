"""MNIST: find, verify and read; the small test files replace the originals."""

import gzip
import hashlib

import numpy as np
import pytest
from data.test_idx import idx_bytes

from jitcnn import load_mnist
from jitcnn.data import idx_sets, load_dataset
from jitcnn.data.idx_sets import MNIST
from jitcnn.data.mnist import find_mnist, read_mnist
from jitcnn.errors import ConfigError, DataError

CONTENTS = {
    "train-images-idx3-ubyte": idx_bytes(np.arange(12, dtype=np.uint8).reshape(3, 2, 2)),
    "train-labels-idx1-ubyte": idx_bytes(np.array([1, 2, 3], np.uint8)),
    "t10k-images-idx3-ubyte": idx_bytes(np.arange(8, dtype=np.uint8).reshape(2, 2, 2)),
    "t10k-labels-idx1-ubyte": idx_bytes(np.array([4, 5], np.uint8)),
}


@pytest.fixture
def small_mnist(monkeypatch, empty_cache):
    """Accept the small files above as the real ones."""
    for name, contents in CONTENTS.items():
        monkeypatch.setitem(MNIST.sha256, name, hashlib.sha256(contents).hexdigest())


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setattr(idx_sets, "mirrors_that_answer", lambda urls, seconds: [])


def write(folder, change=None, spell=str, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, contents in {**CONTENTS, **(change or {})}.items():
        packing = gzip.compress(contents) if packed else contents
        (folder / (spell(name) + (".gz" if packed else ""))).write_bytes(packing)


def test_real_files_have_the_expected_contents(mnist_dir):
    x_train, y_train, x_test, y_test = load_mnist(mnist_dir)
    assert x_train.shape == (60000, 1, 28, 28)
    assert x_test.shape == (10000, 1, 28, 28)
    assert x_train.dtype == np.uint8
    assert y_train.dtype == np.int64
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert len(y_test) == 10000


@pytest.mark.usefixtures("small_mnist")
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("spell", [str, lambda name: name.replace("-idx", ".idx")], ids=["dash", "dot"])
@pytest.mark.parametrize("below", [".", "mnist", "MNIST/raw"])
def test_files_are_found_under_their_usual_names_and_folders(packed, spell, below, tmp_path):
    write(tmp_path / "data" / below, spell=spell, packed=packed)
    x_train, y_train, x_test, y_test = load_mnist(tmp_path / "data")
    assert x_train.shape == (3, 1, 2, 2)
    assert (y_train.tolist(), y_test.tolist()) == ([1, 2, 3], [4, 5])
    assert x_test[1, 0].tolist() == [[4, 5], [6, 7]]


@pytest.mark.usefixtures("small_mnist")
def test_environment_and_cache_are_searched(tmp_path, monkeypatch, empty_cache):
    assert find_mnist() is None
    write(empty_cache / "mnist")
    assert find_mnist() == empty_cache / "mnist"
    write(tmp_path / "named")
    monkeypatch.setenv("JITCNN_DATA_DIR", str(tmp_path / "named"))
    assert find_mnist() == tmp_path / "named"


@pytest.mark.usefixtures("small_mnist")
def test_folder_without_the_files_raises(tmp_path):
    with pytest.raises(DataError, match=r"Expected the four MNIST files .*: some are missing"):
        load_mnist(tmp_path)
    with pytest.raises(DataError, match="the folder does not exist"):
        load_mnist(tmp_path / "none")


@pytest.mark.usefixtures("small_mnist")
def test_wrong_checksum_in_a_user_folder_raises_and_leaves_files(tmp_path):
    write(tmp_path, {"t10k-labels-idx1-ubyte": idx_bytes(np.array([4, 6], np.uint8))})
    with pytest.raises(
        DataError, match="is not MNIST's t10k-labels-idx1-ubyte: expected decompressed bytes with SHA-256"
    ):
        read_mnist(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.usefixtures("small_mnist", "no_network")
def test_wrong_checksum_in_the_cache_renames_the_file(empty_cache):
    folder = empty_cache / "mnist"
    write(folder, {"t10k-labels-idx1-ubyte": idx_bytes(np.array([4, 6], np.uint8))})
    with pytest.raises(DataError, match=r"renamed to t10k-labels-idx1-ubyte.gz.damaged; run the command again"):
        load_dataset("auto")
    assert (folder / "t10k-labels-idx1-ubyte.gz.damaged").exists()
    assert not (folder / "t10k-labels-idx1-ubyte.gz").exists()


@pytest.mark.usefixtures("small_mnist")
def test_different_numbers_of_images_and_labels_raise(tmp_path, monkeypatch):
    labels = idx_bytes(np.array([4, 5, 6], np.uint8))
    monkeypatch.setitem(MNIST.sha256, "t10k-labels-idx1-ubyte", hashlib.sha256(labels).hexdigest())
    write(tmp_path, {"t10k-labels-idx1-ubyte": labels})
    with pytest.raises(DataError, match="one label per test image, got 2 images and 3 labels"):
        read_mnist(tmp_path)


@pytest.mark.usefixtures("small_mnist", "no_network")
def test_auto_falls_back_to_digits_and_explains_how_to_get_mnist():
    data, note = load_dataset("auto")
    assert data.name == "digits"
    assert "--data-dir" in note
    with pytest.raises(DataError, match="No MNIST mirror answered within 8 s: put the four MNIST files"):
        load_dataset("mnist")


@pytest.mark.usefixtures("small_mnist")
def test_auto_uses_mnist_when_available(tmp_path):
    write(tmp_path / "data")
    data, note = load_dataset("auto", tmp_path / "data")
    assert (data.name, note) == ("mnist", "")


def test_unknown_name_raises():
    with pytest.raises(
        ConfigError, match=r"dataset must be one of auto, mnist, .*, digits, or a folder .*, got 'letters'"
    ):
        load_dataset("letters")


def test_limit_takes_the_first_images_of_each_split():
    data = load_dataset("digits")[0].limited(7)
    assert (len(data.x_train), len(data.y_train), len(data.x_test), len(data.y_test)) == (7, 7, 7, 7)
    with pytest.raises(ConfigError, match="limit must be at least 1"):
        data.limited(0)
