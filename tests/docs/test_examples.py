"""Every script in ``examples/`` runs, and prints what it promises."""

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
BEST = {"own_data.py": 90, "own_layer.py": 80, "train.py": 80}  # percent of the last accuracy printed, at least


def run(name, monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


@pytest.mark.compiled
@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    out = run(name, monkeypatch, capsys)
    if name in BEST:
        assert float(re.findall(r"test accuracy (\d+\.\d)%", out)[-1]) > BEST[name]
    else:
        assert re.search(r"^digit.png: \d \(\d+%\)$", out, re.MULTILINE)


@pytest.mark.compiled
def test_train_example_writes_into_the_folder_given(tmp_path, monkeypatch, capsys):
    run("train.py", monkeypatch, capsys, str(tmp_path / "here"))
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["curves.png", "digits.npz", "filters.png"]


@pytest.mark.compiled
def test_predict_example_goes_on_after_a_bad_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run("predict.py", monkeypatch, capsys)
    (tmp_path / "broken.png").write_bytes(b"no image")
    out = run("predict.py", monkeypatch, capsys, "digits.npz", "broken.png", "digit.png")
    assert "broken.png is not a readable image" in out
    assert "digit.png: " in out
