"""CSV of pixels: headers, label columns, compression, folders, damage."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jitcnn.data import load_dataset, load_digits
from jitcnn.data.formats import open_images
from jitcnn.errors import ConfigError, DataError


@pytest.fixture
def square():
    """20 images (20, 1, 3, 3), and labels 0, 1 in turn."""
    return np.random.default_rng(0).integers(0, 256, (20, 1, 3, 3), np.uint8), np.arange(20) % 2


def text(x, y=None, header=True, place=0, delimiter=",", name="label"):
    """Lines of label and pixels, the label in column ``place``."""
    rows = [list(map(str, row)) for row in x.reshape(len(x), -1).tolist()]
    rows = [[f"pixel{k}" for k in range(len(rows[0]))], *rows] if header else rows
    if y is not None:
        for row, label in zip(rows, [name, *y] if header else y, strict=True):
            row.insert(place, str(label))
    return "".join(f"{delimiter.join(row)}\n" for row in rows)


def all_images(data):
    """Images of both parts, in the order of their bytes."""
    return sorted(image.tobytes() for image in np.concatenate([data.x_train, data.x_test]))


@pytest.mark.parametrize("header", [True, False])
def test_pixels_and_labels_are_read_with_and_without_header(header, square):
    x, y = square
    Path("a.csv").write_text(text(x, y, header))
    data, _ = load_dataset("a.csv")
    assert all_images(data) == sorted(image.tobytes() for image in x)
    label_of = {image.tobytes(): label for image, label in zip(x, y, strict=True)}
    assert [label_of[image.tobytes()] for image in data.x_test] == data.y_test.tolist()


@pytest.mark.parametrize("place", [4, 9])
def test_label_column_is_found_by_name_elsewhere(place, square):
    Path("a.csv").write_text(text(*square, place=place, name="Class"))
    data, note = load_dataset("a.csv")
    assert data.image_shape == (1, 3, 3)
    assert "labels in Class" in note


@pytest.mark.parametrize("name", ["a.csv.gz", "a.zip", "a.csv.zip"])
def test_compressed_file_gives_the_same_images(name, square):
    Path("a.csv").write_text(text(*square))
    if name.endswith(".gz"):
        Path(name).write_bytes(gzip.compress(Path("a.csv").read_bytes()))
    else:
        with zipfile.ZipFile(name, "w") as archive:
            archive.write("a.csv")
    plain, packed = load_dataset("a.csv")[0], load_dataset(name)[0]
    assert packed.name == "a"
    assert np.array_equal(plain.x_train, packed.x_train)


def test_test_share_and_seed_choose_the_test_images(square):
    Path("a.csv").write_text(text(*square))
    first, again = (load_dataset("a.csv", test_share=0.3, seed=5)[0] for _ in range(2))
    other = load_dataset("a.csv", test_share=0.3, seed=6)[0]
    assert first.split == {"seed": 5, "test_share": 0.3}
    assert np.bincount(first.y_test).tolist() == [3, 3]
    assert np.array_equal(first.x_test, again.x_test)
    assert not np.array_equal(first.x_test, other.x_test)


def test_folder_with_train_and_test_is_split_as_its_files(square, folder):
    x, y = square
    Path("mnist_train.csv").write_text(text(x, y))
    Path("mnist_test.csv").write_text(text(x[:4], y[:4]))
    data, _ = load_dataset(folder)
    assert np.array_equal(data.x_train, x)
    assert np.array_equal(data.x_test, x[:4])
    assert data.split == {}


def test_test_file_without_labels_is_left_out(square, folder):
    x, y = square
    Path("train.csv").write_text(text(x, y))
    Path("test.csv").write_text(text(x[:4]))
    Path("sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    data, note = load_dataset(folder)
    assert (len(data.x_train), len(data.x_test)) == (16, 4)
    assert "test.csv has no labels and is left out" in note


def test_colour_rows_are_rgb_of_each_pixel_unless_told_otherwise(colour):
    x, y = colour
    Path("rgb.csv").write_text(text(x.transpose(0, 2, 3, 1), y))
    Path("planes.csv").write_text(text(x, y))
    first, note = load_dataset("rgb.csv")
    second, _ = load_dataset("planes.csv", colour_order="planes")
    assert all_images(first) == all_images(second) == sorted(image.tobytes() for image in x)
    assert "RGB of each pixel" in note


def test_floats_from_0_to_1_are_scaled_and_reported(square):
    x, y = square
    x = np.where(x > 100, 1.0, 0.5)
    Path("a.csv").write_text(text(x, y))
    data, note = load_dataset("a.csv")
    assert set(np.unique(data.x_train)) == {128, 255}
    assert "values 0 to 1, stored as float" in note


def test_names_as_labels_become_classes(square):
    x, y = square
    Path("a.csv").write_text(text(x, [["cat", "dog"][k] for k in y], header=False))
    assert load_dataset("a.csv")[0].class_names == ("cat", "dog")


def test_semicolons_quotes_and_bom_are_understood(square):
    lines = text(*square, delimiter=";").replace("label", '"label"')
    Path("a.csv").write_text("\ufeff" + lines, encoding="utf-8")
    assert load_dataset("a.csv")[0].image_shape == (1, 3, 3)


def test_digits_are_ink_and_other_images_are_not(square):
    digits = load_digits()
    Path("digits28.csv").write_text(text(digits.x_test[:60], digits.y_test[:60]))
    Path("a.csv").write_text(text(*square))
    assert load_dataset("digits28.csv")[0].preparation == "ink"
    assert load_dataset("a.csv")[0].preparation == "crop"


def test_name_of_a_built_in_data_set_is_not_taken(square):
    Path("mnist.csv").write_text(text(*square))
    assert load_dataset("mnist.csv")[0].name == "mnist.csv"


def test_unlabelled_images_are_read_in_chunks(square):
    x, _ = square
    Path("test.csv").write_text(text(x))
    rows = open_images("test.csv")
    chunks = list(rows.chunks(8))
    assert [len(chunk) for chunk in chunks] == [8, 8, 4]
    assert np.array_equal(np.concatenate(chunks), x)
    assert rows.labels == ""


GOOD = "label,p0,p1,p2,p3\n" + "0,1,2,3,4\n1,250,6,7,8\n" * 3


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (GOOD + "0,1,2\n", "has 3 values in row 8: expected 5"),
        (GOOD + "0,1,x,3,4\n", "holds 'x' in row 8, column 3: expected a number"),
        (GOOD + "0,1,nan,3,4\n", "NaN or infinite values, first in image 7"),
        (GOOD + ",1,2,3,4\n", "has no label in row 8"),
        (GOOD + "0.5,1,2,3,4\n", "expected labels of|no classes|at least two"),
        ("label,p0,p1,p2,p3\n", "has a header but no other lines"),
        ("", "is empty"),
        ("label,p0,p1,p2,p3,p4\n0,1,2,3,4,5\n", "5 pixels in a row: expected a square number"),
        ("label,p0,p1,p2\n0,1,2,3,4\n", "4 names in its header and 5 values"),
        ("p0,p1,p2,p3\n1,2,3,4\n", "has no column of labels"),
        ("0,1,2,3,4\n0,9,9,9,9\n", "labels of at least two classes, got 0"),
        ("0,1,2,3,4\n1,99,9,9,9\n", "has one image of the class 0"),
        ("0,90,90,90,90\n1,90,90,90,91\n" * 3, "almost one value"),
    ],
)
def test_damaged_csv_is_a_data_error(contents, message):
    Path("a.csv").write_text(contents)
    with pytest.raises(DataError, match=message):
        load_dataset("a.csv")


def test_truncated_gzip_is_a_data_error(square):
    Path("a.csv.gz").write_bytes(gzip.compress(text(*square).encode())[:-20])
    with pytest.raises(DataError, match="damaged or truncated"):
        load_dataset("a.csv.gz")


def test_file_that_is_no_zip_archive_is_a_data_error():
    Path("a.zip").write_bytes(b"none")
    with pytest.raises(DataError, match="not a readable zip archive"):
        load_dataset("a.zip")


def test_two_files_of_one_part_are_a_data_error(square, folder):
    Path("train.csv").write_text(text(*square))
    Path("train2_train.csv").write_text(text(*square))
    with pytest.raises(DataError, match="two files of pixels for train"):
        load_dataset(folder)


def test_setting_for_image_files_is_a_config_error(square):
    Path("a.csv").write_text(text(*square))
    with pytest.raises(ConfigError, match=r"image_size=8 is not a setting for a\.csv, a CSV of pixels: its pixels are"):
        load_dataset("a.csv", image_size=8, channels=None, skip_broken=False)


def test_settings_that_are_none_or_false_are_left_out(square):
    Path("a.csv").write_text(text(*square))
    data, _ = load_dataset("a.csv", image_size=None, channels=None, skip_broken=False)
    assert data.image_shape == (1, 3, 3)
