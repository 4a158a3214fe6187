"""contact_sheet_figure: its rows, images and labels."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jitcnn.data import Dataset, audit, load_folder
from jitcnn.plots import contact_sheet_figure


def noise(shape=(1, 10, 30), classes=2, count=60, **more):
    images, labels = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8), np.arange(count) % classes
    names = tuple(f"class {k}" for k in range(classes))
    return Dataset("noise", "drawn", images[:40], labels[:40], images[40:], labels[40:], names, **more)


def test_row_of_every_class_shows_its_training_images():
    data = noise()
    figure = contact_sheet_figure(data, audit(data))
    rows = [axis for axis in figure.axes if axis.images]
    assert [axis.get_ylabel() for axis in rows] == ["class 0\n20", "class 1\n20"]
    strip = rows[1].images[0].get_array()
    np.testing.assert_allclose(strip[:10, :30], data.x_train[1, 0] / 255)  # the first image of class 1
    np.testing.assert_allclose(strip[:10, -30:], data.x_train[39, 0] / 255)  # and the last
    assert figure.get_suptitle() == "noise\nall 2 classes, training images; no image looks wrong"


def test_findings_stand_below_with_part_index_and_label():
    data = noise()
    data.x_test[3] = data.x_train[6]
    figure = contact_sheet_figure(data, audit(data), "Pets")
    below, other = [axis for axis in figure.axes if axis.get_title(loc="left")]
    assert below.get_title(loc="left").startswith("There is 1 picture with copies of different labels")
    assert (below.get_ylabel(), other.get_ylabel()) == ("contradicting\nlabels", "duplicates\nacross\nsplits")
    assert [label.get_text() for label in below.get_xticklabels()] == ["training\n6\nclass 0", "test\n3\nclass 1"]
    strip = below.images[0].get_array()
    np.testing.assert_allclose(strip[:10, 32:62], data.x_train[6, 0] / 255)
    assert figure.get_suptitle().startswith("Pets\n")


def test_findings_are_named_by_their_files(tmp_path):
    for k, image in enumerate(np.random.default_rng(0).integers(0, 256, (40, 20, 20), np.uint8)):
        file = tmp_path / "pets" / "train" / ("cat", "dog")[k % 2] / f"{k:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image if k != 7 else image * 0 + 9).save(file)
    shutil.copytree(tmp_path / "pets" / "train", tmp_path / "pets" / "test")
    (tmp_path / "pets" / "test" / "dog" / "007.png").unlink()
    data, _ = load_folder(tmp_path / "pets")
    figure = contact_sheet_figure(data, audit(data, tmp_path / "pets"))
    (row,) = [axis for axis in figure.axes if "single value" in axis.get_title(loc="left")]
    assert [label.get_text() for label in row.get_xticklabels()] == ["train/dog/\n007.png"]


def test_ticks_are_below_the_middle_of_each_image():
    data = noise((3, 24, 40))
    data.x_train[[2, 4]] = 9
    below = contact_sheet_figure(data, audit(data)).axes[-1]
    middles = below.get_xticks()
    assert below.images[0].get_array().shape == (24, 12 * 43 - 3, 3)
    assert middles == pytest.approx([19.5, 62.5])


def test_validation_images_are_found():
    data = noise()
    data = replace(data, x_validation=np.full((2, 1, 10, 30), 5, np.uint8), y_validation=np.array([0, 1]))
    labels = contact_sheet_figure(data, audit(data)).axes[-1].get_xticklabels()
    assert labels[0].get_text() == "validation\n0\nclass 0"


def test_float_images_are_scaled_by_their_range():
    data = noise()
    images = data.x_train / np.float32(510) - np.float32(0.25)
    data = replace(data, x_train=images, x_test=images[:20])
    strip = contact_sheet_figure(data, audit(data)).axes[0].images[0].get_array()
    assert (np.nanmin(strip), np.nanmax(strip)) == pytest.approx((0, 1), abs=0.02)


def test_many_classes_are_limited():
    data = noise(classes=41, count=82)
    data = replace(data, x_train=np.concatenate([data.x_train] * 2), y_train=np.arange(80) % 41)
    assert "the first 40 of 41 classes" in contact_sheet_figure(data, audit(data)).get_suptitle()


def test_no_images_are_no_error():
    data = noise()
    empty = replace(
        data, x_train=data.x_train[:0], y_train=data.y_train[:0], x_test=data.x_test[:0], y_test=data.y_test[:0]
    )
    assert "no training images" in contact_sheet_figure(empty, audit(empty)).get_suptitle()
