"""A finished training goes on to more epochs, and a resumed one keeps its best epoch, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from resume.trainings import CutError, bits, cut_after, figures, net, train

from jitcnn import CNN, SGD, Checkpoints, fit
from jitcnn.errors import CheckpointError
from jitcnn.schedules import cosine, one_cycle


@pytest.fixture(scope="module")
def held(few):
    """The few digits, of which some are held out for validation."""
    return replace(few, evaluated_on="validation")


CHOSEN = {
    "class_weights": "balanced", "sampling": "balanced", "clip_norm": 0.5, "early_stop": 2, "keep": "best",
    "metric": "accuracy", "drop_last": True, "epochs": 6,
}  # fmt: skip


@pytest.mark.parametrize("count", [3, 8, 11])
@pytest.mark.parametrize("average", [{}, {"average": None}])
def test_resumed_training_with_every_choice_is_bitwise_equal(count, average, held, tmp_path):
    path, whole, model = tmp_path / "checkpoint.npz", net(), net()
    settings = {**CHOSEN, **average}
    expected = train(whole, held, **settings)
    try:
        train(model, held, checkpoint=Checkpoints(path, 1), on_batch=cut_after(count), **settings)
    except CutError:
        again = net(seed=9)
        history = train(again, held, resume=path, **settings)
    else:
        pytest.fail(f"the training ended before batch {count}")
    assert bits(again) == bits(whole)
    assert figures(history) == figures(expected)
    assert (history.kept, history.stopped_early) == (expected.kept, expected.stopped_early)


def goes_on(few, path, epochs, more, **settings):
    model = net()
    train(model, few, epochs=epochs, checkpoint=path, **settings)
    history = train(model, few, epochs=more, resume=path, **settings)
    return model, history


def test_constant_rate_goes_on_as_if_planned_for_all_epochs(few, tmp_path):
    settings = {"schedule": None, "average": None}
    whole = net()
    expected = train(whole, few, epochs=5, **settings)
    model, history = goes_on(few, tmp_path / "checkpoint.npz", 2, 5, **settings)
    assert bits(model) == bits(whole)
    assert figures(history) == figures(expected)


@pytest.mark.parametrize(
    ("continue_by", "expected"),
    [
        ("restart", [1.0, 0.5, 1.0, 0.75, 0.5, 0.25]),
        ("extend", [1.0, 0.5, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
    ],
)
def test_schedule_of_the_additional_epochs(continue_by, expected, few, tmp_path):
    """A rate that falls from 1 to 0: planned for two epochs, then six."""
    path, rates = tmp_path / "checkpoint.npz", {}

    def schedule(share):
        return 1 - share

    optimizers = [SGD(1e-9), SGD(1e-9)]
    for optimizer, epochs, resume in zip(optimizers, (2, 6), (None, path), strict=True):
        done = 0 if resume is None else 2

        def note(batch, batches, seen, optimizer=optimizer):
            if batch == 1:
                rates.setdefault(len(rates), optimizer.learning_rate)

        fit(
            CNN(net().layers, input_shape=(1, 7, 7), name="small"), few, optimizer=optimizer, epochs=epochs, batch_size=8,
            schedule=lambda share: 1e-9 * schedule(share), checkpoint=path, resume=resume, continue_by=continue_by,
            on_batch=note,
        )  # fmt: skip
        assert len(rates) == epochs, done
    np.testing.assert_allclose([1e9 * rates[k] for k in range(6)], expected)


def test_additional_epochs_that_are_interrupted_go_on_bitwise_equal(few, tmp_path):
    path, other = tmp_path / "checkpoint.npz", tmp_path / "other.npz"
    settings = {"schedule": one_cycle(0.01), "continue_by": "restart"}
    whole, expected = goes_on(few, other, 2, 4, **settings)
    train(net(), few, epochs=2, checkpoint=path, **settings)
    with pytest.raises(CutError):
        train(net(), few, epochs=4, resume=path, checkpoint=Checkpoints(path, 1), on_batch=cut_after(3), **settings)
    model = net(seed=5)
    history = train(model, few, epochs=4, resume=path, **settings)
    assert bits(model) == bits(whole)
    assert figures(history) == figures(expected)


def test_training_that_stopped_early_goes_on(held, tmp_path):
    path = tmp_path / "checkpoint.npz"
    settings = {**CHOSEN, "early_stop": 1, "schedule": cosine(0.2)}
    first = train(net(), held, checkpoint=path, **settings)
    assert first.stopped_early
    history = train(net(), held, resume=path, **{**settings, "epochs": 9})
    assert len(history.epochs) > len(first.epochs)


def test_unfinished_training_with_other_epochs_is_refused(few, tmp_path):
    path = tmp_path / "checkpoint.npz"
    with pytest.raises(CutError):
        train(net(), few, checkpoint=Checkpoints(path, 1), on_batch=cut_after(3))
    with pytest.raises(CheckpointError, match="epochs 3 instead of 7"):
        train(net(), few, epochs=7, resume=path)


@pytest.mark.parametrize("epochs", [2, 3])
def test_finished_training_needs_more_epochs_to_go_on(epochs, few, tmp_path):
    path = tmp_path / "checkpoint.npz"
    train(net(), few, checkpoint=path)
    with pytest.raises(CheckpointError, match=r"ask for more than 3 epochs|epochs 3 instead of 2"):
        train(net(), few, epochs=epochs, resume=path)


def test_finished_training_with_other_settings_is_refused(few, tmp_path):
    path = tmp_path / "checkpoint.npz"
    train(net(), few, checkpoint=path)
    with pytest.raises(CheckpointError, match="seed 3 instead of 4"):
        train(net(), few, epochs=5, resume=path, seed=4)
