"""CSV of image files: columns, splits, missing and broken files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jitcnn.data import load_dataset
from jitcnn.data.formats.csv_paths import listed_images
from jitcnn.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def images(folder, monkeypatch):
    """12 images in images/, cats and dogs in turn."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    Path("images").mkdir()
    rng = np.random.default_rng(0)
    for k in range(12):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(f"images/{k}.png")


def rows(*more, header="filename,label", suffix=".png"):
    lines = [f"images/{k}{suffix},{'dog' if k % 2 else 'cat'}" for k in range(12)]
    if more:
        lines = [f"{line},{more[k % len(more)]}" for k, line in enumerate(lines)]
    return "\n".join(([header] if header else []) + lines) + "\n"


@pytest.mark.parametrize("header", ["filename,label", "image,class", "path,species", ""])
def test_files_and_classes_are_found(header):
    Path("pets.csv").write_text(rows(header=header))
    data, note = load_dataset("pets.csv", image_size=8)
    assert (data.name, data.class_names, data.x_train.shape) == ("pets", ("cat", "dog"), (10, 3, 8, 8))
    assert data.split == {"seed": 0, "test_share": 0.2}
    assert "image files listed in pets.csv" in note


@pytest.mark.parametrize("header", ["filename,label,split", ""])
def test_split_column_is_used(header):
    Path("pets.csv").write_text(rows("train", "train", "val", "val", "test", "test", header=header))
    data, _ = load_dataset("pets.csv")
    assert (len(data.x_train), len(data.x_test), len(data.x_validation)) == (4, 4, 4)
    assert data.split == {}


def test_names_without_suffix_are_found():
    Path("pets.csv").write_text(rows(header="id,breed", suffix=""))
    assert load_dataset("pets.csv")[0].class_names == ("cat", "dog")


def test_channels_are_converted():
    Path("pets.csv").write_text(rows())
    assert load_dataset("pets.csv", channels=1)[0].channels == 1


def test_paths_are_relative_to_the_csv(folder, monkeypatch):
    Path("pets.csv").write_text(rows())
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert len(load_dataset("../pets.csv")[0].x_train) == 10


def test_broken_image_is_skipped_on_request():
    Path("pets.csv").write_text(rows())
    Path("images/3.png").write_bytes(b"none")
    with pytest.raises(DataError, match=r"3\.png is not a readable image.*skip it with --skip-broken"):
        load_dataset("pets.csv")
    data, note = load_dataset("pets.csv", skip_broken=True)
    assert len(data.x_train) + len(data.x_test) == 11
    assert "1 broken image skipped" in note


def test_images_to_predict_keep_their_order():
    Path("unseen.csv").write_text("image\nimages/3.png\nimages/1.png\n")
    assert listed_images(Path("unseen.csv")) == ([Path("images/3.png"), Path("images/1.png")], "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename,label\nimages/0.png,cat\nimages/99.png,dog\n", "names images/99.png in row 3, which does not exist"),
        ("filename,label\nimages/0.png,cat\nimages/1.png,\n", "has no class in row 3"),
        ("filename,label\nimages/0.png,cat\nimages/1.png\n", "has 1 values in row 3: expected 2"),
        ("filename,label\nimages/0.png,cat\nimages/2.png,cat\n", "at least two classes for training, got 1"),
        ("filename,label,split\nimages/0.png,cat,all\n", "the split 'all' in row 2: expected train, val or test"),
        ("filename\nimages/0.png\n", "the columns filename: expected one of classes"),
        (rows("train", "train", "test", "test") + "images/1.png,fish,test\n", "every class, got none of fish"),
    ],
)
def test_list_that_is_no_data_set_is_a_data_error(text, message):
    if "fish" in text:
        text = text.replace("filename,label", "filename,label,split")
    Path("pets.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        load_dataset("pets.csv")


def test_setting_for_pixels_is_a_config_error():
    Path("pets.csv").write_text(rows())
    with pytest.raises(
        ConfigError, match=r"colour_order='planes' is not a setting for pets\.csv, a CSV of image files"
    ):
        load_dataset("pets.csv", colour_order="planes")
