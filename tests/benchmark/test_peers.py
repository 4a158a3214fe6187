"""The comparison with other frameworks: agreement, turns and ratios, missing packages, and every framework that is installed."""

import numpy as np
import pytest

from jitcnn.benchmark.peers import league, registry, worker
from jitcnn.benchmark.peers.engine import Engine, Timed
from jitcnn.benchmark.side import INFERENCE, Request
from jitcnn.errors import ConfigError, DisagreementError
from jitcnn.models import find_net

TINY = """
input_shape = [1, 6, 5]
[[layer]]
kind = "Conv2D"
out_channels = 2
kernel_size = 3
[[layer]]
kind = "BatchNorm2D"
[[layer]]
kind = "ReLU"
[[layer]]
kind = "Flatten"
[[layer]]
kind = "Dense"
out_features = 3
[[layer]]
kind = "Softmax"
"""
ANSWER = {"version": "1.0", "probabilities": [[[0.25, 0.75]]], "trained": [[[0.5, 0.5]]]}


class FakeSide:
    """A side whose turns take ``seconds[name]`` and which notes each question."""

    asked = []

    def __init__(self, name, request, environment=None):
        self.name, self.waits = name, bool(environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ask(self, question):
        FakeSide.asked.append((self.name, self.waits, question))
        return ANSWER if question == "check" else next(self.seconds[self.name, self.waits])


@pytest.fixture
def fake_sides(monkeypatch):
    """Sides without processes; all packages are installed; tasks are one step of a net."""
    FakeSide.asked, FakeSide.seconds = [], {}
    monkeypatch.setattr(league, "Side", FakeSide)
    monkeypatch.setattr(registry, "find_spec", lambda module: True)
    monkeypatch.setattr(league, "tasks", lambda input_shape, batch_size: {"step": batch_size})
    return FakeSide


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return str(path)


@pytest.fixture
def quick(monkeypatch):
    """Turns of one call."""
    monkeypatch.setattr(worker, "SECONDS", 0)
    monkeypatch.setattr(worker, "WARM_UP", (1, 0))


# --- missing packages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("torch", "pip install torch==2.13.0"),
        ("torch.compile", "pip install torch==2.13.0"),
        ("onnxruntime", "pip install onnxruntime 'jitcnn[interchange]'"),
        ("openvino", "pip install openvino 'jitcnn[interchange]'"),
        ("jax", "pip install jax"),
        ("tensorflow", "pip install tensorflow"),
    ],
)
def test_missing_peer_is_left_out_of_all_and_an_error_by_name(monkeypatch, name, command):
    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    found = league.league(Request("jitcnn"))
    assert found.rows == []
    assert found.left_out[name] == f"not installed: {command}"
    with pytest.raises(ConfigError) as raised:
        league.race_peer(Request("jitcnn"), name)
    assert str(raised.value) == f"--against {name} requires {' and '.join(registry.PEERS[name].packages)}: {command}"


def test_only_the_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda module: None if module == "onnx" else True)
    found = registry.PEERS["openvino"].missing()
    assert registry.install(found) == "pip install 'jitcnn[interchange]'"
    assert registry.PEERS["jax"].missing() == {}


# --- agreement ----------------------------------------------------------------------------------------


def answer(**changes):
    return {**ANSWER, **changes}


def test_agreement_returns_the_version():
    assert league.check_agreement("jax", ANSWER, answer(version="2.0", trained=None)) == "2.0"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"probabilities": [[[0.25, 0.75]], [[0.26, 0.74]]]},
            r"^jax 1\.0 disagrees and is not timed: its probabilities differ from ours by 1e-02, more than 1e-04\.$",
        ),
        (
            {"trained": [[[0.5, 0.47]]]},
            r"differ from ours by 3e-02 after a training step, more than 3e-02\.$",
        ),
        ({"probabilities": [[[np.nan, 0.75]]]}, "differ from ours by nan"),
    ],
)
def test_disagreement_is_an_error(changes, message):
    with pytest.raises(DisagreementError, match=message):
        league.check_agreement("jax", ANSWER, answer(**changes))


@pytest.mark.compiled
def test_probabilities_of_a_deep_net_are_not_saturated():
    """Those of a new resnet20 are 0 and 1, on which frameworks agree, right or wrong."""
    net = find_net("resnet20")
    x = np.random.default_rng(1).standard_normal((8, 3, 32, 32), np.float32)
    assert net.predict_proba(x).max() > 0.999
    league.follow_statistics(net)
    assert net.predict_proba(x).max() < 0.99
    assert net.layers[1].momentum == 0.1


def test_peer_that_disagrees_is_reported_and_not_timed(fake_sides, monkeypatch):
    monkeypatch.setattr(registry, "PEERS", {})
    monkeypatch.setattr(league, "PEERS", {"jax": registry.Peer(list, {})})
    monkeypatch.setattr(
        FakeSide,
        "ask",
        lambda side, question: FakeSide.asked.append(question) or answer(probabilities=[[[float(len(side.name)), 0]]]),
    )
    found = league.league(Request("jitcnn"), rounds=2)
    assert found.rows == []
    assert found.left_out["jax"].startswith("1.0 disagrees and is not timed: its probabilities differ from ours by ")
    assert FakeSide.asked == ["check", "check"]


