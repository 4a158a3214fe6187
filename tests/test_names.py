"""Names of users are literal: in figures, in the report, in answers to the page, in architecture files."""

import io
import json
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib import rc_context
from names import FORBIDDEN, HARDEST, NAMES
from nets import small_net
from PIL import Image

from jitcnn import CNN, Conv2D, Dataset, Dense, Flatten, ReLU, parse_net
from jitcnn.benchmark.machine import Machine
from jitcnn.history import Epoch
from jitcnn.metrics import Mistake
from jitcnn.plots import (
    attribution_figure,
    confusion_figure,
    curves_figure,
    evolution_figure,
    figure_png,
    filters_figure,
    maps_figure,
    mistakes_figure,
    receptive_figure,
    roofline_figure,
    save_figure,
    shift_lines_figure,
    shift_maps_figure,
)
from jitcnn.plots.canvas import short_names
from jitcnn.shift import LabNet, ShiftMap
from jitcnn.support.text import printable
from jitcnn.web import report

GREY = np.full((1, 6, 5), 9, np.uint8)
EPOCHS = [Epoch(1, 2.0, 0.5, 1.5, 0.6, 1.0, 100.0), Epoch(2, 0.1, 0.7, 0.9, 0.8, 1.0, 100.0)]
SHIFTS = ShiftMap(np.ones((3, 3)), np.ones((3, 3)), 10)
FIGURES = {
    "attribution": lambda name: attribution_figure(GREY, np.ones((2, 2)), f"of {name}\nline", name),
    "confusion": lambda name: confusion_figure(np.eye(2, dtype=int), (name, f"{name}2"), name),
    "curves": lambda name: curves_figure({name: EPOCHS}),
    "evolution": lambda name: evolution_figure({0: np.ones((2, 1, 2, 2)), 1: np.zeros((2, 1, 2, 2))}, name),
    "filters": lambda name: filters_figure(np.ones((2, 1, 3, 3)), name),
    "slices": lambda name: filters_figure(np.ones((2, 2, 3, 3)), name),
    "cells": lambda name: filters_figure(np.ones((2, 2, 1, 1)), name),
    "maps": lambda name: maps_figure(GREY, {name: np.ones((2, 3, 3)), "dense": np.ones(2)}, name, (name, name)),
    "mistakes": lambda name: mistakes_figure(GREY[None], [Mistake(0, 0, 1, 0.9)], (name, f"{name}2"), name),
    "receptive": lambda name: receptive_figure(GREY, (0, 3), (0, 3), name),
    "roofline": lambda name: roofline_figure([], Machine(name, 100.0, 10.0)),
    "shift maps": lambda name: shift_maps_figure([(name, [(name, SHIFTS)])], name),
    "shift lines": lambda name: shift_lines_figure([LabNet("n", name, 9, True, [], SHIFTS, 1.0, [])], name),
}


@pytest.mark.parametrize("kind", FIGURES)
@pytest.mark.parametrize("name", HARDEST, ids=ascii)
def test_every_figure_is_drawn_with_any_name(kind, name):
    assert Image.open(io.BytesIO(figure_png(FIGURES[kind](name), dpi=20))).size > (60, 40)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_figures_of_many_names_are_drawn_in_every_format(suffix, tmp_path):
    count = len(NAMES)
    figure = confusion_figure(np.eye(count, dtype=int), NAMES)
    save_figure(figure, tmp_path / f"confusion.{suffix}")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == short_names(NAMES)
    mistakes = [Mistake(0, k, count - 1 - k, 0.9) for k in range(count)]
    save_figure(mistakes_figure(GREY[None], mistakes, NAMES), tmp_path / f"mistakes.{suffix}")
    for few in (NAMES[:14], NAMES[14:]):
        save_figure(maps_figure(GREY, {"dense": np.ones(len(few))}, "maps", few), tmp_path / f"maps.{suffix}")


@pytest.mark.parametrize(
    "style", [{"text.usetex": True}, {"text.parse_math": True}, {"axes.formatter.use_mathtext": True}]
)
def test_a_style_does_not_turn_names_into_markup(style):
    with rc_context(style):
        figure = confusion_figure(np.eye(2, dtype=int), ("$x_$", "b"))
        assert figure_png(figure, dpi=30).startswith(b"\x89PNG")
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["$x_$", "b"]
    assert not any(label.get_parse_math() or label.get_usetex() for label in figure.axes[0].get_yticklabels())


