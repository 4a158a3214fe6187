"""jitcnn predict: files, folders, globs and standard input; broken images; CSV and JSON."""

import csv
import io
import json
import os
import threading

import numpy as np
import pytest
from PIL import Image

from jitcnn import CNN, Dense, Flatten
from jitcnn_cli.main import cli

PAIRS = {"red": (255, 0, 0), "blue": (0, 0, 255)}


@pytest.fixture
def model(tmp_path):
    """A net that tells red from blue."""
    net = CNN([Flatten(), Dense(48, 2)], input_shape=(3, 4, 4), name="colours", class_names=("red", "blue"))
    weights = np.zeros((3, 16, 2), np.float32)
    weights[0, :, 0] = weights[2, :, 1] = 1
    net.layers[1].set_array("weights", weights.reshape(48, 2))
    net.preparation = "crop"
    net.save(tmp_path / "net.npz")
    return str(tmp_path / "net.npz")


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Two red and two blue images, one of them in a deeper folder, with other files."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for name, colour in (("a.png", "red"), ("b.jpg", "blue"), ("deep/c.png", "red"), ("d", "blue")):
        Image.new("RGB", (30, 20), PAIRS[colour]).save(folder / name, "JPEG" if name == "b.jpg" else "PNG")
    (folder / "notes.txt").write_text("none")
    (folder / ".hidden.png").write_text("none")
    monkeypatch.chdir(folder)
    return folder


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def predicted(result):
    return {os.path.basename(each["image"]): each.get("class", "broken") for each in objects(result)}


ALL = {"a.png": "red", "b.jpg": "blue", "c.png": "red", "d": "blue"}


def test_several_files_print_one_line_each(runner, model, photos):
    result = runner.invoke(cli, ["predict", model, "a.png", "b.jpg"])
    assert result.exit_code == 0, result.output
    assert result.stdout == "a.png: red (100.0% confidence)\nb.jpg: blue (100.0% confidence)\n"


def test_folder_is_searched_and_counted(runner, model, photos):
    result = runner.invoke(cli, ["predict", model, str(photos), "--json"])
    assert predicted(result) == ALL
    assert "4 of 6 files taken; ignored: 1 .txt, 1 hidden or of the system" in result.stderr


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("*.png", {"a.png"}), ("**/*.png", {"a.png", "c.png"}), ("*", set(ALL)), ("[ab].*", {"a.png", "b.jpg"})],
)
def test_glob_is_expanded(pattern, expected, runner, model, photos):
    assert set(predicted(runner.invoke(cli, ["predict", model, pattern, "--json"]))) == expected


def test_existing_name_with_brackets_is_no_glob(runner, model, photos):
    (photos / "a.png").rename(photos / "x[1].png")
    assert predicted(runner.invoke(cli, ["predict", model, "x[1].png", "--json"])) == {"x[1].png": "red"}


def test_standard_input_is_an_image(runner, model, photos):
    result = runner.invoke(cli, ["predict", model, "-", "--json"], input=(photos / "b.jpg").read_bytes())
    assert predicted(result) == {"-": "blue"}
    for contents in (b"", b"hello"):
        result = runner.invoke(cli, ["predict", model, "-"], input=contents)
        assert result.exit_code == 1
        assert "standard input is not a readable image" in result.output


def test_pipe_is_read(runner, model, photos):
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: (photos / "pipe").write_bytes((photos / "b.jpg").read_bytes()))
    writer.start()
    assert predicted(runner.invoke(cli, ["predict", model, "pipe", "--json"])) == {"pipe": "blue"}
    writer.join()


def test_order_is_that_of_the_arguments(runner, model, photos):
    result = runner.invoke(cli, ["predict", model, "deep", "b.jpg", "a.png", "--json"])
    assert [each["image"] for each in objects(result)] == ["deep/c.png", "b.jpg", "a.png"]


def test_many_images_are_predicted_in_order(runner, model, photos):
    names = [f"many/{k:03}.png" for k in range(130)]  # three chunks
    (photos / "many").mkdir()
    for k, name in enumerate(names):
        Image.new("RGB", (9, 9), PAIRS["red" if k % 3 else "blue"]).save(name)
    answers = objects(runner.invoke(cli, ["predict", model, "many", "--json"]))
    assert [each["image"] for each in answers] == names
    assert [each["class"] for each in answers] == ["red" if k % 3 else "blue" for k in range(130)]


