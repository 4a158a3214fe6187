"""``jitcnn shift``: training, maps, output files and interruption."""

import json

import pytest

from jitcnn.shift import LAB_NETS
from jitcnn.shift import lab as lab_module
from jitcnn.training import fit
from jitcnn_cli.commands import shift
from jitcnn_cli.main import cli

QUICK = ["shift", "--dataset", "digits", "--limit", "48", "--epochs", "1", "--reach", "1", "--images", "20"]


@pytest.fixture
def shifted(runner, tmp_path):
    """Run the command in its own folder; returns the result and the contents of the JSON file."""

    def run(*arguments):
        files = ["--json", str(tmp_path / "shift.json"), "-o", str(tmp_path / "shift.png")]
        result = runner.invoke(cli, [*arguments, *files])
        file = tmp_path / "shift.json"
        return result, json.loads(file.read_text()) if file.exists() else None

    return run


def test_options_match_the_lab_nets():
    assert tuple(LAB_NETS) == shift.LAB_NETS


def test_nets_are_trained_mapped_and_saved(shifted, tmp_path):
    result, record = shifted(*QUICK, "--nets", "dense", "--nets", "dense")
    assert result.exit_code == 0, result.output
    assert "digits: 48 training images, 1 epoch per model, 20 test images, shifts up to ±1 pixel " in result.output
    for net in record["nets"]:
        how = "shifted" if net["augmented"] else "unshifted"
        unmoved = f"{100 * net['accuracy'][1][1]:.1f}"
        assert any(
            "dense baseline" in line and how in line and "25,450" in line and unmoved in line and "–" in line
            for line in result.output.splitlines()
        )
    assert result.output.count("images/s), evaluation") == 2
    assert {path.name for path in tmp_path.iterdir()} == {"shift.json", "shift.png", "shift_lines.png"}
    assert {"total_seconds", "conclusion", "processor"} <= set(record)


def test_saved_net_is_mapped_without_training(shifted, model_file, tmp_path, monkeypatch):
    monkeypatch.setattr(lab_module, "fit", None)
    result, record = shifted(
        "shift", "--dataset", "digits", "--model", str(model_file), "--reach", "1", "--images", "30"
    )
    assert result.exit_code == 0, result.output
    assert "mnist-cnn: digits, 30 test images" in result.output
    assert (record["model"], record["parameters"], record["reach"]) == ("mnist-cnn", 225_034, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"shift.json", "shift.png"}


def test_json_is_printed_to_stdout(runner, tmp_path):
    result = runner.invoke(cli, [*QUICK, "--nets", "dense", "--json", "-", "-o", str(tmp_path / "shift.png")])
    assert [net["name"] for net in json.loads(result.stdout)["nets"]] == ["dense", "dense"]


def test_ctrl_c_shows_and_saves_the_results_so_far(shifted, monkeypatch, tmp_path):
    trained = []

    def stopped_the_second_time(model, data, **how):
        trained.append(model)
        history = fit(model, data, **how)
        history.interrupted = len(trained) == 2
        return history

    monkeypatch.setattr(lab_module, "fit", stopped_the_second_time)
    result, record = shifted(*QUICK, "--nets", "dense")
    assert result.exit_code == 130
    assert "interrupted: showing and saving the results so far" in result.output
    assert "unshifted images:" in result.output
    assert [net["augmented"] for net in record["nets"]] == [False]
    assert record["interrupted"] is True
    assert (tmp_path / "shift.png").exists()


def test_model_with_epochs_or_nets_fails(runner, model_file):
    result = runner.invoke(cli, ["shift", "--model", str(model_file), "--epochs", "2", "--nets", "max"])
    assert result.exit_code == 2
    assert "--model does not train: leave out --epochs and --nets." in result.output


def test_unwritable_output_fails_before_training(runner, tmp_path):
    result = runner.invoke(cli, [*QUICK, "-o", str(tmp_path / "none" / "shift.png")])
    assert result.exit_code == 1
    assert "cannot be written: the folder does not exist" in result.output
