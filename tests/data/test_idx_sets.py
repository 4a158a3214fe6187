"""Fashion-MNIST and KMNIST: distinguished from MNIST, verified when downloaded."""

import gzip
import hashlib

import pytest
from data.test_mnist import CONTENTS, write

from jitcnn.data import find_dataset, load_dataset
from jitcnn.data.idx_sets import FASHION_MNIST, IDX_SETS, KMNIST, MNIST, TEST_LABELS
from jitcnn.errors import DataError

OTHERS = pytest.mark.parametrize("idx_set", [FASHION_MNIST, KMNIST], ids=lambda each: each.name)


@pytest.fixture
def published(idx_set, monkeypatch, empty_cache):
    """Accept the small files of the test server as the published ones."""
    for name, contents in CONTENTS.items():
        if idx_set.sha256:
            monkeypatch.setitem(idx_set.sha256, name, hashlib.sha256(contents).hexdigest())
        else:
            monkeypatch.setitem(idx_set.md5, name, hashlib.md5(gzip.compress(contents, mtime=0)).hexdigest())


@pytest.mark.usefixtures("published")
@OTHERS
@pytest.mark.parametrize("which", [0, 1])
def test_files_are_found_in_usual_and_given_folders(idx_set, which, tmp_path, monkeypatch):
    write(tmp_path / "named" / idx_set.folders[which])
    monkeypatch.setenv("JITCNN_DATA_DIR", str(tmp_path / "named"))
    assert find_dataset(idx_set.name) == tmp_path / "named" / idx_set.folders[which]
    data, _ = load_dataset(idx_set.name, tmp_path / "named" / idx_set.folders[which])
    assert (data.name, data.x_train.shape, data.y_test.tolist()) == (idx_set.name, (3, 1, 2, 2), [4, 5])
    assert data.class_names == idx_set.class_names
    assert data.num_classes == 10


@pytest.mark.usefixtures("published")
@OTHERS
def test_system_package_is_found(idx_set, tmp_path):
    write(tmp_path / "share" / "datasets" / idx_set.name)
    assert find_dataset(idx_set.name) == tmp_path / "share" / "datasets" / idx_set.name
    assert load_dataset(idx_set.name)[0].y_test.tolist() == [4, 5]


@pytest.mark.usefixtures("empty_cache")
def test_unverifiable_files_in_the_environment_folder_are_ignored(tmp_path, monkeypatch):
    write(tmp_path / "data")
    monkeypatch.setenv("JITCNN_DATA_DIR", str(tmp_path / "data"))
    assert find_dataset("kmnist") is None


@pytest.mark.usefixtures("empty_cache")
def test_mnist_files_are_not_mistaken_for_another_set(tmp_path, monkeypatch):
    write(tmp_path)
    assert KMNIST.find(tmp_path) == tmp_path
    monkeypatch.setitem(MNIST.sha256, TEST_LABELS, hashlib.sha256(CONTENTS[TEST_LABELS]).hexdigest())
    assert KMNIST.find(tmp_path) is None
    with pytest.raises(DataError, match=r"Expected the four KMNIST files .*: some are missing"):
        load_dataset("kmnist", tmp_path)


@OTHERS
def test_downloaded_file_is_verified(idx_set, server, published, empty_cache):
    folder = idx_set.fetch(mirrors=[f"{server}garbage/", f"{server}repacked/", f"{server}good/"])
    assert find_dataset(idx_set.name) == folder == empty_cache / idx_set.name
    assert idx_set.read(folder).y_train.tolist() == [1, 2, 3]


@pytest.mark.parametrize("idx_set", [KMNIST])
def test_wrong_checksum_is_rejected(idx_set, server, published):
    with pytest.raises(DataError, match=r"is not KMNIST's train-images-idx3-ubyte: expected a .gz with MD5"):
        idx_set.fetch(mirrors=[f"{server}repacked/"])


@pytest.mark.usefixtures("empty_cache")
def test_no_network_message_names_the_debian_package():
    with pytest.raises(
        DataError, match=r"No Fashion-MNIST mirror .*, or install the Debian package dataset-fashion-mnist\."
    ):
        FASHION_MNIST.fetch(mirrors=[], answer_within=0.1)


def test_every_set_has_checksums():
    assert all(len(each.sha256 or each.md5) == 4 for each in IDX_SETS.values())
    assert all(len(each.class_names) == 10 for each in IDX_SETS.values())
