"""Duels: two sides measured in separate processes."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from jitcnn.benchmark import c_nests, duel, side
from jitcnn.benchmark.side import Request
from jitcnn.errors import ConfigError, DisagreementError
from jitcnn.kernels.conv import loops
from jitcnn.models import mnist_cnn

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


def test_missing_torch_raises_with_the_install_command(monkeypatch):
    monkeypatch.setattr(duel, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"requires torch: pip install torch==2\.13\.0"):
        duel.against_torch(Request("jitcnn"))


def test_missing_compiler_raises(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(
        ConfigError, match="needs a C compiler with OpenMP, but no-such-compiler was not found: install"
    ):
        duel.against_c(Request("jitcnn"))


@needs_cc
def test_compiler_error_raises_with_its_last_line(monkeypatch, tmp_path):
    broken = tmp_path / "loops.c"
    broken.write_text("this is no C\n")
    monkeypatch.setattr(c_nests, "source", lambda: broken)
    c_nests.library.cache_clear()
    with pytest.raises(ConfigError, match=r"could not compile loops\.c with .*: .*"):
        c_nests.library()


@needs_cc
@pytest.mark.compiled
def test_c_matches_loops():
    c_nests.library.cache_clear()
    assert c_nests.assert_equal() < 1e-5


@needs_cc
@pytest.mark.compiled
def test_wrong_c_result_raises(monkeypatch, tmp_path):
    wrong = tmp_path / "loops.c"
    wrong.write_text(c_nests.source().read_text().replace("+= weight * OUT", "+= 1.01f * weight * OUT"))
    monkeypatch.setattr(c_nests, "source", lambda: wrong)
    c_nests.library.cache_clear()
    with pytest.raises(DisagreementError, match=r"64×32×13² → 64, d_x: loops and C differ by 0\.0"):
        c_nests.assert_equal()
    c_nests.library.cache_clear()


def test_c_loop_nests_match_loops():
    """The loops have the same names in the same order, and the index formulas are the same."""
    python, c = Path(loops.__file__).read_text(), c_nests.source().read_text()
    for function in ("conv2d_forward", "conv2d_backward_weights", "conv2d_backward_input"):
        ours = re.findall(r"for (\w+) in (?:p?range)", python.split(f"def {function}")[1].split("\n\n")[0])
        theirs = re.findall(r"for \(ptrdiff_t (\w+) =", c.split(f"void {function}")[1].split("\n}\n")[0])
        assert [letter for letter in theirs if letter in ours] in (ours, ["co", "n", *ours[1:], "ow"])
    for formula in ("oh * stride_h + kh * dilation_h - pad_h", "ow * stride_w + kw * dilation_w - pad_w"):
        assert python.count(f"= {formula}") == c.count(f"= {formula};") == 3


def test_against_c_measures_the_nests_on_both_sides(monkeypatch):
    asked = []
    monkeypatch.setattr(duel, "compiler", lambda: "cc")
    monkeypatch.setattr(duel, "_check_c", lambda: None)
    monkeypatch.setattr(duel, "_ask", lambda request: asked.append((request.side, request.cases)) or {"a": 2.0})
    (result,) = duel.against_c(Request("jitcnn"), rounds=2)
    assert asked == [("jitcnn", "nests"), ("c", "nests")] * 2
    assert result.ratio == 1


def test_ratios_are_computed_per_round(monkeypatch):
    answers = iter([{"a": 1.0}, {"a": 2.0}, {"a": 10.0}, {"a": 40.0}, {"a": 1.0}, {"a": 3.0}])
    asked = []
    monkeypatch.setattr(duel, "find_spec", lambda name: True)
    monkeypatch.setattr(duel, "_ask", lambda request, **environment: asked.append(request.side) or next(answers))
    (result,) = duel.against_torch(Request("jitcnn"), rounds=3)
    assert asked == ["jitcnn", "torch"] * 3
    assert (result.ours, result.theirs, result.ratios, result.ratio) == (1, 3, [2, 4, 3], 3)


def test_scaling_is_relative_to_the_first_thread_count(monkeypatch):
    seconds = {"1": 0.8, "2": 0.5, "4": 0.4}
    monkeypatch.setattr(
        duel, "_ask", lambda request, NUMBA_NUM_THREADS: {"training step, batch 8": seconds[NUMBA_NUM_THREADS]}
    )
    results = duel.thread_scaling(Request("jitcnn", batch_size=8), rounds=2)
    assert [(r.threads, r.images_per_second, r.speedup) for r in results] == [(1, 10, 1), (2, 16, 1.6), (4, 20, 2)]


def test_second_start_compiles_nothing(monkeypatch):
    monkeypatch.setattr(duel, "START", duel.START.replace("prepare(find_net", "(lambda net: None)(find_net"))
    start = duel.start_up("mnist-cnn", "loops")
    assert start.kernels == 0
    assert start.cached_seconds > 0


def test_jitcnn_side_measures_every_case(monkeypatch):
    monkeypatch.setattr(side, "SECONDS", 0)
    monkeypatch.setattr(side, "LEAST", 1)
    monkeypatch.setattr(side, "inference_batches", lambda model: (2, 1))
    found = side.measure(side.jitcnn_cases(Request("jitcnn", batch_size=2)))
    assert list(found) == [
        "training step, batch 2",
        "inference, batch 2",
        "inference, batch 1",
        *[f"Conv2D 1→32 3×3: {p}" for p in ("forward", "d_weights", "d_x")],
        "Conv2D 1→32 3×3 + ReLU + MaxPool2D: forward",
        *[f"Conv2D 32→64 3×3: {p}" for p in ("forward", "d_weights", "d_x")],
        "Conv2D 32→64 3×3 + ReLU + MaxPool2D: forward",
    ]
    assert min(found.values()) > 0


def test_measurement_is_the_median_of_the_runs(monkeypatch):
    """Three warm-up runs, then three measured runs of 1, 5 and 2 seconds."""
    ticks, runs = iter([0, 0, 1, 0, 5, 0, 2, 9]), []
    monkeypatch.setattr(side, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(side, "SECONDS", 0)
    monkeypatch.setattr(side, "LEAST", 3)
    assert side.measure(iter([("case", lambda: runs.append(1))])) == {"case": 2}
    assert len(runs) == 6


@pytest.mark.torch
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_both_sides_measure_the_same_cases(monkeypatch):
    monkeypatch.setattr(side, "SECONDS", 0)
    monkeypatch.setattr(side, "LEAST", 1)
    monkeypatch.setattr(side, "inference_batches", lambda model: (2, 1))
    request = Request("torch", batch_size=2)
    assert list(side.measure(side.torch_cases(request))) == list(side.measure(side.jitcnn_cases(request)))


def test_blocks_have_their_input_shapes():
    assert [(len(layers), shape) for layers, shape in side.blocks(mnist_cnn())] == [
        (1, (1, 28, 28)), (3, (1, 28, 28)), (1, (32, 13, 13)), (3, (32, 13, 13)),
    ]  # fmt: skip
