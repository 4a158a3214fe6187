"""CIFAR in binary form, given by its folder."""

from pathlib import Path

import numpy as np
import pytest

from jitcnn.data import cifar10, load_dataset
from jitcnn.errors import ConfigError, DataError


@pytest.fixture
def hundred():
    """200 records of CIFAR-100 in train.bin, 100 in test.bin; returns those of train.bin."""
    records = np.random.default_rng(0).integers(0, 256, (200, 3074), np.uint8)
    records[:, 0], records[:, 1] = np.arange(200) % 20, np.arange(200) % 100
    records.tofile("train.bin")
    records[:100].tofile("test.bin")
    for kind, count in (("fine", 100), ("coarse", 20)):
        Path(f"{kind}_label_names.txt").write_text("".join(f"{kind} {k}\n" for k in range(count)))
    return records


def test_fine_labels_are_read_by_default(hundred):
    data, _ = load_dataset(".")
    assert data.y_train.tolist() == hundred[:, 1].tolist()
    assert np.array_equal(data.x_train, hundred[:, 2:].reshape(-1, 3, 32, 32))
    assert (data.name, data.class_names[7], data.preparation) == ("cifar100", "fine 7", "crop")


def test_coarse_labels_are_read_on_request(hundred):
    data, note = load_dataset(".", labels="coarse")
    assert (data.num_classes, data.y_train.tolist()) == (20, hundred[:, 0].tolist())
    assert "CIFAR-100, coarse labels" in note


def test_other_labels_are_a_config_error(hundred):
    with pytest.raises(ConfigError, match="labels must be 'fine' or 'coarse', got 'all'"):
        load_dataset(".", labels="all")


def test_truncated_file_is_a_data_error(hundred):
    Path("train.bin").write_bytes(Path("train.bin").read_bytes()[:-1])
    with pytest.raises(DataError, match=r"expected records of 3,074 bytes, got 614,799 bytes"):
        load_dataset(".")


def test_label_that_is_no_class_is_a_data_error(hundred):
    hundred[5, 1] = 100
    hundred.tofile("train.bin")
    with pytest.raises(DataError, match="expected fine labels 0 to 99, got 100 in record 6"):
        load_dataset(".")


def test_wrong_number_of_names_is_a_data_error(hundred):
    Path("fine_label_names.txt").write_text("apple\n")
    with pytest.raises(DataError, match="1 class names: expected 100 distinct ones"):
        load_dataset(".")


def test_cifar10_is_read_from_a_given_folder(monkeypatch):
    monkeypatch.setattr(cifar10, "RECORDS", 10)
    records = np.random.default_rng(0).integers(0, 256, (10, 3073), np.uint8)
    records[:, 0] = np.arange(10)
    for name in cifar10.FILES:
        records.tofile(name)
    data, note = load_dataset(".")
    assert (data.name, len(data.x_train)) == ("cifar10", 50)
    assert "CIFAR-10" in note
