"""Logs of a training: rows, resuming, errors, and TensorBoard's own reader."""

import csv
import json
import sys
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest

from jitcnn import SGD, Conv2D, Flatten, fit, load_digits
from jitcnn.errors import ConfigError
from jitcnn.history import Epoch
from jitcnn.layers import Dense
from jitcnn.net.model import CNN
from jitcnn.schedules import cosine
from jitcnn.training import Callback, CSVLog, JSONLog, TensorBoardLog
from jitcnn.training.logs import COLUMNS, filters_image, tag_of

TIMES = ("seconds", "images_per_second")
DATA = load_digits().limited(48)


def small_net():
    rng = np.random.default_rng(0)
    return CNN([Conv2D(1, 2, 3, rng=rng), Flatten(), Dense(2 * 26 * 26, 10, rng=rng)], input_shape=(1, 28, 28))


def train(epochs=3, data=DATA, **settings):
    return fit(small_net(), data, optimizer=SGD(0.05), epochs=epochs, batch_size=16, schedule=cosine(0.05), **settings)


def csv_rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def json_rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def without_times(rows):
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


class StopAfter(Callback):
    """Raises Ctrl-C when an epoch begins, as a kill would end the run."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, trainer):
        if trainer.progress.epoch > self.epoch:
            raise KeyboardInterrupt


@pytest.fixture(params=[(CSVLog, csv_rows), (JSONLog, json_rows)], ids=["csv", "jsonl"])
def kind(request):
    return request.param


def test_columns_are_the_fields_of_an_epoch_and_two_more():
    assert COLUMNS[:3] == ("epoch", "evaluated_on", "learning_rate")
    assert [name for name in COLUMNS if name not in COLUMNS[1:3]] == [each.name for each in fields(Epoch)]


def test_csv_has_the_metrics_of_the_history(tmp_path):
    history = train(callbacks=[CSVLog(tmp_path / "log.csv")])
    rows = csv_rows(tmp_path / "log.csv")
    assert [float(row["test_loss"]) for row in rows] == [epoch.test_loss for epoch in history.epochs]
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]


def test_jsonl_has_the_metrics_of_the_history(tmp_path):
    history = train(callbacks=[JSONLog(tmp_path / "log.jsonl")])
    rows = json_rows(tmp_path / "log.jsonl")
    assert [row["train_accuracy"] for row in rows] == [epoch.train_accuracy for epoch in history.epochs]
    assert all(tuple(row) == COLUMNS for row in rows)


def test_learning_rate_is_that_of_the_last_step(tmp_path):
    train(callbacks=[JSONLog(tmp_path / "log.jsonl")])  # 3 batches per epoch: the last of the run is at 8/9 of it
    rates = [row["learning_rate"] for row in json_rows(tmp_path / "log.jsonl")]
    assert rates == [pytest.approx(cosine(0.05)(share / 9)) for share in (2, 5, 8)]


def test_rows_name_the_images_they_were_evaluated_on(tmp_path):
    train(epochs=1, data=DATA.validation(16), callbacks=[JSONLog(tmp_path / "log.jsonl")])
    assert json_rows(tmp_path / "log.jsonl")[0]["evaluated_on"] == "validation"


def test_row_is_on_disk_when_the_epoch_has_ended(tmp_path, kind):
    log, read = kind
    counts = []
    train(callbacks=[log(tmp_path / "log")], on_epoch=lambda epoch: counts.append(len(read(tmp_path / "log"))))
    assert counts == [1, 2, 3]


def test_resumed_run_has_the_rows_of_an_uninterrupted_one(tmp_path, kind):
    log, read = kind
    train(epochs=4, callbacks=[log(tmp_path / "whole")])
    first = [log(tmp_path / "cut"), StopAfter(2)]
    train(epochs=4, callbacks=first, checkpoint=tmp_path / "run.npz")
    train(epochs=4, callbacks=[log(tmp_path / "cut")], resume=tmp_path / "run.npz")
    assert without_times(read(tmp_path / "cut")) == without_times(read(tmp_path / "whole"))


def test_rows_after_the_checkpoint_are_replaced(tmp_path, kind):
    log, read = kind
    keep = tmp_path / "run.npz"
    train(epochs=2, callbacks=[log(tmp_path / "log"), StopAfter(1)], checkpoint=keep)
    with (tmp_path / "log").open("a") as file:  # an epoch that was logged, but not saved, and a half-written one
        last = (tmp_path / "log").read_text().splitlines()[-1]
        file.write(last.replace("1", "2", 1) + "\n" + last[:9])
    train(epochs=2, callbacks=[log(tmp_path / "log")], resume=keep)
    assert [int(row["epoch"]) for row in read(tmp_path / "log")] == [1, 2]


def test_missing_rows_are_written_from_the_history_on_resume(tmp_path):
    train(epochs=2, callbacks=[StopAfter(1)], checkpoint=tmp_path / "run.npz")
    history = train(epochs=2, callbacks=[JSONLog(tmp_path / "log")], resume=tmp_path / "run.npz")
    rows = json_rows(tmp_path / "log")
    assert [row["learning_rate"] for row in rows] == [None, pytest.approx(cosine(0.05)(5 / 6))]
    assert rows[0]["train_loss"] == history.epochs[0].train_loss


def test_new_run_replaces_an_existing_file(tmp_path, kind):
    log, read = kind
    for _ in range(2):
        train(epochs=1, callbacks=[log(tmp_path / "log")])
    assert len(read(tmp_path / "log")) == 1


def trainer_with(epochs, rate=0.1):
    """What a log reads of a trainer."""
    return SimpleNamespace(
        history=SimpleNamespace(epochs=epochs), data=SimpleNamespace(evaluated_on="test"),
        optimizer=SimpleNamespace(learning_rate=rate),
    )  # fmt: skip


WARNED = Epoch(1, 0.5, 0.9, float("inf"), 0.8, 1.0, 100.0, ("3 filters are dead, all of one layer.", "Second."))


def test_warnings_are_one_cell_in_csv(tmp_path):
    log = CSVLog(tmp_path / "log.csv")
    log.on_train_begin(trainer_with([WARNED]))
    assert csv_rows(tmp_path / "log.csv")[0]["remarks"] == "3 filters are dead, all of one layer. Second."


def test_infinite_loss_is_null_in_json(tmp_path):
    log = JSONLog(tmp_path / "log.jsonl")
    log.on_train_begin(trainer_with([WARNED]))
    row = json_rows(tmp_path / "log.jsonl")[0]
    assert (row["test_loss"], row["remarks"]) == (None, ["3 filters are dead, all of one layer.", "Second."])


@pytest.mark.parametrize("log", [CSVLog, JSONLog])
def test_log_in_a_missing_folder_raises(log, tmp_path):
    with pytest.raises(ConfigError, match=r"The log .*log cannot be written: No such file or directory; name a folder"):
        log(tmp_path / "missing" / "log")


def test_log_that_cannot_be_written_later_warns_and_trains_on(tmp_path):
    log = CSVLog(tmp_path / "log.csv")

    def replace_by_folder(_batch, _batches, _images):
        if (tmp_path / "log.csv").is_file():
            (tmp_path / "log.csv").unlink()
            (tmp_path / "log.csv").mkdir()

    with pytest.warns(UserWarning, match=r"The log .*log\.csv cannot be written: .*; an epoch is missing in it"):
        history = train(epochs=1, callbacks=[log], on_batch=replace_by_folder)
    assert len(history.epochs) == 1


def test_library_does_not_import_tensorboardx():
    import subprocess

    code = "import sys, jitcnn.training.logs; print('tensorboardX' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_tensorboard_without_tensorboardx_raises(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    message = (
        r"A TensorBoard log requires tensorboardX, which is not installed: run pip install 'jitcnn\[tensorboard\]'"
    )
    with pytest.raises(ConfigError, match=message):
        TensorBoardLog(tmp_path / "events")


def test_tags_are_grouped_by_metric():
    assert [tag_of(name, "validation") for name in ("train_loss", "test_macro_f1", "learning_rate")] == [
        "loss/train", "macro_f1/validation", "learning_rate",
    ]  # fmt: skip


def test_filters_are_drawn_side_by_side():
    weights = np.arange(-4, 4, dtype=float).reshape(2, 1, 2, 2)
    image = filters_image(weights)
    assert image.shape == (3, 2, 5)
    np.testing.assert_array_equal(image[0], [[0, 0.125, 1, 0.5, 0.625], [0.25, 0.375, 1, 0.75, 0.875]])


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """History and event folder of a training that was interrupted after two of three epochs, and resumed."""
    pytest.importorskip("tensorboardX")
    folder = tmp_path_factory.mktemp("events")
    train(callbacks=[TensorBoardLog(folder / "tb"), StopAfter(2)], checkpoint=folder / "run.npz")
    (folder / "tb" / "events.out.tfevents.1.host.epoch00003").write_bytes(b"logged, but not in the checkpoint")
    log = TensorBoardLog(folder / "tb", histograms=True, filters=True)
    return train(callbacks=[log], resume=folder / "run.npz"), folder / "tb"


def read_back(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    reader = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    return reader


def test_tensorboard_reads_each_epoch_once(events):
    history, folder = events
    scalars = read_back(folder).Scalars("loss/test")
    assert [scalar.step for scalar in scalars] == [1, 2, 3]
    assert [scalar.value for scalar in scalars] == [
        pytest.approx(epoch.test_loss, rel=1e-6) for epoch in history.epochs
    ]


def test_tensorboard_reads_histograms_and_filters(events):
    tags = read_back(events[1]).Tags()
    assert tags["histograms"] == ["0.weights", "0.bias", "2.weights", "2.bias"]
    assert tags["images"] == ["filters/first_layer"]


def test_there_is_one_event_file_per_epoch(events):
    assert sorted(file.name[-5:] for file in events[1].iterdir()) == ["00001", "00002", "00003"]


def test_new_run_removes_the_event_files_of_an_earlier_one(tmp_path):
    pytest.importorskip("tensorboardX")
    names = [
        "events.out.tfevents.1.host.epoch00007",
        "events.out.tfevents.1.host",
    ]  # the second is not of this callback
    for name in names:
        (tmp_path / name).write_bytes(b"")
    TensorBoardLog(tmp_path).on_train_begin(trainer_with([]))
    assert [file.name for file in tmp_path.iterdir()] == names[1:]


def test_tensorboard_folder_that_cannot_be_created_raises(tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"The log .*file.events cannot be written: .*; name a folder that can"):
        TensorBoardLog(tmp_path / "file" / "events")
