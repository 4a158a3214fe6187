"""MATLAB files, written by scipy and, for version 7.3, by h5py."""

import sys
from pathlib import Path

import numpy as np
import pytest

from jitcnn.data import load_dataset
from jitcnn.errors import DataError

io = pytest.importorskip("scipy.io")


@pytest.fixture
def svhn():
    """X (32, 32, 3, 20), and y (20, 1) from 1 to 10."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (32, 32, 3, 20), np.uint8), (np.arange(20) % 10 + 1)[:, None].astype(np.uint8)


def test_svhn_has_images_last_and_10_means_digit_0(svhn, folder):
    for part in ("train", "test"):
        io.savemat(f"{part}_32x32.mat", {"X": svhn[0], "y": svhn[1]})
    data, _ = load_dataset(folder)
    assert data.y_train.tolist() == [*range(1, 10), 0] * 2
    assert np.array_equal(data.x_test[4], svhn[0][..., 4].transpose(2, 0, 1))
    assert data.class_names == tuple("0123456789")


def test_other_file_keeps_its_labels_and_names(grey):
    x, y = grey
    names = np.array(["a", "b", "c"], object)
    io.savemat("a.mat", {"images": x[:, 0], "labels": y[None], "class_names": names})
    data, _ = load_dataset("a.mat")
    assert (data.class_names, data.image_shape) == (("a", "b", "c"), (1, 6, 5))


def test_version_7_3_is_read_with_its_axes_reversed(svhn):
    h5py = pytest.importorskip("h5py")
    with h5py.File("train_32x32.mat", "w", userblock_size=512) as file:
        file["X"], file["y"] = svhn[0].T, svhn[1].T
    contents = bytearray(Path("train_32x32.mat").read_bytes())
    contents[:10] = b"MATLAB 7.3"
    Path("train_32x32.mat").write_bytes(contents)
    data, _ = load_dataset("train_32x32.mat")
    expected = {image.tobytes() for image in np.ascontiguousarray(svhn[0].transpose(3, 2, 0, 1))}
    assert {image.tobytes() for image in data.x_train} <= expected


@pytest.mark.parametrize("keep", [100, 3000])
def test_truncated_file_is_a_data_error(keep, svhn):
    io.savemat("a.mat", {"X": svhn[0], "y": svhn[1]})
    Path("a.mat").write_bytes(Path("a.mat").read_bytes()[:keep])
    with pytest.raises(DataError, match="cannot be read: expected a MATLAB file"):
        load_dataset("a.mat")


def test_missing_scipy_names_the_command(svhn, monkeypatch):
    io.savemat("a.mat", {"X": svhn[0], "y": svhn[1]})
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(
        DataError, match=r"expected scipy to read it, which is missing; pip install 'jitcnn\[formats\]'"
    ):
        load_dataset("a.mat")
