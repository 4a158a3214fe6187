"""``jitcnn play`` and ``jitcnn report``."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from jitcnn.models import mnist_dense
from jitcnn_cli.main import cli


@pytest.fixture
def served(monkeypatch):
    """Desks passed to ``serve``, which is replaced."""
    desks = []
    monkeypatch.setattr(
        "jitcnn.web.server.serve", lambda desk, *_, on_ready, **__: desks.append(desk) or on_ready("http://here/")
    )
    return desks


def test_baseline_in_the_folder_is_used(runner, served, model_file, trained, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "cnn_mnist_model.npz").write_bytes(model_file.read_bytes())
    trained[0]["mnist-dense"].save(folder / "rival_model.npz")
    result = runner.invoke(cli, ["play", str(folder / "cnn_mnist_model.npz"), "--dataset", "digits", "--no-browser"])
    assert result.exit_code == 0, result.output
    assert "serving mnist-cnn with baseline mnist-dense at http://here/" in result.output
    (desk,) = served
    assert (desk.baseline.name, desk.data.name) == ("mnist-dense", "digits")


def test_baseline_option_is_used(runner, served, model_file, tmp_path):
    mnist_dense(seed=3).save(tmp_path / "mine.npz")
    result = runner.invoke(
        cli, ["play", str(model_file), "--baseline", str(tmp_path / "mine.npz"), "--dataset", "digits"]
    )
    assert result.exit_code == 0, result.output
    assert served[0].baseline.name == "mnist-dense"


@pytest.mark.compiled
def test_net_is_trained_when_no_model_is_given(runner, served, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jitcnn_cli.commands.play.BASELINE_EPOCHS", 1)
    result = runner.invoke(cli, ["play"])
    assert result.exit_code == 0, result.output
    assert "training one on the embedded digits (not saved)" in result.output
    assert served[0].model.name == "mnist-cnn"


def test_missing_dependency_is_reported(runner, model_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "jitcnn.web.server", raising=False)
    result = runner.invoke(cli, ["play", str(model_file)])
    assert result.exit_code == 1
    assert "jitcnn play requires uvicorn, which is not installed: run pip install 'jitcnn[play]'." in result.output


@pytest.mark.compiled
def test_server_runs_until_sigterm(model_file):
    command = [
        sys.executable,
        "-m",
        "jitcnn_cli",
        "play",
        str(model_file),
        "--dataset",
        "digits",
        "--port",
        "0",
        "--no-browser",
    ]
    path = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "cli")])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        try:
            address = next(found[0] for line in process.stdout if (found := re.findall(r"http://\S+", line)))
            assert "<title>jitcnn" in requests.get(address, timeout=30).text
            taken = second_server(address)
            assert taken.returncode == 1
            assert "is not available: Address already in use; choose another with --port." in taken.stderr
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130


def second_server(address):
    """Start a second server on the same port, without loading a net."""
    port = address.rstrip("/").rpartition(":")[2]
    text = (
        "from jitcnn.web.server import serve\nfrom jitcnn.errors import JitCNNError\nimport sys\n"
        f"try:\n    serve(None, {port}, on_ready=print)\nexcept JitCNNError as error:\n    sys.exit(str(error))"
    )
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False)


def test_report_is_written_and_its_file_is_named(runner, model_file, tmp_path):
    page = tmp_path / "page.html"
    result = runner.invoke(
        cli, ["report", str(model_file), "-o", str(page), "--dataset", "digits", "--limit", "20", "--reach", "0"]
    )
    assert result.exit_code == 0, result.output
    assert f"MB) written to {page}" in result.output.replace("\n", "")
    assert page.read_text().startswith("<!doctype html>")


def test_help_names_folders_and_files(runner):
    assert "FOLDER|FILE]" in "".join(runner.invoke(cli, ["play", "--help"]).output.split())
