"""Every file of an image folder is counted, and ready-made splits are recognised."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from jitcnn.data import image_files, load_folder
from jitcnn.errors import DataError

COLOURS = {"cat": (0, 0, 255), "dog": (255, 0, 0), "eel": (0, 255, 0)}


def save(path, value=None, count=1):
    """Images of the colour of their class, or of a grey ramp from ``value``; numbered if there are several."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        file = path if count == 1 else path.with_stem(f"{path.stem}{k}")
        colour = next((colour for name, colour in COLOURS.items() if name in path.parts), (9, 99, 200))
        Image.new("RGB", (12, 10), colour).save(file, "PNG" if file.suffix in ("", ".PNG") else None)


def touch(path, contents=b"no picture"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)


@pytest.fixture
def pets(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "pets" / name / "a.png", count=4)
    return tmp_path / "pets"


def colours_of(images, labels, names):
    """Whether each image has the colour of its class."""
    return all(
        np.abs(image[:, 1, 1].astype(int) - COLOURS[names[label]]).max() < 9
        for image, label in zip(images, labels, strict=True)
    )


def note_of(folder, **settings):
    data, note = load_folder(folder, **settings)
    assert colours_of(data.x_train, data.y_train, data.class_names)
    assert colours_of(data.x_test, data.y_test, data.class_names)
    return note


def test_folder_of_images_only_is_counted(pets):
    assert note_of(pets) == "pets: 8 of 8 files taken, values 0 to 255 (8 bits)"


def test_heic_without_decoder_is_ignored_by_name(pets, monkeypatch):
    monkeypatch.setattr(image_files, "can_read_heic", lambda: False)
    for k in range(3):
        touch(pets / "cat" / f"IMG_{k}.HEIC")
        touch(pets / "dog" / f"IMG_{k}.heif")
    assert note_of(pets) == (
        "pets: 8 of 14 files taken, values 0 to 255 (8 bits); ignored: 6 HEIC (pip install 'jitcnn[heic]' to read them)"
    )


def test_heic_is_taken_with_its_decoder(pets):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.new("RGB", (64, 48), COLOURS["cat"])).save(pets / "cat" / "IMG_1.HEIC")
    assert load_folder(pets)[1] == "pets: 9 of 9 files taken, values 0 to 255 (8 bits)"


def test_every_kind_of_ignored_file_is_counted(pets):
    for name in ("notes.txt", "more.TXT", "clip.mov", "paper.pdf", "README", ".DS_Store", "Thumbs.db", "._a0.png"):
        touch(pets / "cat" / name)
    touch(pets / "__MACOSX" / "cat" / "._a1.png")
    touch(pets / ".git" / "objects" / "a.png")
    touch(pets / "labels.csv")
    save(pets / "loose.png")
    assert note_of(pets) == (
        "pets: 8 of 20 files taken, values 0 to 255 (8 bits); ignored: 5 hidden or of the system, 2 .txt, "
        "1 .csv, 1 .mov, 1 .pdf, 1 outside the class folders, 1 without suffix"
    )


def test_macosx_folder_is_no_class(pets):
    touch(pets / "__MACOSX" / "._cat")
    assert load_folder(pets)[0].class_names == ("cat", "dog")


def test_images_in_deeper_folders_belong_to_the_class(pets):
    save(pets / "dog" / "2023" / "summer" / "b.png", count=3)
    touch(pets / "dog" / "2023" / "list.txt")
    assert note_of(pets) == (
        "pets: 11 of 12 files taken, values 0 to 255 (8 bits); 3 from deeper folders; ignored: 1 .txt"
    )


def test_image_without_suffix_is_taken(pets):
    save(pets / "cat" / "IMG_0001")
    touch(pets / "cat" / "LICENSE")
    assert note_of(pets).startswith("pets: 9 of 10 files taken, values 0 to 255 (8 bits); ignored: 1 without suffix")


def test_pipe_and_circular_link_are_not_opened(pets):
    os.mkfifo(pets / "cat" / "pipe.png")
    os.mkfifo(pets / "cat" / "pipe")
    (pets / "cat" / "circle").symlink_to(pets / "cat")
    assert note_of(pets).endswith("8 of 10 files taken, values 0 to 255 (8 bits); ignored: "
                                  "1 neither file nor folder, 1 without suffix")  # fmt: skip


def test_link_to_nothing_is_broken(pets):
    (pets / "cat" / "gone.png").symlink_to(pets / "nowhere.png")
    with pytest.raises(DataError, match=r"gone.png is not a readable image"):
        load_folder(pets)
    assert "8 of 9 files taken" in note_of(pets, skip_broken=True)


def test_folder_that_an_archive_wraps_is_used(pets):
    touch(pets.parent / "__MACOSX" / "._pets")
    assert note_of(pets.parent).split("; ")[0].endswith(": 8 of 9 files taken, values 0 to 255 (8 bits)")
    assert "classes in pets/" in note_of(pets.parent)


