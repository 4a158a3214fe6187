"""Output on a terminal of 80 columns."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from jitcnn.history import Epoch
from jitcnn_cli.console import LiteralConsole
from jitcnn_cli.main import cli
from jitcnn_cli.training_progress import EpochLines


@pytest.fixture
def narrow(monkeypatch):
    """A terminal of 80 columns; its output."""
    out = io.StringIO()
    console = LiteralConsole(file=out, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr("jitcnn_cli.console.stdout", lambda: console)
    return out


def test_list_of_models_has_one_row_each(narrow, runner):
    runner.invoke(cli, ["models"], catch_exceptions=False)
    lines = narrow.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = [line for line in lines if " vgg16 " in line]
    assert "Simonyan and Zisserman" in row
    assert "138,357,544" in row


@pytest.mark.parametrize("width", [80, 110])
def test_line_of_an_epoch_breaks_before_the_test_metrics(width):
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    trainer = SimpleNamespace(
        settings=SimpleNamespace(epochs=10), data=SimpleNamespace(evaluated_on="validation"),
        progress=SimpleNamespace(finished=True),
    )  # fmt: skip
    EpochLines(console).on_epoch_end(trainer, Epoch(10, 0.1, 1.0, 0.2, 0.5, 123.4, 100.0))
    lines = out.getvalue().splitlines()
    assert len(lines) == (2 if width == 80 else 1)
    assert max(map(len, lines)) <= width
    assert "validation loss 0.2000, accuracy" in lines[-1]