def test_broken_image_does_not_stop_the_others(runner, model, photos):
    (photos / "a.png").write_text("hello")
    result = runner.invoke(cli, ["predict", model, "a.png", "none.png", "b.jpg"])
    assert result.exit_code == 1
    assert result.stdout == "b.jpg: blue (100.0% confidence)\n"
    assert "not predicted: a.png is not a readable image" in result.stderr
    assert "not predicted: none.png is not a readable image" in result.stderr
    assert "Error: 2 of 3 images could not be read, the others are predicted" in result.stderr


def test_broken_image_is_skipped(runner, model, photos):
    (photos / "a.png").write_text("hello")
    result = runner.invoke(cli, ["predict", model, ".", "--skip-broken", "--json"])
    assert result.exit_code == 0, result.output
    assert predicted(result) == {**ALL, "a.png": "broken"}
    assert "a.png is not a readable image" in next(each["error"] for each in objects(result) if "error" in each)
    assert "1 broken image skipped" in result.stderr


def test_image_of_one_value_is_broken(runner, model, photos):
    Image.new("RGB", (9, 9), "black").save("a.png")
    result = runner.invoke(cli, ["predict", model, "a.png", "b.jpg"])
    assert "not predicted: a.png decodes to almost one value, 0 to 0 of 255" in result.stderr


def test_only_broken_images_fail_even_if_skipped(runner, model, photos):
    for name in ("a.png", "b.jpg"):
        (photos / name).write_text("hello")
    result = runner.invoke(cli, ["predict", model, "a.png", "b.jpg", "--skip-broken"])
    assert result.exit_code == 1
    assert "None of 2 images can be read" in result.stderr


def test_folder_without_images_fails(runner, model, photos):
    (photos / "empty").mkdir()
    assert "empty: expected images, got no files" in runner.invoke(cli, ["predict", model, "empty"]).output
    (photos / "empty" / "a.txt").touch()
    assert "empty: expected images, got 1 .txt" in runner.invoke(cli, ["predict", model, "empty"]).output


def test_csv_has_one_row_per_image(runner, model, photos):
    (photos / "a.png").write_text("hello")
    result = runner.invoke(cli, ["predict", model, ".", "--skip-broken", "--csv", "out.csv"])
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    with open("out.csv", encoding="utf-8", newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert list(rows["b.jpg"]) == [
        "image", "prediction", "class", "confidence", "probability red", "probability blue", "error",
    ]  # fmt: skip
    assert (rows["b.jpg"]["prediction"], rows["b.jpg"]["class"], rows["b.jpg"]["error"]) == ("1", "blue", "")
    assert float(rows["b.jpg"]["confidence"]) == float(rows["b.jpg"]["probability blue"]) > 0.99
    assert (rows["a.png"]["class"], "not a readable image" in rows["a.png"]["error"]) == ("", True)


def test_csv_goes_to_standard_output_and_excludes_json(runner, model, photos):
    result = runner.invoke(cli, ["predict", model, "a.png", "--csv", "-"])
    assert [row["class"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["red"]
    result = runner.invoke(cli, ["predict", model, "a.png", "--csv", "-", "--json"])
    assert (result.exit_code, "Expected --csv - or --json, got both" in result.output) == (2, True)


def test_csv_and_json_together(runner, model, photos):
    result = runner.invoke(cli, ["predict", model, "a.png", "--csv", "out.csv", "--json"])
    assert predicted(result) == {"a.png": "red"}
    assert len((photos / "out.csv").read_text().splitlines()) == 2


def test_csv_in_a_missing_folder_fails_before_predicting(runner, model, photos):
    result = runner.invoke(cli, ["predict", model, "a.png", "--csv", "none/out.csv", "--json"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--csv none/out.csv cannot be written: the folder does not exist" in result.output


def test_names_with_control_characters_and_bytes_are_printed(runner, model, photos):
    name = os.fsdecode(b"\xff\x1b[31m.png")
    (photos / "a.png").rename(photos / name)
    result = runner.invoke(cli, ["predict", model, ".", "--csv", "out.csv"])
    assert result.exit_code == 0, result.output
    assert b"\xff\x1b[31m.png,0,red" in (photos / "out.csv").read_bytes()
    assert "\x1b" not in runner.invoke(cli, ["predict", model, "."]).stdout
