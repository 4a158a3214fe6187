"""What a user sees of a training and a model: progress of ``fit``, the history, and tables in a notebook."""

import io
import sys

import numpy as np
import pytest

from jitcnn import CNN, Dataset, Dense, Flatten, fit
from jitcnn.history import HEAD, Epoch, History


def tiny():
    return CNN([Flatten(), Dense(4, 2)], input_shape=(1, 2, 2), name="tiny")


def dots(count=40):
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 2, 2), np.uint8)
    labels = np.arange(count) % 2
    return Dataset("dots", "drawn", images, labels, images, labels)


class Terminal(io.StringIO):
    def isatty(self):
        return True


Notebook = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})


def last_on_screen(text):
    """The lines that stay, as a terminal or a notebook shows them: a carriage return overwrites from the start."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def test_fit_prints_nothing_by_default(capsys):
    fit(tiny(), dots(), epochs=1)
    assert capsys.readouterr() == ("", "")


def test_verbose_prints_one_row_per_epoch_in_a_pipe(capsys):
    history = fit(tiny(), dots(), epochs=2, verbose=True)
    out = capsys.readouterr().out
    assert "\r" not in out
    rows = [line for line in out.splitlines() if not line.startswith("       ")]  # without warnings
    assert rows == [HEAD, *(epoch.line() for epoch in history.epochs)]


@pytest.mark.parametrize("screen", [Terminal, Notebook])
def test_verbose_counts_batches_on_a_terminal_and_in_a_notebook(screen, monkeypatch):
    out = screen()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr("jitcnn.training.progress.PAUSE", 0)
    history = fit(tiny(), dots(), epochs=2, batch_size=10, verbose=True)
    assert "    1  batch 4 of 4, " in out.getvalue()
    shown = last_on_screen(out.getvalue())
    assert not any("batch" in line for line in shown)
    assert [line for line in shown if line[:5].strip().isdigit()] == [epoch.line() for epoch in history.epochs]


def test_interrupted_training_leaves_no_half_line(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr("jitcnn.training.progress.PAUSE", 0)

    def interrupt(batch, batches, seen):
        if batch == 3:
            raise KeyboardInterrupt

    history = fit(tiny(), dots(), epochs=2, batch_size=10, verbose=True, on_batch=interrupt)
    assert history.interrupted
    assert last_on_screen(out.getvalue()) == [HEAD, ""]


def test_history_shows_a_table():
    history = History(
        [Epoch(1, 2.36158, 0.12109, 2.12587, 0.16406, 1.06, 241.5), Epoch(2, 1.5, 0.5, 1.25, 1.0, 1.0, 256.0)]
    )
    assert repr(history).splitlines() == [
        "<History: 2 epochs, 2.1 s>",
        "epoch  train loss  accuracy  test loss  accuracy  seconds",
        "    1      2.3616    12.11%     2.1259    16.41%      1.1",
        "    2      1.5000    50.00%     1.2500   100.00%      1.0",
    ]


def test_history_without_epochs_says_so():
    assert repr(History(interrupted=True)) == "<History: 0 epochs, 0.0 s, interrupted>"


def test_model_is_a_table_in_a_notebook():
    html = tiny()._repr_html_()
    assert html.count("<tr>") == 4  # head, two layers, total
    for column in ("layer", "output", "parameters", "mult-adds", "memory", "field", "runs as"):
        assert f'<th scope="col">{column}</th>' in html
    assert '<th scope="row">1 Dense 4→2</th><td>2</td><td>10</td>' in html


def test_names_are_escaped_in_a_notebook():
    model = tiny()
    model.name = "<script>alert(1)</script>&\x1b"
    html = model._repr_html_()
    assert "<caption>&lt;script&gt;alert(1)&lt;/script&gt;&amp;�</caption>" in html
    assert "<script" not in html