def test_class_of_nothing_but_heic_says_so(pets, monkeypatch):
    monkeypatch.setattr(image_files, "can_read_heic", lambda: False)
    for k in range(2):
        touch(pets / "eel" / f"{k}.heic")
    with pytest.raises(
        DataError, match=r"eel has no images but 2 HEIC \(pip install 'jitcnn\[heic\]' to read them\): exp"
    ):
        load_folder(pets)


def test_single_images_of_one_value_are_named(pets):
    Image.new("RGB", (12, 10), "black").save(pets / "cat" / "black.png")
    assert load_folder(pets)[1].endswith("; 1 of almost one value, the first is cat/black.png")


# --- splits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "evaluated_on"),
    [("train", "test", "test"), ("Training", "Validation", "validation"), ("TRAIN", "val", "validation")],
)
def test_ready_made_split_is_used(first, second, evaluated_on, tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "pets" / first / name / "a.png", count=5)
        save(tmp_path / "pets" / second / name / "b.png", count=2)
    data, note = load_folder(tmp_path / "pets")
    assert (data.class_names, len(data.x_train), len(data.x_test)) == (("cat", "dog"), 10, 4)
    assert (data.evaluated_on, data.split) == (evaluated_on, {})
    assert note == f"pets: 14 of 14 files taken, values 0 to 255 (8 bits); split as in {first}/ and {second}/"
    assert colours_of(data.x_test, data.y_test, data.class_names)
    assert data.y_train.tolist() != sorted(data.y_train)


def test_validation_images_beside_test_images_fill_their_own_part(tmp_path):
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        for name in ("cat", "dog"):
            save(tmp_path / "pets" / split / name / "a.png", count=count)
    data, note = load_folder(tmp_path / "pets")
    assert (len(data.x_train), len(data.x_validation), len(data.x_test)) == (6, 4, 2)
    assert sorted(data.y_validation) == [0, 0, 1, 1]
    assert colours_of(data.x_validation, data.y_validation, data.class_names)
    assert (data.evaluated_on, data.validation().evaluated_on) == ("test", "validation")
    np.testing.assert_array_equal(data.validation().x_test, data.x_validation)
    assert note == (
        "pets: 12 of 12 files taken, values 0 to 255 (8 bits); split as in train/ and test/; validation images in val/"
    )


def test_validation_images_change_neither_training_nor_test_images(tmp_path):
    for split in ("train", "test", "val"):
        for name in ("cat", "dog"):
            save(tmp_path / "pets" / split / name / "a.png", count=4)
    with_validation, _ = load_folder(tmp_path / "pets")
    shutil.rmtree(tmp_path / "pets" / "val")
    without, _ = load_folder(tmp_path / "pets")
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(with_validation, name), getattr(without, name))
    assert without.x_validation is None


def test_classes_of_validation_images_must_be_trained(tmp_path):
    for split in ("train", "test", "val"):
        for name in ("cat", "dog"):
            save(tmp_path / "pets" / split / name / "a.png", count=4)
    save(tmp_path / "pets" / "val" / "emu" / "a.png", count=1)
    with pytest.raises(DataError, match="expected the classes of train/ in val/, got also emu"):
        load_folder(tmp_path / "pets")


def test_validation_images_that_are_all_broken_raise(tmp_path):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            save(tmp_path / "pets" / split / name / "a.png", count=4)
    (tmp_path / "pets" / "val" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "val" / "cat" / "a.png").write_text("no picture")
    with pytest.raises(DataError, match="expected readable images in val/, got none"):
        load_folder(tmp_path / "pets", skip_broken=True)


def test_test_images_without_classes_are_ignored(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "pets" / "train" / name / "a.png", count=5)
    save(tmp_path / "pets" / "test" / "b.png", count=7)
    data, note = load_folder(tmp_path / "pets")
    assert (len(data.x_train), len(data.x_test), data.split) == (8, 2, {"seed": 0, "test_share": 0.2})
    assert "10 of 17 files taken" in note
    assert "test images drawn from train/" in note
    assert "7 outside the class folders of test/" in note


def test_split_inside_each_class_is_used(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "pets" / name / "train" / "a.png", count=5)
        save(tmp_path / "pets" / name / "test" / "b.png", count=2)
    data, note = load_folder(tmp_path / "pets")
    assert (data.class_names, len(data.x_train), len(data.x_test)) == (("cat", "dog"), 10, 4)
    assert "split as in train/ and test/" in note


def test_test_split_may_lack_a_class_but_not_add_one(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "pets" / "train" / name / "a.png", count=2)
    save(tmp_path / "pets" / "test" / "dog" / "a.png")
    data, _ = load_folder(tmp_path / "pets")
    assert (data.class_names, data.y_test.tolist()) == (("cat", "dog"), [1])
    save(tmp_path / "pets" / "test" / "eel" / "a.png")
    with pytest.raises(DataError, match=r"expected the classes of train/ in test/, got also eel; rename or remove"):
        load_folder(tmp_path / "pets")


