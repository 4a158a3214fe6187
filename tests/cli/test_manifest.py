"""Files in the output folder: a new run replaces and removes those of earlier runs, and no others."""

import json
import shutil

import numpy as np
import pytest

from jitcnn import CNN
from jitcnn.models import mnist_cnn, mnist_dense
from jitcnn_cli.main import cli
from jitcnn_cli.manifest import Manifest, digest_of
from jitcnn_cli.run_folder import RunFolder, baseline_beside, history_beside

QUICK = ["train", "--dataset", "digits", "--epochs", "1", "--limit", "32", "--output"]
MODEL, BASELINE = "cnn_mnist_model.npz", "mnist-dense_model.npz"
OWN = {"notes.txt": b"mine", "rival_model.npz": b"not jitcnn's", "mnist-dense_model (2).npz": b"copy"}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Folder of a run with baseline, checkpoints and snapshots."""
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("first")
    options = [*QUICK, str(folder), "--checkpoint-every", "1epoch", "--snapshots"]
    result = CliRunner().invoke(cli, options)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(first, tmp_path):
    """A copy of it, with files of the user."""
    shutil.copytree(first, tmp_path / "out")
    for name, contents in OWN.items():
        (tmp_path / "out" / name).write_bytes(contents)
    return tmp_path / "out"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def own_files(folder):
    return {name: (folder / name).read_bytes() for name in OWN if (folder / name).is_file()}


def test_history_lists_the_files_of_the_run(first):
    files = json.loads((first / "history.json").read_text())["files"]
    assert sorted(files) == names(first)
    assert {name for name, digest in files.items() if digest is None} == {
        "checkpoint.npz", "checkpoint-baseline.npz", "history.json",
    }  # fmt: skip
    assert all(digest in (None, digest_of(first / name)) for name, digest in files.items())


def test_new_run_removes_what_the_earlier_one_listed(folder, runner):
    result = runner.invoke(cli, [*QUICK, str(folder), "--no-baseline", "--seed", "1"])
    assert result.exit_code == 0, result.output
    mine = {MODEL, "history.json", "learned_filters_conv1.png", "training_curves.png"}
    assert set(names(folder)) == mine | set(OWN)
    assert own_files(folder) == OWN
    assert set(json.loads((folder / "history.json").read_text())["files"]) == mine


def test_new_run_of_another_model_leaves_one_model(folder, runner):
    result = runner.invoke(cli, [*QUICK, str(folder), "--model", "mnist-dense"])
    assert result.exit_code == 0, result.output
    assert set(names(folder)) == {BASELINE, "history.json", "training_curves.png"} | set(OWN)


def test_file_that_the_user_changed_is_not_removed(folder, runner):
    (folder / BASELINE).write_bytes(b"my own")
    result = runner.invoke(cli, [*QUICK, str(folder), "--no-baseline"])
    assert result.exit_code == 0, result.output
    assert (folder / BASELINE).read_bytes() == b"my own"


@pytest.mark.parametrize("name", [MODEL, BASELINE, "history.json", "training_curves.png", "learned_filters_conv1.png"])
def test_file_of_the_user_is_not_replaced(name, runner, tmp_path):
    (tmp_path / name).write_bytes(b"{}")
    result = runner.invoke(cli, [*QUICK, str(tmp_path)])
    assert result.exit_code == 1
    assert f"{tmp_path / name} was not written by `jitcnn train`, which would replace it: " in result.output
    assert "move it, or choose another --output." in result.output
    assert (names(tmp_path), (tmp_path / name).read_bytes()) == ([name], b"{}")


def test_model_that_the_user_saved_is_not_replaced(runner, tmp_path):
    mnist_dense().save(tmp_path / BASELINE)
    before = (tmp_path / BASELINE).read_bytes()
    assert runner.invoke(cli, [*QUICK, str(tmp_path)]).exit_code == 1
    assert (tmp_path / BASELINE).read_bytes() == before


def test_failed_run_leaves_the_earlier_one(folder, runner):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = runner.invoke(cli, [*QUICK, str(folder), "--model", "none.toml"])
    assert result.exit_code == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_resume_removes_nothing(folder, runner):
    (folder / "history.json").unlink()  # killed before its last file
    before = names(folder)
    (folder / MODEL).unlink()
    result = runner.invoke(cli, ["train", "--resume", str(folder / "checkpoint.npz")])
    assert result.exit_code == 0, result.output
    assert names(folder) == sorted([*before, "history.json"])
    assert own_files(folder) == OWN


def test_resume_keeps_the_files_of_an_earlier_run_in_the_table(folder, runner):
    history = folder / "history.json"
    record = json.loads(history.read_text())
    (folder / "old.png").write_bytes(b"old")
    record["files"]["old.png"] = digest_of(folder / "old.png")
    del record["results"], record["shift_test"]
    history.write_text(json.dumps(record))
    assert runner.invoke(cli, ["train", "--resume", str(folder / "checkpoint.npz")]).exit_code == 0
    assert "old.png" in json.loads(history.read_text())["files"]
    assert runner.invoke(cli, [*QUICK, str(folder)]).exit_code == 0
    assert "old.png" not in names(folder)


def test_folder_of_an_earlier_version_is_used_again(runner, tmp_path):
    mnist_cnn().save(tmp_path / MODEL)
    mnist_dense().save(tmp_path / "rival_model.npz")
    (tmp_path / "training_curves.png").write_bytes(b"old")
    (tmp_path / "history.json").write_text(json.dumps({"histories": {"mnist-cnn": {"epochs": []}}}))
    result = runner.invoke(cli, [*QUICK, str(tmp_path), "--no-baseline"])
    assert result.exit_code == 0, result.output
    assert CNN.load(tmp_path / MODEL).trained_on.name == "digits"
    assert (tmp_path / "rival_model.npz").is_file()  # listed nowhere
    assert baseline_beside(tmp_path / MODEL, CNN.load(tmp_path / MODEL)) is None


def test_leftovers_of_a_killed_run_are_replaced(first, runner, tmp_path):
    for name in ("checkpoint.npz", MODEL):  # known by their contents
        shutil.copy(first / name, tmp_path)
    result = runner.invoke(cli, [*QUICK, str(tmp_path), "--checkpoint-every", "1epoch"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "files", [["notes.txt"], {"../notes.txt": None, "..": None, "notes.txt": 3}, {"notes.txt": "0"}]
)
def test_damaged_table_removes_nothing(files, tmp_path):
    folder, notes = tmp_path / "out", tmp_path / "notes.txt"
    folder.mkdir()
    for path in (notes, folder / "notes.txt"):
        path.write_text("mine")
    (folder / "history.json").write_text(json.dumps({"files": files}))
    Manifest(folder / "history.json").remove_except([])
    assert notes.read_text() == (folder / "notes.txt").read_text() == "mine"


# --- what other commands find beside a model -----------------------------------------------------------------


def test_baseline_and_history_of_the_run_are_found(first):
    net = CNN.load(first / MODEL)
    assert baseline_beside(first / MODEL, net).name == "mnist-dense"
    assert history_beside(first / MODEL, net) == first / "history.json"
    assert history_beside(first / "checkpoint.npz", net) == first / "history.json"


def test_baseline_and_history_of_another_run_are_not_used(first, runner, tmp_path):
    assert runner.invoke(cli, [*QUICK, str(tmp_path), "--no-baseline", "--seed", "1"]).exit_code == 0
    for name in (BASELINE, "history.json"):
        shutil.copy(first / name, tmp_path)
    net = CNN.load(tmp_path / MODEL)
    assert baseline_beside(tmp_path / MODEL, net) is None
    assert history_beside(tmp_path / MODEL, net) is None
    page = tmp_path / "report.html"
    result = runner.invoke(cli, ["report", str(tmp_path / MODEL), "-o", str(page), "--limit", "20", "--reach", "0"])
    assert result.exit_code == 0, result.output
    assert "mnist-dense" not in page.read_text()
    assert "Training curves" not in page.read_text()


def test_baseline_of_other_images_or_classes_is_not_used(tmp_path, rng):
    from jitcnn import fit
    from jitcnn.data.dataset import Dataset

    def trained(model, seed, class_names=()):
        x, y = np.random.default_rng(seed).integers(0, 256, (12, 1, 28, 28), np.uint8), np.arange(12) % 10
        fit(model, Dataset("noise", "here", x, y, x, y, class_names), epochs=1)
        return model

    net, path = trained(mnist_dense(), 1), tmp_path / MODEL
    net.name = "mine"
    net.save(path)
    for baseline, is_found in (
        (trained(mnist_dense(seed=1), 1), True),
        (trained(mnist_dense(seed=1), 2), False),
        (mnist_dense(), False),
        (trained(mnist_dense(seed=1), 1, tuple("abcdefghij")), False),
    ):
        baseline.save(tmp_path / BASELINE)
        assert (baseline_beside(path, net) is not None) == is_found


def test_history_without_the_model_is_not_used(tmp_path):
    mnist_cnn().save(tmp_path / MODEL)
    history = RunFolder(tmp_path).history
    for text, found in (
        ('{"histories": {"mnist-cnn": {}}}', history), ('{"histories": {"other": {}}}', None), ('{"files": {}}', None),
        ("damaged", history),
    ):  # fmt: skip
        history.write_text(text)
        assert history_beside(tmp_path / MODEL, mnist_cnn()) == found
