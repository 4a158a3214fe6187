"""`jitcnn data show`: what it prints, and what makes it fail."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from jitcnn import load_digits
from jitcnn_cli.data_screen import bar
from jitcnn_cli.main import cli


@pytest.fixture
def pets(tmp_path):
    """Pictures of two classes: a copy in the other class, a blank one, a broken one and a text."""
    folder, images = tmp_path / "pets", load_digits().x_train
    for k in range(40):
        path = folder / ("cat", "dog")[k % 2] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[k, 0]).resize((40, 30)).save(path)
    (folder / "dog" / "copy.png").write_bytes((folder / "cat" / "4.png").read_bytes())
    Image.new("L", (40, 30), 7).save(folder / "cat" / "blank.png")
    (folder / "cat" / "broken.png").write_bytes(b"no picture")
    (folder / "cat" / "notes.txt").write_text("meow")
    return folder


def shown(runner, *arguments):
    result = runner.invoke(cli, ["data", "show", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_digits_are_shown_as_facts_and_bars(runner):
    lines = shown(runner, "digits").splitlines()
    assert "images  1,437 training, 360 test" in lines
    assert "image   1×28×28 (channels × height × width)" in lines
    assert "values  0 to 255" in lines
    assert "│ 0     │      148 │ ████████████████ │   30 │ ███████████▊     │" in lines
    assert "nothing looks wrong; worth a look:" in lines


def test_every_fault_of_a_folder_is_named(runner, pets):
    out = shown(runner, pets)
    assert "40 non" not in out
    assert "files   smallest 40×30, median 40×30, largest 40×30 (width × height), 100% not square" in out
    assert "error: There is 1 picture with copies of different labels" in out
    assert "cat/4.png = dog/copy.png" in out or "dog/copy.png = cat/4.png" in out
    assert "error: There is 1 file that cannot be read" in out
    assert "broken.png is not a readable image" in out
    assert "warning: There is 1 image of a single value" in out
    assert "  cat/blank.png" in out
    assert "hint: There is 1 ignored file" in out
    assert "  1 .txt" in out


def test_skipped_images_are_still_reported(runner, pets):
    assert "broken.png is not a readable image" in shown(runner, pets, "--skip-broken")


def test_size_and_channels_are_those_of_the_options(runner, pets):
    out = shown(runner, pets, "--image-size", "20", "--channels", "3", "--test-share", "0.5")
    assert "images  22 training, 20 test" in out
    assert "image   3×20×20" in out


def test_json_is_one_object(runner, pets):
    record = json.loads(shown(runner, pets, "--json"))
    assert record["class_names"] == ["cat", "dog"]
    assert record["note"].startswith("pets: 42 of 44 files taken")
    kinds = {finding["kind"]: finding["severity"] for finding in record["findings"]}
    assert kinds["contradicting-labels"] == kinds["unreadable-files"] == "error"
    assert record["originals"]["non_square"] == 1


def test_data_file_is_shown(runner, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 9, 7), np.uint8)
    images[50] = images[0]
    np.savez(
        tmp_path / "noise.npz",
        x_train=images[:40],
        y_train=np.arange(40) % 2,
        x_test=images[40:],
        y_test=np.arange(20) % 2,
    )
    out = shown(runner, tmp_path / "noise.npz")
    assert "image   1×9×7" in out
    assert "training 0 (0) = test 10 (0)" in out


@pytest.mark.parametrize("is_broken", [False, True])
def test_class_of_one_image_in_a_table_is_a_finding(is_broken, runner, pets, tmp_path):
    if not is_broken:
        (pets / "cat" / "broken.png").unlink()
    rows = [f"{file},{file.parent.name}" for file in sorted(pets.rglob("*.png"))]
    (tmp_path / "pets.csv").write_text("\n".join(["path,label", *rows[:-1], rows[-1].replace(",dog", ",wolf")]))
    out = shown(runner, tmp_path / "pets.csv")
    assert "warning: There is 1 class with a single training image" in out
    assert ("error: There is 1 file that cannot be read" in out) is is_broken


def test_class_of_one_image_in_a_data_file_is_a_finding(runner, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (41, 9, 7), np.uint8)
    np.savez(tmp_path / "noise.npz", x=images, y=np.array([*np.arange(40) % 2, 2]))
    assert "warning: There is 1 class with a single training image" in shown(runner, tmp_path / "noise.npz")


def test_contact_sheet_is_written(runner, pets, tmp_path):
    out = shown(runner, pets, "--contact-sheet", tmp_path / "sheet.png")
    assert f"contact sheet: {tmp_path / 'sheet.png'}" in out
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size == (1650, picture.height)


def test_contact_sheet_in_a_missing_folder_is_an_error(runner, tmp_path):
    result = runner.invoke(cli, ["data", "show", "digits", "--contact-sheet", str(tmp_path / "no" / "sheet.png")])
    assert result.exit_code == 1
    assert "cannot be written" in result.output


def test_contact_sheet_of_another_format_is_an_error(runner):
    result = runner.invoke(cli, ["data", "show", "digits", "--contact-sheet", "sheet.bmp"])
    assert result.exit_code == 1
    assert "Figures are saved as .png, .pdf or .svg" in result.output


def test_unknown_name_is_a_usage_error(runner):
    result = runner.invoke(cli, ["data", "show", "no-such-data"])
    assert result.exit_code == 2
    assert "'no-such-data' is neither" in result.output


def test_folder_that_cannot_be_loaded_is_an_error(runner, tmp_path):
    (tmp_path / "only" / "one").mkdir(parents=True)
    result = runner.invoke(cli, ["data", "show", str(tmp_path / "only")])
    assert result.exit_code == 1
    assert "expected at least two classes" in result.output


def test_classes_that_a_training_refuses_are_findings(runner, pets):
    (pets / "eel").mkdir()
    (pets / "fox").mkdir()
    (pets / "fox" / "one.png").write_bytes((pets / "cat" / "8.png").read_bytes())
    out = shown(runner, pets)
    assert "a training refuses this folder: The class folder" in out
    assert "warning: There is 1 class without any image" in out
    assert "warning: There is 1 class with a single training image" in out
    assert "cat/blank.png" in out  # files are still named
    record = json.loads(shown(runner, pets, "--json"))
    examples = {finding["kind"]: finding["examples"] for finding in record["findings"]}
    assert examples["empty-class"] == ["eel"]
    assert examples["one-image-class"] == ["fox"]


@pytest.fixture
def split(pets):
    """The cats and dogs as ready-made training, validation and test images, without a broken one."""
    (pets / "cat" / "broken.png").unlink()
    for part in ("train", "val", "test"):
        for name in ("cat", "dog"):
            (pets / part / name).mkdir(parents=True)
    for name in ("cat", "dog"):
        for k, file in enumerate(sorted((pets / name).glob("*.png"))):
            file.rename(pets / ("train", "train", "val", "test")[k % 4] / name / file.name)
        for file in (pets / name).iterdir():
            file.unlink()
        (pets / name).rmdir()
    return pets


def test_empty_folders_of_a_split_are_findings(runner, split):
    (split / "train" / "eel").mkdir()
    (split / "val" / "fox").mkdir()
    for file in (split / "val" / "dog").iterdir():
        file.unlink()
    findings = {
        each["kind"]: each
        for each in json.loads(shown(runner, split, "--json"))["findings"]
        if each["severity"] != "hint"
    }
    assert findings["empty-class"]["examples"] == ["eel", "fox"]
    assert findings["untested-class"]["examples"] == ["dog"]
    assert "without validation images" in findings["untested-class"]["sentence"]


def test_class_of_test_images_alone_is_a_finding(runner, split):
    (split / "test" / "gnu").mkdir()
    (split / "test" / "gnu" / "1.png").write_bytes(next((split / "test" / "cat").iterdir()).read_bytes())
    out = shown(runner, split)
    assert "error: There is 1 class with test images but without training images" in out
    assert "got also gnu" in out


def test_only_broken_images_are_an_error(runner, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(2):
            (tmp_path / name / f"{k}.png").write_bytes(b"no picture")
    result = runner.invoke(cli, ["data", "show", str(tmp_path)])
    assert result.exit_code == 1
    assert "is not a readable image" in result.output


def test_names_are_shown_literally(runner, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (24, 20, 20), np.uint8)
    for k, image in enumerate(images):
        path = tmp_path / "odd" / ("[bold]", "\x1b[31mred")[k % 2] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[0] if k == 7 else image).save(path)
    out = shown(runner, tmp_path / "odd", "--contact-sheet", tmp_path / "sheet.png")
    assert "[bold]/0.png" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ""), (1, "▏"), (500, "████████"), (1000, "████████████████"), (33, "▌")]
)
def test_bar_is_in_eighths_of_a_character(count, expected):
    assert bar(count, [1000, 0]) == expected


def test_examples_of_the_help_work(runner, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = runner.invoke(cli, ["data", "show", "--help"]).output
    examples = re.findall(r"^  +jitcnn (.*)", text[text.index("Example:") :], re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        assert runner.invoke(cli, example.split()).exit_code == 0
    assert (tmp_path / "digits.png").is_file()


def test_list_mentions_paths(runner):
    assert "jitcnn data show my_images/" in runner.invoke(cli, ["data", "list"]).output
