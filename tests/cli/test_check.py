"""``jitcnn check``: one line per finding, a summary line, and the exit code."""

import json
import re

import pytest

from jitcnn.check import BUGS
from jitcnn_cli.main import cli


def lines_of(result):
    """Output lines without the compile line of a first run."""
    return [line for line in result.output.splitlines() if not line.startswith("compiling kernels")]


def test_correct_installation_passes(runner):
    result = runner.invoke(cli, ["check", "--only", "Tanh"])
    assert result.exit_code == 0, result.output
    lines = lines_of(result)
    assert lines[1] == "ok      by hand: Tanh: no difference"
    assert re.fullmatch(r"(\d+) checks: \1 ok, 0 failed, \d+\.\d s", lines[-1])
    assert int(lines[-1].split()[0]) == len(lines) - 2


def test_planted_bug_is_named_and_detected(runner):
    result = runner.invoke(cli, ["check", "--only", "Tanh", "--plant-bug", "tanh-not-squared"])
    assert result.exit_code == 1
    lines = lines_of(result)
    assert lines[1] == "planted bug: tanh-not-squared, 1 - out instead of 1 - out²"
    assert lines[2].startswith("FAILED  by hand: Tanh: largest difference 3.8e-01")
    assert re.fullmatch(r"3 checks: 1 ok, 2 failed, \d+\.\d s", lines[-1])


def test_bug_without_a_name_is_chosen_at_random(runner):
    drawn = set()
    for seed in range(8):
        result = runner.invoke(cli, ["check", "--only", "Flatten", "--seed", str(seed), "--plant-bug"])
        name = re.search(r"planted bug: (\S+),", result.output).group(1)
        assert result.exit_code == (1 if name == "flatten-by-columns" else 0)
        drawn.add(name)
    assert drawn <= set(BUGS)
    assert len(drawn) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plant-bug", "tanh"], "There is no bug named 'tanh' to plant"),
        (["--only", "conv"], "There is no topic named 'conv'"),
    ],
)
def test_unknown_name_fails_with_the_valid_names(arguments, message, runner):
    result = runner.invoke(cli, ["check", *arguments])
    assert result.exit_code == 1
    assert message in result.output
    assert "choose one of" in result.output
    assert "Traceback" not in result.output


def test_findings_are_printed_as_json(runner):
    result = runner.invoke(cli, ["check", "--only", "Softmax", "--plant-bug", "softmax-diagonal", "--json", "-"])
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["ok"], told["passed"] + told["failed"]) == (False, len(told["checks"]))
    assert told["settings"] == {"only": "Softmax", "planted": "softmax-diagonal", "seed": 0}
    first = told["checks"][0]
    assert (first["name"], first["ok"]) == ("by hand: Softmax", False)
    assert first["numbers"]["where"] == "d_x[0, 1]"
    assert {"processor", "threads", "versions"} <= set(told["environment"])


def test_findings_are_written_to_a_file(runner, tmp_path):
    path = tmp_path / "check.json"
    result = runner.invoke(cli, ["check", "--only", "Sigmoid", "--json", str(path)])
    assert result.exit_code == 0
    assert json.loads(path.read_text())["ok"] is True
    assert f"results written to {path}" in result.output
