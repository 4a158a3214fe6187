"""Two sides in processes of their own."""

import importlib.util

import pytest

from jitcnn.benchmark import duel, side
from jitcnn.benchmark.side import Request
from jitcnn.errors import ConfigError
from jitcnn.models import mnist_cnn


def test_without_torch_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(duel, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"expects torch to be installed: pip install torch==2\.13\.0"):
        duel.against_torch(Request("jitcnn"))


def test_ratios_are_taken_round_by_round(monkeypatch):
    answers = iter([{"a": 1.0}, {"a": 2.0}, {"a": 10.0}, {"a": 40.0}, {"a": 1.0}, {"a": 3.0}])
    asked = []
    monkeypatch.setattr(duel, "find_spec", lambda name: True)
    monkeypatch.setattr(duel, "_ask", lambda request, **environment: asked.append(request.side) or next(answers))
    (result,) = duel.against_torch(Request("jitcnn"), rounds=3)
    assert asked == ["jitcnn", "torch"] * 3
    assert (result.ours, result.theirs, result.ratios, result.ratio) == (1, 3, [2, 4, 3], 3)


def test_scaling_compares_with_the_first_number_of_threads(monkeypatch):
    seconds = {"1": 0.8, "2": 0.5, "4": 0.4}
    monkeypatch.setattr(
        duel, "_ask", lambda request, NUMBA_NUM_THREADS: {"training step, batch 8": seconds[NUMBA_NUM_THREADS]}
    )
    results = duel.thread_scaling(Request("jitcnn", batch_size=8), rounds=2)
    assert [(r.threads, r.images_per_second, r.speedup) for r in results] == [(1, 10, 1), (2, 16, 1.6), (4, 20, 2)]


def test_the_second_start_compiles_nothing(monkeypatch):
    monkeypatch.setattr(duel, "START", duel.START.replace("prepare(find_net", "(lambda net: None)(find_net"))
    start = duel.start_up("mnist-cnn", "loops")
    assert start.kernels == 0
    assert start.cached_seconds > 0


def test_our_side_answers_every_case(monkeypatch):
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


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_both_sides_answer_the_same_cases(monkeypatch):
    monkeypatch.setattr(side, "SECONDS", 0)
    monkeypatch.setattr(side, "LEAST", 1)
    monkeypatch.setattr(side, "inference_batches", lambda model: (2, 1))
    request = Request("torch", batch_size=2)
    assert list(side.measure(side.torch_cases(request))) == list(side.measure(side.jitcnn_cases(request)))


def test_blocks_are_found_with_their_input():
    assert [(len(layers), shape) for layers, shape in side.blocks(mnist_cnn())] == [
        (1, (1, 28, 28)), (3, (1, 28, 28)), (1, (32, 13, 13)), (3, (32, 13, 13)),
    ]  # fmt: skip