# --- turns and ratios ---------------------------------------------------------------------------------


def test_sides_take_turns_and_ratios_are_paired(fake_sides):
    """After one turn of warm-up: 1, 2 and 1 seconds against 2, 8 and 3."""
    fake_sides.seconds = {("jitcnn", False): iter([9.0, 1, 2, 1]), ("jax", False): iter([9.0, 2, 8, 3])}
    notes = []
    (row,) = league.race_peer(Request("jitcnn"), "jax", rounds=3, on_turn=lambda turn, note: notes.append((turn, note)))
    assert (row.ours, row.theirs, row.ratios, row.ratio) == (1, 3, [2, 4, 3], 3)
    names = [name for name, _, question in fake_sides.asked]
    assert names == ["jitcnn", "jax", "jax", "jitcnn", *["jitcnn", "jax"] * 3]
    assert notes[1] == (1, "round 2: jax, step")


def test_fastest_environment_of_each_turn_counts(fake_sides):
    fake_sides.seconds = {
        ("jitcnn", False): iter([1.0] * 3), ("torch", False): iter([9.0, 3.0, 2.0]), ("torch", True): iter([9.0, 2.0, 4.0]),
    }  # fmt: skip
    (row,) = league.race_peer(Request("jitcnn"), "torch", rounds=2)
    assert row.ratios == [2, 2]


def test_task_that_a_peer_cannot_do_has_no_row(fake_sides):
    fake_sides.seconds = {("jitcnn", False): iter([]), ("openvino", False): iter([None])}
    assert league.race_peer(Request("jitcnn"), "openvino", rounds=1) == []


def test_tasks_of_large_images_infer_one_image():
    assert list(worker.tasks((1, 28, 28), 8).values()) == [8, 1, 64, 256]
    assert list(worker.tasks((3, 80, 80), 64)) == ["training step, batch 64", "inference, batch 1"]


class FakeEngine(Engine):
    version = "0"

    def __init__(self, seconds, clock):
        self.seconds, self.clock = seconds, clock

    def inference(self, x):
        return Timed(lambda: self.clock.append(self.seconds))


def test_worker_times_the_fastest_engine(monkeypatch, tiny, quick, tmp_path):
    clock = []
    monkeypatch.setattr(worker, "perf_counter", lambda: sum(clock))
    monkeypatch.setattr(worker, "engines_of", lambda *_: [FakeEngine(3, clock), FakeEngine(2, clock)])
    find_net(tiny).save(tmp_path / "net.npz")
    side = worker.Worker(Request("fake", model=str(tmp_path / "net.npz")), threads=1)
    assert side.seconds("inference, batch 1") == 2
    assert side.seconds("training step, batch 64") is None


# --- processes ----------------------------------------------------------------------------------------


def test_error_of_a_framework_is_one_sentence():
    with (
        league.Side("jax", Request("jitcnn", model="none.npz")) as side,
        pytest.raises(ConfigError, match=r"^jax raised CheckpointError: Expected a model file at none\.npz"),
    ):
        side.ask("check")


def test_end_of_a_process_is_an_error():
    with league.Side("jax", Request("jitcnn")) as side:
        side.process.kill()
        with pytest.raises(ConfigError, match=r"^jax failed: its process ended with code -?\d+\.$"):
            side.ask("check")


@pytest.mark.compiled
def test_comparison_with_onnxruntime(tiny, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    monkeypatch.setattr(league, "tasks", lambda input_shape, batch_size: {INFERENCE.format(1): 1})
    (row,) = league.race_peer(Request("jitcnn", model=tiny), "onnxruntime", rounds=2)
    assert row.task == "inference, batch 1"
    assert row.ratio > 0
    assert len(row.ratios) == 2


# --- each framework -----------------------------------------------------------------------------------


def agree_in_process(name, model):
    """Check a peer in this process; JAX, TensorFlow and torch.compile have their own process in use."""
    net = find_net(model)
    league.follow_statistics(net)
    net.save("net.npz")
    request = Request(name, model="net.npz", batch_size=4)
    ours = worker.Worker(Request(registry.OURS, model="net.npz", batch_size=4), threads=2).check()
    theirs = worker.Worker(request, threads=2).check()
    league.check_agreement(name, vars(ours), vars(theirs))
    return theirs


@pytest.mark.compiled
@pytest.mark.parametrize("name", [name for name in registry.PEERS if name != "torch.compile"])
@pytest.mark.parametrize("model", ["lenet5", "resnet20", "tiny"])
@pytest.mark.filterwarnings("ignore")
def test_peer_agrees_before_and_after_a_training_step(name, model, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if registry.PEERS[name].missing():
        pytest.skip(f"{name} is not installed")
    theirs = agree_in_process(name, tiny if model == "tiny" else model)
    assert (theirs.trained is None) == (name in ("onnxruntime", "openvino"))
