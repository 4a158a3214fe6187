"""``jitcnn evaluate``: scores per class, top-k, calibration, views and ensembles."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from jitcnn import CNN, Dense, Flatten, load_digits
from jitcnn.data import order_classes
from jitcnn.metrics import evaluate
from jitcnn.net.trained_on import TrainedOn
from jitcnn_cli.evaluation_screen import distinct_names
from jitcnn_cli.main import cli


@pytest.fixture(scope="module")
def dense_file(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("dense") / "dense.npz"
    trained[0]["mnist-dense"].save(path)
    return path


@pytest.fixture
def constant_file(tmp_path):
    """A model that always predicts class 3."""
    layer = Dense(28 * 28, 10)
    layer.weights[...], layer.bias[3] = 0, 1
    CNN([Flatten(), layer], input_shape=(1, 28, 28), name="always-3").save(tmp_path / "constant.npz")
    return tmp_path / "constant.npz"


@pytest.fixture
def run(runner):
    """Evaluates files on the digits; the output, on one line."""

    def run(*arguments, code=0):
        result = runner.invoke(cli, ["evaluate", *map(str, arguments), "--dataset", "digits"])
        assert result.exit_code == code, result.output
        return result.output

    return run


def one_line(text):
    return " ".join(text.split())


def test_classes_have_precision_recall_and_f1(run, model_file, trained):
    oracle = pytest.importorskip("sklearn.metrics").precision_recall_fscore_support
    model, data = trained[0]["mnist-cnn"], trained[1]
    predicted = model.predict(data.x_test)
    expected = np.array(oracle(data.y_test, predicted, zero_division=0))
    record = json.loads(run(model_file, "--json"))
    found = [[row[key] for key in ("precision", "recall", "f1", "images")] for row in record["classes"]]
    np.testing.assert_allclose(np.transpose(found), expected)
    for kind in ("macro", "weighted"):
        average = oracle(data.y_test, predicted, average=kind, zero_division=0)[:3]
        np.testing.assert_allclose([record[kind][key] for key in ("precision", "recall", "f1")], average)
    assert record["macro_f1"] == record["macro"]["f1"]
    precision, recall, f1, images = expected[:, 9]
    row = rf"│ 9 +│ +{images:.0f} │ +{recall:.1%} │ +{precision:.1%} │ +{f1:.1%} │"
    assert re.search(row, run(model_file))


def test_averages_are_the_last_rows(run, model_file, trained):
    scores = evaluate(trained[0]["mnist-cnn"], trained[1].x_test, trained[1].y_test).scores
    rows = [line.split() for line in run(model_file).splitlines() if line.startswith("│")][-2:]
    for row, (name, found) in zip(rows, (("macro", scores.macro), ("weighted", scores.weighted)), strict=True):
        values = [f"{found.recall:.1%}", f"{found.precision:.1%}", f"{found.f1:.1%}"]
        assert [cell for cell in row if cell != "│"] == [name, "average", "360", *values]


def test_most_confused_class_is_shown(run, model_file, trained):
    model, data = trained[0]["mnist-cnn"], trained[1]
    wrong = model.predict(data.x_test)
    for row in json.loads(run(model_file, "--json"))["classes"]:
        label = int(row["class"])
        given = wrong[(data.y_test == label) & (wrong != label)]
        counts = np.bincount(given, minlength=10)
        expected = (str(counts.argmax()), counts.max()) if len(given) else (None, 0)
        assert (row["most_confused_with"], row["confused"]) == expected


def test_scores_that_are_not_defined_are_noted(run, constant_file):
    note = "0, 1, 2, 4, 5 and 4 more were never predicted: their precision is not defined and counts as 0."
    assert note in run(constant_file).splitlines()
    record = json.loads(run(constant_file, "--json"))
    assert record["notes"] == [note]
    assert (record["classes"][0]["precision"], record["classes"][0]["predicted"]) == (0, 0)


def test_class_without_images_is_shown_if_it_was_predicted(runner, constant_file, tmp_path):
    for name in "45":
        (tmp_path / "data" / name).mkdir(parents=True)
        for k in range(2):
            pixels = np.random.default_rng(k).integers(0, 256, (28, 28), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{k}.png")
    net = CNN.load(constant_file)
    net.class_names = tuple("0123456789")
    net.save(constant_file)
    shown = runner.invoke(cli, ["evaluate", str(constant_file), "--dataset", str(tmp_path / "data")]).output
    rows = re.findall(r"│ (\d) +│ +(\d+) │", shown)
    assert rows == [("3", "0"), ("4", "1"), ("5", "1")]
    assert "3 was predicted but has no images: its recall is not defined and counts as 0." in shown


def test_top_k_may_be_repeated(run, model_file, trained):
    model, data = trained[0]["mnist-cnn"], trained[1]
    found = evaluate(model, data.x_test, data.y_test)
    arguments = [model_file, "--top-k", "1", "--top-k", "3", "--top-k", "3"]
    assert json.loads(run(*arguments, "--json"))["top_k"] == {"1": found.accuracy, "3": found.top_k(3)}
    assert f"top-1 accuracy {found.accuracy:.2%}; top-3 accuracy {found.top_k(3):.2%}; macro" in one_line(
        run(*arguments)
    )


def test_top_k_of_all_classes_fails(run, model_file):
    shown = run(model_file, "--top-k", "10", code=1)
    assert "k from 1 to 9, below the number of classes, got 10: from 10 on, every image is correct." in shown
    assert "0 is not in the range" in one_line(run(model_file, "--top-k", "0", code=2))


def test_calibration_is_shown(run, model_file, trained):
    found = evaluate(trained[0]["mnist-cnn"], trained[1].x_test, trained[1].y_test)
    for bins, arguments in ((15, []), (5, ["--bins", "5"])):
        expected = found.calibration(bins)
        shown = one_line(run(model_file, *arguments))
        assert f"(ECE) {expected.ece:.2%}, maximum (MCE) {expected.mce:.2%}, in {bins} bins" in shown
        assert f"Brier score {found.brier:.4f}" in shown
        record = json.loads(run(model_file, *arguments, "--json"))
        assert [record[key] for key in ("ece", "mce", "bins", "brier")] == [
            expected.ece,
            expected.mce,
            bins,
            found.brier,
        ]


def test_reliability_diagram_is_written(run, model_file, tmp_path):
    shown = run(model_file, "--reliability", tmp_path / "r.png")
    assert f"reliability diagram: {tmp_path / 'r.png'}" in shown
    with Image.open(tmp_path / "r.png") as picture:
        assert picture.size == (750, 1080)


def test_json_is_all_that_is_printed_beside_a_diagram(run, model_file, tmp_path):
    assert json.loads(run(model_file, "--json", "--reliability", tmp_path / "r.svg"))["total"] == 360
    assert "<svg" in (tmp_path / "r.svg").read_text()


def test_diagram_that_cannot_be_written_is_a_sentence(run, model_file, tmp_path):
    place = tmp_path / "none" / "r.png"
    assert f"--reliability {place} cannot be written: No such file" in run(model_file, "--reliability", place, code=1)
    assert "Figures are saved as .png, .pdf or .svg, got 'r.txt'" in run("none.npz", "--reliability", "r.txt", code=1)


@pytest.mark.parametrize(
    ("options", "views", "passes", "text"),
    [
        (["--views", "shift:1"], "shift:1", 5, "shifts by 1 pixel (5 forward passes per image)"),
        (["--views", "mirror,shift:2"], "mirror,shift:2", 10, "mirror images and shifts by 2 pixels (10 forward"),
        (
            ["--mirror", "--views", "shift:1,reflect"],
            "mirror,shift:1,reflect",
            10,
            "mirror images and shifts by 1 pixel with ",
        ),
        (["--mirror"], "mirror", 2, "mirror images (2 forward passes per image)"),
    ],
)
def test_views_are_averaged_and_their_cost_is_shown(options, views, passes, text, run, model_file, trained):
    model, data = trained[0]["mnist-cnn"], trained[1]
    arguments = [model_file, *options, "--limit", "40"]
    record = json.loads(run(*arguments, "--json"))
    assert record["loss"] == evaluate(model, data.x_test[:40], data.y_test[:40], views=views).loss
    assert (record["views"], record["passes"], record["mirrored"]) == (views, passes, "mirror" in views)
    assert f", averaged over {text}" in one_line(run(*arguments))


def test_wrong_views_fail(run, model_file):
    assert "Views are mirror, shift:PIXELS and reflect, separated by commas" in run(model_file, "--views", "x", code=1)
    assert "a shift below the image size of 28 pixels, got 28" in run(model_file, "--views", "shift:28", code=1)


def test_models_form_an_ensemble(run, model_file, dense_file, trained):
    models, data = trained
    found = evaluate([*models.values()], data.x_test, data.y_test)
    record = json.loads(run(model_file, dense_file, "--json"))
    assert (record["model"], record["correct"], record["loss"]) == ("ensemble of 2 models", found.correct, found.loss)
    members = [(member["file"], member["model"], member["correct"]) for member in record["members"]]
    one, other = found.members
    assert members == [
        (str(model_file), "mnist-cnn", one.correct),
        (str(dense_file), "mnist-dense", other.correct),
    ]
    shown = run(model_file, dense_file)
    assert f"ensemble of 2 models on digits: accuracy {found.accuracy:.2%}" in shown
    assert "(2 forward passes per image)" in one_line(shown)
    for name, result in (("mnist-cnn", one), ("mnist-dense", other), ("ensemble", found)):
        assert re.search(rf"│ {name} +│ +[\d,]+ │ +{result.accuracy:.2%} │ +{result.loss:.4f} │", shown)


def test_models_of_the_same_name_are_told_apart_by_their_files(run, model_file, tmp_path):
    (tmp_path / "copy.npz").write_bytes(model_file.read_bytes())
    shown = run(model_file, tmp_path / "copy.npz")
    assert re.search(r"│ mnist-cnn \(cnn_mnist_model.npz\) │", shown)
    assert re.search(r"│ mnist-cnn \(copy.npz\) +│", shown)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a/x.npz", "b/y.npz"], ["net (x.npz)", "net (y.npz)"]),
        (["/runs/a/net.npz", "/runs/b/net.npz"], ["net (a)", "net (b)"]),
        (["/runs/a/net.npz", "/runs/a/net.npz"], ["net (1)", "net (2)"]),
    ],
)
def test_name_of_several_models_is_followed_by_what_differs(files, expected):
    assert distinct_names(["net", "net"], files) == expected
    assert distinct_names(["net", "other"], files) == ["net", "other"]


def test_classes_in_another_order_are_matched(run, model_file, tmp_path):
    order_classes(CNN.load(model_file), tuple("9876543210")).save(tmp_path / "reversed.npz")
    for files in ((model_file, tmp_path / "reversed.npz"), (tmp_path / "reversed.npz", model_file)):
        record = json.loads(run(*files, "--json"))
        assert {member["correct"] for member in record["members"]} == {record["correct"]}


def test_models_that_do_not_match_fail(run, model_file, constant_file, tmp_path):
    CNN([Flatten(), Dense(784, 2)], input_shape=(1, 28, 28), name="pair").save(tmp_path / "pair.npz")
    shown = run(model_file, tmp_path / "pair.npz", code=1)
    assert "of mnist-cnn and 2 unnamed classes of pair: leave one out." in shown
    CNN([Flatten(), Dense(64, 10)], input_shape=(1, 8, 8), name="tiny").save(tmp_path / "tiny.npz")
    shown = run(model_file, tmp_path / "tiny.npz", code=1)
    assert "got (1, 28, 28) of mnist-cnn and (1, 8, 8) of tiny" in shown


def test_each_model_that_was_trained_on_the_images_is_warned_of(run, model_file, dense_file, tmp_path):
    data = load_digits()
    seen = CNN.load(dense_file)
    seen.trained_on = TrainedOn.of("digits", (data.x_test[:5], data.y_test[:5], data.x_train[:5]), {}, "test", None)
    seen.save(tmp_path / "seen.npz")
    warning = "Warning: mnist-dense was trained on 5 of these 360 images"
    assert [line.startswith(warning) for line in run(model_file, tmp_path / "seen.npz").splitlines()].count(True) == 1
    assert json.loads(run(model_file, tmp_path / "seen.npz", "--json"))["notes"][0].startswith(warning)
    assert "Warning" not in run(model_file, dense_file)


def test_other_value_ranges_of_a_model_are_noted(runner, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for k in range(4):
            Image.fromarray(rng.integers(0, 4000, (4, 4), dtype=np.uint16)).save(tmp_path / "data" / name / f"{k}.png")
    for name, top in (("a", 4000.0), ("b", 9000.0)):
        net = CNN([Flatten(), Dense(16, 2)], input_shape=(1, 4, 4), name=name, class_names=("ant", "bee"))
        net.value_ranges = {"integer": (0.0, top)}
        net.save(tmp_path / f"{name}.npz")
    files = [str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]
    shown = runner.invoke(cli, ["evaluate", *files, "--dataset", str(tmp_path / "data")]).output
    assert "b was trained on images of more than 8 bits that were read with other value ranges than those of a" in shown


def test_no_model_is_a_usage_error(run):
    assert "Missing argument 'MODEL...'" in run(code=2)
