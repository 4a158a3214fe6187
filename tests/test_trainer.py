"""``Trainer`` and callbacks: order, stopping, warnings, averaged weights."""

import numpy as np
import pytest
from nets import small_net

from jitcnn import CNN, SGD, Callback, Dense, Flatten, Trainer, TrainingSettings, WeightAverage, fit
from jitcnn.data.dataset import Dataset
from jitcnn.errors import CheckpointError, ConfigError
from jitcnn.training import Checkpoints


@pytest.fixture
def data(rng):
    images, labels = rng.integers(0, 256, (24, 1, 6, 6), np.uint8), np.arange(24) % 3
    return Dataset("noise", "test", images[:20], labels[:20], images[20:], labels[20:])


class Recorder(Callback):
    """Notes every call."""

    def __init__(self, name="", calls=None):
        self.name, self.calls = name, [] if calls is None else calls

    def on_train_begin(self, trainer):
        self.calls.append(f"{self.name}begin")

    def on_batch_end(self, trainer):
        assert np.isfinite(trainer.loss)
        self.calls.append(f"{self.name}batch {trainer.batch} of {trainer.batches}")

    def on_epoch_end(self, trainer, epoch):
        assert trainer.history.epochs[-1] is epoch
        self.calls.append(f"{self.name}epoch {epoch.epoch}")

    def on_train_end(self, trainer):
        self.calls.append(f"{self.name}end")


class StopAt(Callback):
    def __init__(self, batch=None, epoch=None):
        self.batch, self.epoch = batch, epoch

    def on_batch_end(self, trainer):
        if trainer.batch == self.batch:
            trainer.stop()

    def on_epoch_end(self, trainer, epoch):
        if epoch.epoch == self.epoch:
            trainer.stop()


def test_callbacks_are_called_in_order(data):
    recorder = Recorder()
    fit(small_net(), data, epochs=2, batch_size=10, callbacks=[recorder])
    epochs = [["batch 1 of 2", "batch 2 of 2", f"epoch {number}"] for number in (1, 2)]
    assert recorder.calls == ["begin", *epochs[0], *epochs[1], "end"]


def test_callbacks_end_in_reverse_order_when_one_fails(data):
    calls = []

    class Broken(Callback):
        def on_train_begin(self, trainer):
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fit(small_net(), data, callbacks=[Recorder("a ", calls), Recorder("b ", calls), Broken()])
    assert calls == ["a begin", "b begin", "b end", "a end"]


def test_stop_in_a_batch_ends_without_an_evaluation(data):
    recorder = Recorder()
    trainer = Trainer(small_net(), data, TrainingSettings(batch_size=4), [StopAt(batch=2), recorder])
    history = trainer.train()
    assert recorder.calls == ["begin", "batch 1 of 5", "batch 2 of 5", "end"]
    assert (history.epochs, history.interrupted, trainer.progress.seen) == ([], False, 8)


def test_stop_after_an_epoch_finishes_the_training(data, tmp_path):
    path = tmp_path / "checkpoint.npz"
    history = fit(small_net(), data, epochs=5, checkpoint=path, callbacks=[StopAt(epoch=2)])
    assert len(history.epochs) == 2
    with pytest.raises(CheckpointError, match="finished"):
        fit(small_net(), data, epochs=5, resume=path)


def test_stop_in_a_batch_can_be_resumed_bit_for_bit(data, tmp_path):
    path, whole, model = tmp_path / "checkpoint.npz", small_net(), small_net()
    fit(whole, data, epochs=2, batch_size=4)
    fit(model, data, epochs=2, batch_size=4, checkpoint=Checkpoints(path, "2batches"), callbacks=[StopAt(batch=2)])
    fit(again := small_net(), data, epochs=2, batch_size=4, resume=path)
    assert again.fingerprint() == whole.fingerprint() != model.fingerprint()


def test_warnings_of_callbacks_reach_the_epoch(data):
    class Warns(Callback):
        def warnings(self, trainer, train_loss):
            return [f"loss {train_loss:.3f}"]

    (epoch,) = fit(small_net(), data, epochs=1, callbacks=[Warns()]).epochs
    assert epoch.remarks[-1] == f"loss {epoch.train_loss:.3f}"


def test_averaged_weights_are_those_evaluated(data):
    seen = []

    class Looks(Callback):
        def on_epoch_end(self, trainer, epoch):
            with trainer.averaged_weights():
                seen.append(trainer.model.fingerprint())
            seen.append(trainer.model.fingerprint())

    model = small_net()
    fit(model, data, epochs=1, batch_size=4, average=WeightAverage(0.9), callbacks=[Looks()])
    assert seen[0] == model.fingerprint() != seen[1]


def test_a_callback_may_change_the_learning_rate(data):
    class Halves(Callback):
        def on_epoch_end(self, trainer, epoch):
            trainer.optimizer.learning_rate /= 2

    optimizer = SGD(0.08)
    fit(small_net(), data, epochs=3, optimizer=optimizer, callbacks=[Halves()])
    assert optimizer.learning_rate == pytest.approx(0.01)


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"batch_size": 0}], ids=str)
def test_settings_out_of_range_raise(settings):
    with pytest.raises(ConfigError, match="epochs and batch_size must be at least 1"):
        TrainingSettings(**settings)


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (3, "callbacks expects a list of Callback objects, got 3; write"),
        ([3], "callbacks expects Callback objects, got 3; use objects of a class derived from"),
        ([Callback], "callbacks expects Callback objects, got <class .*Callback.>; use objects"),
        (Callback(), "callbacks expects a list of Callback objects, got <.*Callback object"),
    ],
)
def test_callbacks_of_another_type_raise(callbacks, message, data):
    with pytest.raises(ConfigError, match=message):
        fit(CNN([Flatten(), Dense(36, 3)], input_shape=(1, 6, 6)), data, callbacks=callbacks)
    with pytest.raises(ConfigError, match=message):
        Trainer(CNN([Flatten(), Dense(36, 3)], input_shape=(1, 6, 6)), data, TrainingSettings(), callbacks)
