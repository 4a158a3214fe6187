"""The registry of formats: which path is what, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jitcnn.data import load_dataset
from jitcnn.data.formats import FORMATS, describe_formats, find_format, open_images
from jitcnn.errors import ConfigError, DataError


def test_every_format_has_its_name_and_is_described():
    assert all(each.name == name and each.files in describe_formats() for name, each in FORMATS.items())


@pytest.mark.parametrize("name", ["missing", "notes.txt", "."])
def test_other_paths_have_no_format(name):
    Path("notes.txt").write_text("none")
    assert find_format(name) is None


def test_unknown_path_is_a_config_error_that_names_the_formats():
    with pytest.raises(ConfigError, match=r"or data files \(\.npz, \.npy, \.csv of label and pixels .*, got 'a\.txt'"):
        load_dataset("a.txt")


def test_data_files_beside_class_folders_are_ignored(grey):
    np.save("x.npy", grey[0])
    np.save("y.npy", grey[1])
    assert find_format(".").name == "npy"
    for name in ("cat", "dog"):
        Path(name).mkdir()
        Image.fromarray(grey[0][0, 0]).save(f"{name}/0.png")
    assert find_format(".") is None


def test_unknown_setting_of_an_image_folder_is_a_config_error(folder):
    with pytest.raises(ConfigError, match=r"labels is not a setting for .*, a folder of images"):
        load_dataset(folder, labels="coarse")


@pytest.mark.parametrize("share", [0, 1, 1.5])
def test_test_share_out_of_range_is_a_config_error(share, grey):
    np.savez("a.npz", x=grey[0], y=grey[1])
    with pytest.raises(ConfigError, match="test_share must be between 0 and 1"):
        load_dataset("a.npz", test_share=share)


def test_file_without_pixels_cannot_be_opened_to_predict():
    Path("notes.txt").write_text("none")
    with pytest.raises(DataError, match=r"notes\.txt is no file of pixels: expected one of \.npz"):
        open_images("notes.txt")


JUNK = np.random.default_rng(0).integers(0, 256, 3000, np.uint8).tobytes()


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "zip", "npz", "npy", "h5", "mat"])
@pytest.mark.parametrize(
    "head", [b"", b"\x93NUMPY\x01\0", b"\x1f\x8b", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"MATLAB 7.3", b'1,2,3\r4,"5']
)
def test_other_contents_are_an_error_of_one_sentence(suffix, head):
    path = f"a.{suffix}"
    for contents in (head, head + JUNK):
        Path(path).write_bytes(contents)
        for read in (load_dataset, open_images):
            with pytest.raises((DataError, ConfigError), match=f"a.{suffix}") as found:
                read(path)
            assert "\n" not in str(found.value)
