"""The other sets in IDX files: told from MNIST, checked when fetched."""

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
    """Take the small files of the test server for those that were published."""
    for name, contents in CONTENTS.items():
        if idx_set.sha256:
            monkeypatch.setitem(idx_set.sha256, name, hashlib.sha256(contents).hexdigest())
        else:
            monkeypatch.setitem(idx_set.md5, name, hashlib.md5(gzip.compress(contents, mtime=0)).hexdigest())


@pytest.mark.usefixtures("published")
@OTHERS
@pytest.mark.parametrize("which", [0, 1])
def test_files_are_found_in_their_usual_folders_and_in_one_that_is_named(idx_set, which, tmp_path, monkeypatch):
    write(tmp_path / "named" / idx_set.folders[which])
    monkeypatch.setenv("JITCNN_DATA_DIR", str(tmp_path / "named"))
    assert find_dataset(idx_set.name) == tmp_path / "named" / idx_set.folders[which]
    data, _ = load_dataset(idx_set.name, tmp_path / "named" / idx_set.folders[which])
    assert (data.name, data.x_train.shape, data.y_test.tolist()) == (idx_set.name, (3, 1, 2, 2), [4, 5])
    assert data.class_names == idx_set.class_names
    assert data.num_classes == 10


@pytest.mark.usefixtures("published")
@OTHERS
def test_a_package_of_the_system_brings_it(idx_set, tmp_path):
    write(tmp_path / "share" / "datasets" / idx_set.name)
    assert find_dataset(idx_set.name) == tmp_path / "share" / "datasets" / idx_set.name
    assert load_dataset(idx_set.name)[0].y_test.tolist() == [4, 5]


@pytest.mark.usefixtures("empty_cache")
def test_files_of_unknown_kind_in_the_environments_folder_are_not_taken_for_it(tmp_path, monkeypatch):
    write(tmp_path / "data")
    monkeypatch.setenv("JITCNN_DATA_DIR", str(tmp_path / "data"))
    assert find_dataset("kmnist") is None


@pytest.mark.usefixtures("empty_cache")
def test_files_known_to_be_mnists_are_never_taken_for_another_set(tmp_path, monkeypatch):
    write(tmp_path)
    assert KMNIST.find(tmp_path) == tmp_path
    monkeypatch.setitem(MNIST.sha256, TEST_LABELS, hashlib.sha256(CONTENTS[TEST_LABELS]).hexdigest())
    assert KMNIST.find(tmp_path) is None
    with pytest.raises(DataError, match=r"Expected the four KMNIST files .*, found not all of them"):
        load_dataset("kmnist", tmp_path)


@OTHERS
def test_a_fetched_file_is_compared_with_what_was_published(idx_set, server, published, empty_cache):
    folder = idx_set.fetch(mirrors=[f"{server}garbage/", f"{server}repacked/", f"{server}good/"])
    assert find_dataset(idx_set.name) == folder == empty_cache / idx_set.name
    assert idx_set.read(folder).y_train.tolist() == [1, 2, 3]


@pytest.mark.parametrize("idx_set", [KMNIST])
def test_other_bytes_than_the_published_are_refused(idx_set, server, published):
    with pytest.raises(DataError, match=r"is not KMNIST's train-images-idx3-ubyte: expected a .gz of MD5"):
        idx_set.fetch(mirrors=[f"{server}repacked/"])


@pytest.mark.usefixtures("empty_cache")
def test_who_has_no_network_is_told_of_the_package():
    with pytest.raises(
        DataError, match=r"No Fashion-MNIST mirror .*, or install Debian's package dataset-fashion-mnist\."
    ):
        FASHION_MNIST.fetch(mirrors=[], answer_within=0.1)


def test_every_set_is_known_by_its_bytes():
    assert all(len(each.sha256 or each.md5) == 4 for each in IDX_SETS.values())
    assert all(len(each.class_names) == 10 for each in IDX_SETS.values())
