"""``jitcnn race``: target, exit code and receipt."""

import json

import pytest
from PIL import Image

from jitcnn_cli.main import cli

QUICK = ["race", "--dataset", "digits", "--seeds", "2", "--limit", "300"]


@pytest.fixture
def raced(runner, tmp_path):
    def run(*arguments):
        file = tmp_path / "receipt.json"
        result = runner.invoke(cli, [*QUICK, *arguments, "--receipt", str(file)])
        return result, json.loads(file.read_text())

    return run


def test_run_ends_when_the_target_is_reached(raced):
    result, receipt = raced("--target", "20")
    assert result.exit_code == 0, result.output
    assert "20 % after" in result.output
    assert [run["seed"] for run in receipt["runs"]] == [0, 1]
    assert all(run["epochs"] < receipt["recipe"]["epochs"] and run["accuracy"] >= 0.2 for run in receipt["runs"])
    assert receipt["mean_seconds"] > 0
    assert receipt["recipe"]["name"] == "digits-fast"
    assert "schedule   one cycle, warm up 0.2" in result.output
    assert {"command", "date", "processor", "cores", "threads", "versions"} <= set(receipt)


def test_missed_target_fails(raced):
    result, receipt = raced("--target", "100")
    assert result.exit_code == 1
    assert "2 of 2 runs did not reach 100 %" in result.output
    assert receipt["mean_seconds"] is None
    assert [run["seconds"] for run in receipt["runs"]] == [None, None]


def test_weights_are_reproducible_for_any_thread_count(raced):
    first, second = (raced("--target", "20", "--threads", threads)[1]["runs"] for threads in ("1", "2"))
    assert [run["weights_sha256"] for run in first] == [run["weights_sha256"] for run in second]
    assert first[0]["weights_sha256"] != first[1]["weights_sha256"]


def test_net_is_adapted_to_the_number_of_classes(runner, tmp_path):
    for name, grey in (("dark", 30), ("light", 220)):
        (tmp_path / "two" / name).mkdir(parents=True)
        for k in range(5):
            Image.new("L", (20 + k, 30), grey).save(tmp_path / "two" / name / f"{k}.png")
    arguments = ["--dataset", str(tmp_path / "two"), "--image-size", "28", "--channels", "1", "--target", "50"]
    result = runner.invoke(cli, ["race", "--seeds", "1", *arguments, "--receipt", str(tmp_path / "receipt.json")])
    assert result.exit_code == 0, result.output
    assert "50 % after" in result.output