def test_split_without_class_folders_raises(tmp_path):
    for name in ("train", "test"):
        save(tmp_path / "pets" / name / "a.png", count=3)
    with pytest.raises(DataError, match=r"pets contains test/ and train/: expected one subfolder of images per class"):
        load_folder(tmp_path / "pets")


def test_split_without_readable_test_images_raises(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "pets" / "train" / name / "a.png", count=2)
        touch(tmp_path / "pets" / "test" / name / "a.png")
    with pytest.raises(DataError, match=r"expected readable images in test/, got none"):
        load_folder(tmp_path / "pets", skip_broken=True)


def test_class_that_is_called_test_is_a_class(pets):
    save(pets / "test" / "a.png", count=4)
    assert load_folder(pets)[0].class_names == ("cat", "dog", "test")


def test_folder_beside_a_split_is_counted(tmp_path):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            save(tmp_path / "pets" / split / name / "a.png", count=2)
    save(tmp_path / "pets" / "extra" / "a.png", count=3)
    data, note = load_folder(tmp_path / "pets")
    assert (data.class_names, len(data.x_test)) == (("cat", "dog"), 4)
    assert note.endswith("ignored: 3 in extra/, which is no split")


# --- value range --------------------------------------------------------------------------------------


def save_values(folder, dtype, scale, suffix, count=4):
    """Ramps of a class "dark" and of one four times as bright."""
    ramp = np.linspace(0, 1, 120).reshape(10, 12)
    for name, share in (("dark", 0.25), ("light", 1)):
        for k in range(count):
            path = folder / name / f"{k}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((ramp * share * scale).astype(dtype)).save(path)
    return folder


@pytest.mark.parametrize(
    ("dtype", "scale", "suffix", "told"),
    [
        ("u2", 4095, ".png", "values 0 to 4,095 (12 bits), stored as integer"),
        ("u2", 65535, ".png", "values 0 to 65,535 (16 bits), stored as integer"),
        ("f4", 1, ".tif", "values 0 to 1, stored as float"),
        ("f4", 7.5, ".tif", "values 0 to 7.5, stored as float"),
        ("u1", 255, ".png", "values 0 to 255 (8 bits)"),
    ],
)
def test_all_images_of_a_folder_have_one_range(dtype, scale, suffix, told, tmp_path):
    data, note = load_folder(save_values(tmp_path / "ramps", dtype, scale, suffix))
    assert told in note
    dark, light = (data.x_train[data.y_train == label] for label in (0, 1))
    assert dark.max() == pytest.approx(64, abs=5)
    assert light.max() > 240


def test_given_range_replaces_that_of_the_folder(tmp_path):
    folder = save_values(tmp_path / "ramps", "f4", 7.5, ".tif")
    data, note = load_folder(folder, value_ranges={"float": (0, 15)})
    assert "values 0 to 15, stored as float" in note
    assert data.x_train.max() == pytest.approx(128, abs=4)
    assert data.value_ranges == {"float": (0, 15)}


def test_folder_of_almost_one_value_raises(tmp_path):
    save_values(tmp_path / "masks", "u1", 4, ".png")
    with pytest.raises(
        DataError, match=r"masks decodes to almost one value: .* got 0 to 3 of 255 in all 8 images with val"
    ):
        load_folder(tmp_path / "masks")


def test_range_of_the_training_is_used_for_later_images(tmp_path):
    from jitcnn import CNN, Dense, Flatten, fit
    from jitcnn.data.images import read_for

    folder = save_values(tmp_path / "ramps", "f4", 7.5, ".tif")
    data, _ = load_folder(folder)
    net = CNN([Flatten(), Dense(784, 2)], input_shape=(1, 28, 28))
    fit(net, data, epochs=1)
    net.save(tmp_path / "net.npz")
    loaded = CNN.load(tmp_path / "net.npz")
    assert loaded.value_ranges == {"float": (0, 7.5)}
    assert read_for(loaded, folder / "dark" / "0.tif").max() == pytest.approx(64, abs=5)


@pytest.mark.parametrize("ranges", [[0, 1], {"float": [1]}, {"float": ["a", "b"]}])
def test_model_file_with_invalid_value_ranges_is_refused(ranges, tmp_path):
    from jitcnn import CNN, Dense, Flatten
    from jitcnn.errors import CheckpointError
    from jitcnn.net.checkpoint import write_checkpoint

    net = CNN([Flatten(), Dense(4, 2)], input_shape=(1, 2, 2))
    write_checkpoint(tmp_path / "net.npz", {**net.header(), "value_ranges": ranges}, net.named_arrays())
    with pytest.raises(CheckpointError, match="its value ranges must be two numbers for each kind of image, got"):
        CNN.load(tmp_path / "net.npz")


def test_progress_counts_every_image(pets):
    class Progress:
        total, done, is_closed = 0, 0, False

        def update(self, amount):
            self.done += amount

        def reset(self):
            self.done = 0

        def close(self):
            self.is_closed = True

    progress = Progress()
    load_folder(pets, progress=progress)
    assert (progress.total, progress.done, progress.is_closed) == (8, 8, True)
