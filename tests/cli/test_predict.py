"""jitcnn predict: files, folders, globs and standard input; broken images; CSV and JSON."""

import csv
import io
import json
import os
import threading

import numpy as np
import pytest
from photographs import FALLOFF, photo, place
from PIL import Image

from jitcnn import CNN, Dense, Flatten, fit, load_dataset, load_digits
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
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
    for name in ("test.csv", "a.csv"):
        (photos / "empty" / name).write_text(
            ",".join(f"pixel{k}" for k in range(784)) + "\n" + ",".join(["7"] * 784) + "\n"
        )
    output = " ".join(runner.invoke(cli, ["predict", model, "empty"]).output.split())
    assert f"give the file of pixels itself, such as empty{os.sep}test.csv" in output


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


@pytest.fixture
def number(model_file, tmp_path, monkeypatch):
    """A photograph of the digits 4, 1, 8, 0, in which the model is right."""
    data, net = load_digits(), CNN.load(model_file)
    good = net.predict(data.x_test) == data.y_test
    digits = [data.x_test[np.flatnonzero(good & (data.y_test == k))[0], 0] for k in (4, 1, 8, 0)]
    photo(place(digits, 95), np.random.default_rng(0), FALLOFF).save(tmp_path / "number.png")
    monkeypatch.chdir(tmp_path)
    return "number.png"


def test_digits_are_printed_left_to_right(runner, model_file, number):
    result = runner.invoke(cli, ["predict", str(model_file), number, "--digits"])
    assert result.exit_code == 0, result.output
    lines = [line.split(" (")[0] for line in result.stdout.splitlines()]
    assert lines == [f"number.png, digit {k} of 4: {digit}" for k, digit in enumerate("4180", 1)]


def test_digits_as_json_have_a_line_each(runner, model_file, number):
    result = runner.invoke(cli, ["predict", str(model_file), number, "--digits", "--json"])
    assert [each["class"] for each in objects(result)] == ["4", "1", "8", "0"]
    assert [each["image"] for each in objects(result)] == [f"number.png, digit {k} of 4" for k in range(1, 5)]
    assert all(len(each["probabilities"]) == 10 for each in objects(result))


def test_digits_as_csv_have_a_row_each(runner, model_file, number):
    result = runner.invoke(cli, ["predict", str(model_file), number, "--digits", "--csv", "-"])
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["class"] for row in rows] == ["4", "1", "8", "0"]
    assert [row["image"] for row in rows] == [f"number.png, digit {k} of 4" for k in range(1, 5)]


def test_without_digits_the_most_prominent_one_is_read_with_a_warning(runner, model_file, number):
    result = runner.invoke(cli, ["predict", str(model_file), number, "--json"])
    assert len(objects(result)) == 1
    assert "Warning: number.png shows 4 digits: only the most prominent one is read; use" in result.stderr
    assert "jitcnn predict --digits" in result.stderr


def test_sheet_without_digits_is_reported_and_the_others_are_read(runner, model_file, number):
    photo(np.zeros((400, 400)), np.random.default_rng(1), FALLOFF).save("sheet.png")
    result = runner.invoke(cli, ["predict", str(model_file), "sheet.png", "--digits"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: sheet.png shows nothing recognisable: expected a digit" in result.stderr
    result = runner.invoke(cli, ["predict", str(model_file), "sheet.png", number, "--digits", "--json"])
    assert result.exit_code == 1
    assert [each.get("class", "none") for each in objects(result)] == ["none", "4", "1", "8", "0"]
    assert "not predicted: sheet.png shows nothing recognisable" in result.stderr
    result = runner.invoke(
        cli, ["predict", str(model_file), "sheet.png", number, "--digits", "--skip-broken", "--csv", "-"]
    )
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert ["nothing recognisable" in row["error"] for row in rows] == [True, False, False, False, False]


def test_digits_need_a_model_for_digits(runner, model, photos):
    result = runner.invoke(cli, ["predict", model, "a.png", "--digits"])
    assert result.exit_code == 1
    assert "colours does not read several digits: expected a model of inputs (1, H, W) for digits" in result.output


@pytest.fixture
def trained_on_folder(tmp_path, rng):
    """Model of a folder of noise: PNG, large JPEG, and PNG of 16 bits; the folder; and the number of its training images."""
    folder = tmp_path / "noise"
    for name in ("ant", "bee"):
        (folder / name).mkdir(parents=True)
        for k in range(6):
            pixels = rng.integers(0, 256, (300, 200), np.uint8)
            if k % 3 == 0:
                Image.fromarray(pixels.astype(np.uint16) * 200 + 7).save(folder / name / f"{k}.png")
            else:
                Image.fromarray(pixels).save(folder / name / f"{k}.{'png' if k % 3 == 1 else 'jpg'}")
    data, _ = load_dataset(str(folder), image_size=12)
    net = CNN([Flatten(), Dense(144, 2)], input_shape=(1, 12, 12), name="insects")
    fit(net, data, epochs=1, batch_size=4)
    net.save(tmp_path / "insects.npz")
    return str(tmp_path / "insects.npz"), folder, len(data.x_train)


def test_images_that_were_trained_on_are_named(runner, trained_on_folder):
    model, folder, count = trained_on_folder
    moved = folder.rename(folder.with_name("moved"))
    result = runner.invoke(cli, ["predict", model, str(moved), "--json"])
    assert f"Warning: insects was trained on {count} of these 12 images, the first is {moved}" in result.stderr
    seen = 0
    for path in sorted(moved.rglob("*.*")):
        seen += f"Warning: insects was trained on {path}: " in runner.invoke(cli, ["predict", model, str(path)]).stderr
    assert seen == count


def test_images_with_other_pixels_give_no_warning(runner, trained_on_folder):
    model, folder, _ = trained_on_folder
    for path in folder.rglob("*.png"):
        with Image.open(path) as picture:
            picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    for path in folder.rglob("*.jpg"):
        path.unlink()
    result = runner.invoke(cli, ["predict", model, str(folder)])
    assert result.exit_code == 0, result.output
    assert "trained on" not in result.stderr
