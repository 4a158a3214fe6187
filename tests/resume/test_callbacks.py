"""Callbacks with a state: exact on resume, and the same as before."""

import numpy as np
import pytest
from resume.trainings import bits, cut_after, figures, interrupted, net, train

from jitcnn import Callback, Checkpoints, Trainer, TrainingSettings
from jitcnn.errors import CheckpointError, ConfigError
from jitcnn.net.checkpoint import read_checkpoint, write_checkpoint


class StopAtBatch(Callback):
    """Counts batches and stops at the twelfth; ``on_train_begin`` begins anew."""

    def __init__(self):
        self.sums = []

    def on_train_begin(self, trainer):
        self.sums = [0.0]

    def on_batch_end(self, trainer):
        self.sums.append(self.sums[-1] + trainer.loss)
        if len(self.sums) > 12:
            trainer.stop()

    def state(self):
        return {"sums": self.sums}

    def load_state(self, state):
        self.sums = state["sums"]


class Fixed(Callback):
    def __init__(self, value):
        self.value = value

    def state(self):
        return self.value


class OtherFixed(Fixed):
    pass


@pytest.mark.parametrize("every", [1, 4, "1epochs"])
@pytest.mark.parametrize("killed", [6, 9, 10, 11])
def test_counting_callback_is_exact_after_a_kill(killed, every, few, tmp_path):
    path, counted, again = tmp_path / "checkpoint.npz", StopAtBatch(), StopAtBatch()
    whole, model = net(), net(seed=99)
    history = train(whole, few, callbacks=[counted])
    interrupted(few, path, killed, every, callbacks=[StopAtBatch()])
    resumed = train(model, few, resume=path, callbacks=[again])
    assert bits(model) == bits(whole)
    assert figures(resumed) == figures(history)
    assert again.sums == counted.sums
    assert len(again.sums) == 13


def test_checkpoints_are_written_after_all_other_callbacks(few, tmp_path):
    path, counted = tmp_path / "checkpoint.npz", StopAtBatch()

    def settings():
        return TrainingSettings(epochs=3, batch_size=8)

    Trainer(net(), few, settings(), [Checkpoints(path, 5), StopAtBatch()]).train()
    Trainer(net(), few, settings(), [counted], path).train()
    assert len(counted.sums) == 13


def test_callbacks_without_state_may_differ(few, uninterrupted, tmp_path):
    path, model = tmp_path / "checkpoint.npz", net()
    interrupted(few, path, 8, 7)
    train(model, few, resume=path, callbacks=[Callback(), Fixed(None)])
    assert bits(model) == bits(uninterrupted[0])


@pytest.mark.parametrize(
    ("callbacks", "got"), [([], "none"), ([Fixed(1)], "Fixed"), ([Fixed(2), OtherFixed(1)], "Fixed, OtherFixed")]
)
def test_other_callbacks_with_state_are_refused(callbacks, got, few, tmp_path):
    path = tmp_path / "checkpoint.npz"
    interrupted(few, path, 8, 7, callbacks=[OtherFixed(1), Fixed(2)])
    with pytest.raises(
        CheckpointError, match=rf"state are OtherFixed, Fixed instead of {got}: resume it with the callbacks"
    ):
        train(net(), few, resume=path, callbacks=callbacks)


def test_callback_with_state_is_refused_if_the_checkpoint_has_none(kept, few):
    with pytest.raises(CheckpointError, match="state are none instead of Fixed"):
        train(net(), few, resume=kept, callbacks=[Fixed(1)])


def test_checkpoint_of_an_earlier_version_begins_the_callbacks_anew(kept, few, tmp_path):
    path, counted = tmp_path / "old.npz", StopAtBatch()
    header, arrays = read_checkpoint(kept)
    del header["training"]["callbacks"]
    write_checkpoint(path, header, arrays)
    train(net(), few, resume=path, callbacks=[counted])
    assert len(counted.sums) == 1 + 15 - 7


@pytest.mark.parametrize("callbacks", [1, [3], [{}], [{"class": "Fixed"}]])
def test_damaged_states_are_refused(callbacks, kept, few, tmp_path):
    header, arrays = read_checkpoint(kept)
    header["training"]["callbacks"] = callbacks
    write_checkpoint(tmp_path / "bad.npz", header, arrays)
    with pytest.raises(CheckpointError, match="does not hold a whole training"):
        train(net(), few, resume=tmp_path / "bad.npz", callbacks=[Fixed(1)])


@pytest.mark.parametrize("state", [(1, 2), {1: 2}, {"a": np.ones(2)}, [{3}], object()])
def test_state_of_other_values_is_refused_before_the_first_batch(state, few, tmp_path):
    with pytest.raises(ConfigError, match=r"Fixed.state expects to return plain JSON values, .*convert arrays"):
        train(net(), few, checkpoint=tmp_path / "c.npz", callbacks=[Fixed(state)], on_batch=cut_after(1))


def test_state_is_returned_as_it_was(few, tmp_path):
    state, found = {"a": [1, 2.5, None, True, float("inf")], "b": {"é": "\n"}}, []

    class Keeps(Fixed):
        def load_state(self, state):
            found.append(state)

    interrupted(few, tmp_path / "checkpoint.npz", 8, 7, callbacks=[Keeps(state)])
    train(net(), few, resume=tmp_path / "checkpoint.npz", callbacks=[Keeps(state)])
    assert found == [state]
