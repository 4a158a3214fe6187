"""Training in a separate process: commands in, progress reports out."""

import re
import threading
import time
from multiprocessing import Pipe

import numpy as np
import pytest

from jitcnn import CNN, ConfigError
from jitcnn.data import Dataset
from jitcnn.layers import Conv2D, Dense, Flatten
from jitcnn.web import learner
from jitcnn.web.desk import Desk
from jitcnn.web.learner import Job, Report, learn, model_of
from jitcnn.web.watched import WatchedTraining


@pytest.fixture(scope="module")
def tiny():
    """A small model and images that it can learn."""
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 2
    images = (rng.integers(0, 60, (64, 1, 6, 6)) + 150 * labels[:, None, None, None]).astype(np.uint8)
    data = Dataset("squares", "made here", images, labels, images, labels)
    model = CNN([Conv2D(1, 2, 3, rng=rng), Flatten(), Dense(32, 2, rng=rng)], input_shape=(1, 6, 6), name="tiny")
    return model, data


def job_of(tiny, **settings):
    model, data = tiny
    return Job(model.to_toml(), {n: a.copy() for n, a in model.named_arrays().items()}, data, **{"learning_rate": 0.01, "batch_size": 8, **settings})  # fmt: skip


def reports_until(link, wanted):
    """All reports up to the first with status ``wanted``."""
    found = []
    while not found or found[-1].status != wanted:
        assert link.poll(60), f"expected {wanted}, got only {[report.status for report in found]}"
        found.append(link.recv())
    return found


@pytest.fixture
def learning(tiny, monkeypatch):
    """Function that runs the learner in a thread and returns the page's end of the pipe."""
    monkeypatch.setattr(learner, "REPORT_SECONDS", 0.05)
    monkeypatch.setattr(learner, "PIECE_SECONDS", 0.01)
    threads = []

    def begin(**settings):
        mine, other = Pipe()
        threads.append((threading.Thread(target=learn, args=(other, job_of(tiny, **settings))), mine))
        threads[-1][0].start()
        return mine

    yield begin
    for thread, link in threads:
        link.close()  # a closed pipe ends the learner
        thread.join(30)
        assert not thread.is_alive()


def test_training_starts_with_the_given_weights(tiny):
    model, _ = tiny
    assert all(np.array_equal(a, b) for a, b in zip(model_of(job_of(tiny)).arrays(), model.arrays(), strict=True))
    fresh = model_of(Job(model.to_toml(), {}, tiny[1], 0.01, 8))
    assert not np.array_equal(fresh.arrays()[0], model.arrays()[0])


def test_training_follows_commands(learning, tiny):
    link = learning()
    assert reports_until(link, "running")[0].status == "starting"
    link.send(("learning_rate", 0.05))
    while (report := link.recv()).learning_rate != 0.05 or report.step < 100:
        assert link.poll(60)
    link.send(("pause", None))
    paused = reports_until(link, "paused")[-1]
    assert not link.poll(0.3)  # no reports while paused
    link.send(("learning_rate", 0.02))
    assert (link.recv().status, paused.step > 0) == ("paused", True)
    link.send(("resume", None))
    link.send(("stop", None))
    last = reports_until(link, "stopped")[-1]
    assert last.step >= paused.step
    assert last.accuracy > 0.9
    assert set(last.gradients) == {"0.weights"}
    assert not np.array_equal(last.arrays["0.weights"], tiny[0].named_arrays()["0.weights"])


def test_nan_loss_ends_training_with_a_message(learning):
    last = reports_until(learning(learning_rate=1e30), "failed")[-1]
    assert re.match(
        r"The loss became (nan|inf) in epoch 1, batch \d+ of \d+, learning rate 1e\+30; not finite first: ",
        last.message,
    )
    assert last.arrays == {}  # the page keeps the last valid weights


def test_exception_in_training_is_reported(tiny, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of chalk")

    monkeypatch.setattr(learner, "prepare", broken)
    mine, other = Pipe()
    with pytest.raises(RuntimeError, match="out of chalk"):
        learn(other, job_of(tiny))
    assert reports_until(mine, "failed")[-1].message == "The training failed: out of chalk"


@pytest.fixture
def desk(tiny):
    desk = Desk(*tiny[:1], data=tiny[1])
    yield desk
    desk.close()


def wait_for(desk, session, wanted):
    for _ in range(600):
        state = desk.training_state(session)
        if state["status"] in wanted:
            return state
        time.sleep(0.1)
    raise AssertionError(f"expected {wanted}, training stays {state['status']}: {state['message']}")


@pytest.mark.compiled
def test_each_page_trains_its_own_net(desk, tiny):
    before = [array.copy() for array in tiny[0].arrays()]
    desk.start("one", 0.05, 8, True)
    with pytest.raises(ConfigError, match="Training is already running: stop it first"):
        desk.start("one", 0.05, 8, True)
    desk.start("two", 0.05, 8, True)
    with pytest.raises(ConfigError, match="2 other pages are training: stop one of them first"):
        desk.start("three", 0.05, 8, True)
    assert desk.training_state("three") == {"status": "none"}
    wait_for(desk, "one", ["running"])
    for _ in range(600):  # slower on a busy machine
        state = desk.training_state("one")
        if state["accuracies"] and state["accuracies"][-1][1] > 0.9:
            break
        time.sleep(0.1)
    desk.order("one", "stop")
    state = wait_for(desk, "one", ["stopped"])
    assert state["filters"][0]["name"] == "0.weights"
    assert state["accuracies"][-1][1] > 0.9
    assert desk._session("one").model is not tiny[0]
    assert all(np.array_equal(a, b) for a, b in zip(before, tiny[0].arrays(), strict=True))
    assert desk.training_state("two")["status"] in ("starting", "running")
    with pytest.raises(ConfigError, match="No training is running: start one first"):
        desk.order("one", "pause")


@pytest.mark.compiled
def test_dead_process_is_reported(tiny):
    training = WatchedTraining(job_of(tiny))
    training.end()
    for _ in range(100):
        if not training.is_running:
            break
        time.sleep(0.1)
    assert training.state()["status"] == "failed"
    assert training.state()["message"] == "The training process ended unexpectedly."


@pytest.mark.compiled
def test_unwatched_training_ends(tiny, monkeypatch):
    monkeypatch.setattr("jitcnn.web.watched.UNWATCHED_SECONDS", 0.5)
    training = WatchedTraining(job_of(tiny))
    for _ in range(300):
        if not training._process.is_alive():
            break
        time.sleep(0.1)
    assert not training._process.is_alive()


def test_long_curve_is_thinned(tiny, monkeypatch):
    monkeypatch.setattr("jitcnn.web.watched.MOST_POINTS", 8)
    training = object.__new__(WatchedTraining)
    training._lock, training._points, training._accuracies, training.version = threading.Lock(), [], [], 0
    training._last = Report("running", arrays={"a": np.ones(1)}, step=3)
    training._take(Report("running", points=[(k, 1.0) for k in range(9)]))
    assert [step for step, _ in training._points] == [0, 2, 4, 6, 8]
    assert training.weights()[0] == {"a": np.ones(1)}  # a status change without new weights
    assert training._last.step == 3