def test_names_in_the_legend_and_their_numbers_on_the_axes_are_shown_as_they_are():
    axis = curves_figure({"_hidden": EPOCHS, "$x_$": EPOCHS}).axes[1]
    shown = [text.get_text() for text in axis.get_legend().get_texts()]
    assert shown == [" _hidden, training", " _hidden, held-out", "$x_$, training", "$x_$, held-out"]
    figure = FIGURES["roofline"]("$x_$")
    figure_png(figure, dpi=30)
    axis = figure.axes[0]
    assert axis.get_title() == "Roofline: throughput of each pass on $x_$"
    numbers = {label.get_text() for label in axis.get_xticklabels()}
    assert {"1", "10", "100", "1000"} <= numbers
    assert not any("$" in number for number in numbers)


def test_long_and_equal_names_are_told_apart():
    assert short_names(["x" * 300, "x" * 299 + "y"]) == ["x" * 12 + "…" + "x" * 11, "x" * 12 + "…" + "x" * 10 + "y"]
    assert short_names([NAMES[-6], NAMES[-5], "c"]) != ["��", "��", "c"] or len(set(short_names(NAMES))) == len(NAMES)
    assert short_names(["\udcff", "\udcfe", "c"]) == ["� (0)", "� (1)", "c"]


def test_long_names_leave_the_picture_its_place():
    axis = confusion_figure(np.eye(3, dtype=int), ("x" * 300, "b" * 1000, "c")).axes[0]
    axis.figure.draw_without_rendering()
    assert axis.get_position().width > 0.3
    figure = filters_figure(np.ones((2, 1, 3, 3)), "n" * 1000)
    assert len(figure.get_suptitle()) < 60


@pytest.mark.parametrize(
    ("text", "settings", "shown"),
    [
        ("a\x1b[0mb", {}, "a�[0mb"),
        ("a\nb\tc", {}, "a�b�c"),
        ("a\nb\tc", {"keep": "\n"}, "a\nb�c"),
        ("\u202ea\u2066b\u200f", {}, "�a�b�"),
        ("\udcff\x7f\x85\u2028", {}, "����"),
        ("👩‍🚀 שלום é猫", {}, "👩‍🚀 שלום é猫"),
        ("abcdefgh", {"longest": 8}, "abcdefgh"),
        ("abcdefghi", {"longest": 8}, "abcd…ghi"),
        ("", {"longest": 8}, ""),
    ],
)
def test_printable(text, settings, shown):
    assert printable(text, **settings) == shown


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_an_architecture_of_any_name_is_parsed_again(name):
    net = small_net()
    net.name = name
    assert parse_net(net.to_toml()).name == name
    assert not set("\x1b\x9b\0\u202e") & set(net.to_toml())


# --- the report ---------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags of a page, its text, and the contents of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.scripts = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.tags[-1:] == ["script"]:
            self.scripts[-1] += data
        else:
            self.text += data


def a_report(names, path, **settings):
    rng = np.random.default_rng(0)
    count = len(names)
    net = CNN(
        [Conv2D(1, 2, 3, rng=rng), ReLU(), Flatten(), Dense(32, count, rng=rng)], input_shape=(1, 6, 6), name=names[0],
        class_names=names,
    )  # fmt: skip
    x = rng.integers(0, 256, (2 * count, 1, 6, 6)).astype(np.uint8)
    y = np.arange(2 * count) % count
    data = Dataset(names[0], names[1], x, y, x, y, tuple(names))
    report.write_report(path, net, data, histories={names[0]: EPOCHS}, reach=1, **settings)
    return Page(path.read_text(encoding="utf-8"))


def test_names_in_the_report_are_text(tmp_path):
    for k, name in enumerate(("plain", "<!--<script>", "</script>\x1b", HARDEST[4])):
        names = [name, *(f"{other} {i}" for i, other in enumerate(NAMES))]
        page = a_report(names, tmp_path / f"{k}.html")
        if k == 0:
            tags = page.tags
        assert page.tags == tags
        assert f"{printable(name, keep=chr(10))} on {printable(name, keep=chr(10))}" in page.text
        assert not set(FORBIDDEN) & set(page.text)
        specimens = json.loads(next(text for text in page.scripts if text.startswith("[")))
        assert len(specimens) > 1


def test_a_picture_that_fails_is_a_sentence_and_the_report_goes_on(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no font\nfound")

    monkeypatch.setattr(report, "confusion_figure", fail)
    page = a_report(["a", "b"], tmp_path / "r.html")
    assert "accuracy. The picture could not be drawn (no font found)." in page.text
    assert "Accuracy under shift" in page.text


# --- the page -----------------------------------------------------------------------------------------


def test_answers_to_the_page_show_names_as_they_are():
    app = pytest.importorskip("jitcnn.web.app")
    content = {"classes": list(NAMES), "\udcff": ({"a": 1.5, "b": None},), "flag": True}
    got = json.loads(app.LiteralJSONResponse(content).body)
    assert got == {
        "classes": [printable(name, keep="\n") for name in NAMES],
        "�": [{"a": 1.5, "b": None}],
        "flag": True,
    }
