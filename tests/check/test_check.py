"""The check: passes on correct code, fails on errors, and reports skipped checks."""

from dataclasses import replace

import numpy as np
import pytest

from jitcnn import CNN, Dense, ReLU
from jitcnn.check import TOPICS, Check, Outcome, all_checks, gradients, learning, peer, run_checks, threads
from jitcnn.check.compare import agree, largest_difference
from jitcnn.check.outcome import run_check
from jitcnn.check.process import ask
from jitcnn.errors import ConfigError
from jitcnn.models import mnist_dense


@pytest.mark.compiled
def test_all_checks_pass():
    findings = list(run_checks())
    assert [finding for finding in findings if not finding.ok] == []
    assert len(findings) > 100


@pytest.mark.parametrize("topic", ["GlobalAvgPool2D", "Dense", "ReLU", "Tanh", "Softmax", "Flatten", "Dropout"])
def test_topic_runs_only_its_checks(topic):
    findings = list(run_checks(topic=topic))
    assert [finding for finding in findings if not finding.ok] == []
    assert all(topic in finding.topics for finding in findings)
    assert len(findings) < len(list(all_checks())) / 5


def test_topics_match_the_checks():
    assert {topic for check in all_checks() for topic in check.topics} == set(TOPICS)


def test_unknown_topic_raises():
    with pytest.raises(ConfigError, match=r"no topic named 'conv2d' \(did you mean 'Conv2D'\?\): choose one of"):
        next(run_checks(topic="conv2d"))


def test_seed_determines_the_shapes():
    def figures(seed):
        return [finding.figure for finding in run_checks(seed, "AvgPool2D") if "= naive" in finding.name]

    assert figures(1) == figures(1) != figures(2)


def test_exception_in_a_check_is_a_failure_with_its_message():
    def stumble():
        raise ValueError("no such thing")

    finding = run_check(Check("stumbles", ("net",), stumble))
    assert (finding.ok, finding.figure) == (False, "ValueError: no such thing")


# --- comparing ----------------------------------------------------------------------------------------


def test_largest_difference_has_an_index_and_is_relative_for_large_values():
    came = np.array([[1.0, 2], [3, 198]])
    assert largest_difference([("a", came, came), ("b", came, np.array([[1.0, 2], [3, 200]]))]) == (0.01, "b[1, 1]")
    assert largest_difference([("a", [0.5], [0.25])]) == (0.25, "a[0]")
    assert largest_difference([("a", came, came)]) == (0, "")


def test_nan_or_wrong_shape_gives_an_infinite_difference():
    assert largest_difference([("a", [1, np.nan], [1, 2])]) == (np.inf, "a[1]")
    assert largest_difference([("a", np.ones((2, 1)), np.ones(2))]) == (np.inf, "a of shape (2, 1) instead of (2,)")
    outcome = agree([("a", [np.nan], [1])], 1e-3)
    assert not outcome.ok
    assert outcome.numbers["difference"] is None  # JSON has no infinity


# --- gradients ----------------------------------------------------------------------------------------


def test_all_zero_gradients_fail():
    outcome = gradients._examine([(ReLU(), np.ones((1, 2))), (ReLU(), -np.ones((1, 2)))])
    assert not outcome.ok
    assert "every gradient compared is zero" in outcome.figure


def test_kinks_are_counted_and_only_kinks_fail():
    outcome = gradients._examine([(ReLU(), np.array([[0.0, 1.0, -1.0]]))])
    assert outcome.ok
    assert outcome.figure.startswith("2 compared, 1 skipped at kinks")
    assert not gradients._examine([(ReLU(), np.zeros((1, 2)))]).ok


def test_layer_without_gradient_check_is_named(monkeypatch):
    monkeypatch.setitem(gradients.LAYERS, "Conv3D", ReLU)
    outcome = gradients._every_layer_is_there()
    assert (outcome.ok, outcome.figure) == (False, "none for Conv3D")


# --- learning -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "ok"), [(0.0, True), (1.0, True), (10.0, False)])
def test_first_loss_fails_for_confident_initial_predictions(factor, ok, monkeypatch):
    def net(name):
        model = mnist_dense()
        model.layers[-2].weights *= np.float32(factor)
        return model

    monkeypatch.setattr(learning, "find_net", net)
    outcome = learning._first_loss("mnist-dense")
    assert outcome.ok == ok
    assert outcome.numbers["loss"] - np.log(10) <= outcome.numbers["margin"] + 1e-5  # by Hoeffding's lemma


def test_first_loss_fails_for_a_wrong_loss(monkeypatch):
    right = learning.softmax_cross_entropy
    monkeypatch.setattr(learning, "softmax_cross_entropy", lambda *given: (0.9 * right(*given)[0], None))
    assert not learning._first_loss("mnist-dense").ok


def test_overfitting_fails_when_the_batch_is_not_memorised(monkeypatch):
    monkeypatch.setattr(learning, "STEPS", 2)
    monkeypatch.setattr(learning, "find_net", lambda name: mnist_dense())
    assert not learning._overfitted().ok


def test_parameter_without_update_is_named(monkeypatch):
    class Stiff(Dense):
        def pullback(self, d_out, saved, need_d_x=True):
            d_x, gradients = super().pullback(d_out, saved, need_d_x)
            return d_x, gradients | {"bias": np.zeros_like(self.bias)}

    def net(name):
        model = mnist_dense()
        return CNN([model.layers[0], Stiff(784, 10)], input_shape=(1, 28, 28))

    monkeypatch.setattr(learning, "find_net", net)
    outcome = learning._moved("mnist-dense")
    assert not outcome.ok
    assert "1 of 2 arrays" in outcome.figure
    assert "unchanged: layer 1 bias" in outcome.figure


# --- separate processes ---------------------------------------------------------------------------------


def test_different_results_by_thread_count_fail():
    assert threads.judge({1: "abc", 2: "abc"}).ok
    outcome = threads.judge({1: "abc", 2: "abc", 4: "abd"})
    assert (outcome.ok, outcome.figure) == (False, "mnist-cnn, 3 steps: abc on 1, abc on 2, abd on 4")


def test_failed_process_is_a_failure_with_its_last_line():
    finding = run_check(Check("gone", ("torch",), lambda: ask("jitcnn.check.nowhere")["gone"]))
    assert not finding.ok
    assert "exit code 1: " in finding.figure
    assert "No module named jitcnn.check.nowhere" in finding.figure


def test_missing_torch_is_reported(monkeypatch):
    monkeypatch.setattr(peer, "find_spec", lambda name: None)
    (finding,) = run_checks(topic="torch")
    assert finding.ok
    assert "not installed" in finding.figure


def test_torch_process_is_started_once_with_the_bug(monkeypatch):
    asked = []

    def answers(*arguments):
        asked.append(arguments)
        outcome = Outcome(True, "fine")
        return {"layers": outcome, "loss": outcome, "training": replace(outcome, ok=False)}

    monkeypatch.setattr(peer, "find_spec", lambda name: name)
    monkeypatch.setattr(peer, "ask", answers)
    assert [finding.ok for finding in run_checks(topic="torch", bug="tanh-not-squared")] == [True, True, False]
    assert asked == [("jitcnn.check.peer", "tanh-not-squared")]


@pytest.mark.torch
@pytest.mark.compiled
@pytest.mark.parametrize(("bug", "ok"), [(None, True), ("dense-untransposed", False)])
def test_parity_with_torch(bug, ok):
    pytest.importorskip("torch")
    assert all(finding.ok for finding in run_checks(topic="torch", bug=bug)) == ok
