"""load_folder: reading, splitting, and invalid folders."""

import re

import numpy as np
import pytest
from PIL import Image

from jitcnn.data import load_dataset, load_folder
from jitcnn.errors import ConfigError, DataError

BLUE, RED = (0, 0, 255), (255, 0, 0)


def save(path, colour, size=(40, 30), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def pets(tmp_path):
    """Ten blue cats, brighter by number, and five red dogs, with hidden and unrelated files."""
    folder = tmp_path / "pets"
    for k in range(10):
        save(folder / "cat" / f"{k}.png", (0, 0, 200 + k), size=(40 + k, 30))
    for k in range(5):
        save(folder / "dog" / f"{k}.JPG", RED)
    (folder / "dog" / "notes.txt").write_text("all good dogs")
    (folder / "dog" / ".hidden.png").write_text("no picture")
    (folder / ".git").mkdir()
    (folder / "readme.md").write_text("pets")
    return folder


def test_classes_are_the_subfolders_and_images_are_resized(pets):
    data, _ = load_dataset(str(pets))
    assert (data.name, data.class_names, data.preparation) == ("pets", ("cat", "dog"), "crop")
    assert (data.x_train.shape, data.x_test.shape) == ((12, 3, 32, 32), (3, 3, 32, 32))
    for images, labels in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        assert (images[labels == 0, 2] >= 199).all()
        assert (images[labels == 1, 0] >= 250).all()


def test_split_is_stratified_and_disjoint(pets):
    data, _ = load_folder(pets, test_share=0.4)
    assert (sorted(data.y_test), len(data.y_train)) == ([0, 0, 0, 0, 1, 1], 9)
    cats = [
        images[labels == 0, 2, 0, 0] for images, labels in ((data.x_train, data.y_train), (data.x_test, data.y_test))
    ]
    assert sorted(np.concatenate(cats)) == list(range(200, 210))


def test_seed_determines_the_split(pets):
    first, again, other = (load_folder(pets, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.x_test, again.x_test)
    assert (first.x_train != other.x_train).any()


def test_splits_are_shuffled(pets):
    labels = load_folder(pets)[0].y_train.tolist()
    assert labels not in (sorted(labels), sorted(labels)[::-1])


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_each_split_contains_every_class(pets, share):
    data, _ = load_folder(pets, test_share=share)
    assert set(data.y_train) == set(data.y_test) == {0, 1}


def test_image_size_and_channels_are_applied(pets):
    assert load_folder(pets, image_size=9, channels=1)[0].image_shape == (1, 9, 9)
    assert load_folder(pets, image_size=(9, 12))[0].image_shape == (3, 9, 12)
    assert load_folder(pets, image_size="9x12")[0].image_shape == (3, 9, 12)
    assert load_folder(pets, channels=1)[0].image_shape == (1, 28, 28)


def test_greyscale_images_stay_greyscale_and_mixed_ones_raise(pets):
    for k in range(3):
        save(pets / "dog" / f"grey{k}.png", 99, mode="L")
    with pytest.raises(
        DataError, match=r"pets mixes 3 greyscale and 15 colour images: .* --channels 1 .* --channels 3"
    ):
        load_folder(pets)
    assert load_folder(pets, channels=3)[0].image_shape == (3, 32, 32)
    for name in ("a", "b"):
        for k in range(2):
            save(pets.parent / "grey" / name / f"{k}.png", 50 + 100 * k, mode="L")
    assert load_folder(pets.parent / "grey")[0].image_shape == (1, 28, 28)


def test_broken_image_raises_unless_skipped(pets):
    whole = (pets / "dog" / "3.JPG").read_bytes()
    (pets / "dog" / "3.JPG").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"3.JPG is not a readable image.*: repair or remove it, .* --skip-broken"):
        load_folder(pets)
    data, note = load_folder(pets, skip_broken=True)
    assert len(data.y_train) + len(data.y_test) == 14
    assert note.startswith("pets: 14 of 18 files taken, values 0 to 255 (8 bits); ")
    assert re.search(r"; 1 broken image skipped: .*3\.JPG is not a readable image", note)
    (pets / "cat" / "0.png").write_text("hello")
    with pytest.raises(DataError, match=r"0.png is not a readable image.* \(and 1 more\): repair"):
        load_folder(pets)


def test_class_without_readable_images_raises(pets):
    for file in (pets / "dog").glob("*.JPG"):
        file.write_text("hello")
    with pytest.raises(
        DataError, match=r"class folder .*dog has no readable images: expected at least two readable images"
    ):
        load_folder(pets, skip_broken=True)


def test_empty_class_folder_raises(pets):
    (pets / "eel").mkdir()
    with pytest.raises(
        DataError, match=r"class folder .*eel is empty: expected at least two images; add some or remove"
    ):
        load_folder(pets)
    save(pets / "eel" / "one.png", BLUE)
    with pytest.raises(DataError, match=r"class folder .*eel contains one image: expected at least two, for training"):
        load_folder(pets)


def test_classes_are_kept_unchecked_if_asked(pets):
    (pets / "eel").mkdir()
    save(pets / "fox" / "one.png", BLUE)
    data, note = load_folder(pets, check_classes=False)
    assert data.class_names == ("cat", "dog", "eel", "fox")
    assert np.bincount(data.y_train, minlength=4).tolist() == [8, 4, 0, 1]
    assert np.bincount(data.y_test, minlength=4).tolist() == [2, 1, 0, 0]
    assert re.search(r"; a training refuses this folder: The class folder .*eel is empty", note)


def test_unchecked_classes_need_readable_images(pets):
    for file in (*(pets / "dog").glob("*.JPG"), *(pets / "cat").glob("*.png")):
        file.write_text("hello")
    with pytest.raises(DataError, match="expected readable images, got none; add some"):
        load_folder(pets, check_classes=False, skip_broken=True)


def test_folder_without_classes_raises(tmp_path):
    save(tmp_path / "only" / "1.png", BLUE)
    for folder, count in ((tmp_path, 1), (tmp_path / "only", 0)):
        with pytest.raises(
            DataError, match=f"expected at least two classes, one subfolder of images each, got {count}"
        ):
            load_folder(folder)


def test_missing_folder_raises(tmp_path):
    with pytest.raises(DataError, match="none cannot be read: No such file"):
        load_folder(tmp_path / "none")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": 0}, "image_size must be at least 1 pixel, got 0"),
        (
            {"image_size": (9, 12, 3)},
            r"image_size must be a whole number of pixels, or height and width, such as \(48, 64\)",
        ),
        ({"channels": 2}, r"channels must be 1 \(greyscale\) or 3 \(colour\), got 2"),
        ({"test_share": 1}, "test_share must be between 0 and 1, got 1"),
    ],
)
def test_settings_out_of_range_raise(settings, message, pets):
    with pytest.raises(ConfigError, match=message):
        load_folder(pets, **settings)
