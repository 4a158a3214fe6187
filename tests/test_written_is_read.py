"""Whatever a writer accepts, its reader reads back; what the reader would refuse, the writer refuses."""

import json
import os
from dataclasses import replace
from string import ascii_letters, digits

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from nets import small_net

from jitcnn import CNN, Checkpoints, Dataset, Dense, Flatten, fit
from jitcnn.errors import CheckpointError
from jitcnn.history import Epoch
from jitcnn.inspection import Snapshots, read_histories
from jitcnn.net import checkpoint
from jitcnn.net.checkpoint import read_checkpoint, write_checkpoint
from jitcnn.training.history_arrays import epochs_of, history_arrays
from jitcnn.training.record import read_training
from jitcnn.training.resume import Training

IN_A_FOLDER = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANY_TEXT = st.text(st.characters(), max_size=40)  # surrogates and control characters too
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
NUMBER_ARRAYS = arrays(
    st.sampled_from(["<f4", "<f8", ">f8", "<f2", "|u1", "<i8", "|i1", "|b1", "<U7"]), array_shapes(min_dims=0, min_side=0, max_side=4)
)  # fmt: skip
NAMES = st.text(ascii_letters + digits + "_.", min_size=1, max_size=60)
FLOAT = st.floats(allow_nan=False)


def tiny_net():
    return CNN([Flatten(), Dense(16, 2, rng=np.random.default_rng(0))], input_shape=(1, 4, 4), name="tiny")


def tiny_data():
    x = np.random.default_rng(0).integers(0, 256, (8, 1, 4, 4)).astype(np.uint8)
    return Dataset("d", "d", x, np.arange(8) % 2, x, np.arange(8) % 2)


# --- header and arrays --------------------------------------------------------------------------------


@given(st.dictionaries(ANY_TEXT, PLAIN, max_size=4), st.dictionaries(NAMES, NUMBER_ARRAYS, max_size=4))
@IN_A_FOLDER
def test_any_header_and_arrays_come_back(tmp_path, header, kept):
    write_checkpoint(tmp_path / "file", header, kept)
    read_header, read = read_checkpoint(tmp_path / "file")
    assert read_header == header
    assert list(read) == list(kept)
    for name, array in kept.items():
        np.testing.assert_array_equal(read[name], array, strict=True)


@pytest.mark.parametrize("excess", [0, 1])
@pytest.mark.parametrize("limit", [1 << 12, 1 << 16])
def test_the_longest_header_is_read_and_a_longer_one_is_not_written(excess, limit, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "HEADER_BYTES", limit)
    start = 128  # bytes before the text, four bytes per character after them
    header = {"a": "x" * ((limit - start) // 4 - len('{"a": ""}') + excess)}
    path = tmp_path / "file"
    write_checkpoint(path, {}, {})
    before = path.read_bytes()
    if excess:
        with pytest.raises(
            CheckpointError, match=f"could not be written to .*its header is not text of at most {limit:,}"
        ):
            write_checkpoint(path, header, {})
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["file"]
    else:
        write_checkpoint(path, header, {})
        assert read_checkpoint(path)[0] == header


UNREADABLE = {
    "objects": ({}, {"a": np.array([None, {}])}, "a.npy is not a plain array"),
    "complex": ({}, {"a": np.ones(2, complex)}, "a.npy is not a plain array"),
    "dates": ({}, {"a": np.zeros(2, "M8[s]")}, "a.npy is not a plain array"),
    "fields": ({}, {"a": np.zeros(2, [("x", "f4")])}, "a.npy is not a plain array"),
    "a path": ({}, {"../a": np.ones(2)}, "invalid array name '../a'"),
    "no name": ({}, {"": np.ones(2)}, "invalid array name ''"),
    "an accent": ({}, {"é": np.ones(2)}, "invalid array name 'é'"),
    "an endless name": ({}, {"a" * 70_000: np.ones(2)}, "could not be written"),
    "the header's name": ({}, {"header": np.ones(2)}, "the array name header is reserved"),
    "the checksum's name": ({}, {"sha256": np.ones(2)}, "the array name sha256 is reserved"),
    "a set": ({"a": {1, 2}}, {}, "set is not JSON serializable"),
    "a number too long": ({"a": 10**5000}, {}, "Exceeds the limit"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_could_not_be_read_is_not_written(case, tmp_path):
    header, unreadable, message = UNREADABLE[case]
    with pytest.raises(CheckpointError, match=message):
        write_checkpoint(tmp_path / "file", header, unreadable)
    assert os.listdir(tmp_path) == []


def test_a_header_nested_too_deeply_is_not_written(tmp_path):
    nested = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(CheckpointError, match=r"could not be written to .*recursion"):
        write_checkpoint(tmp_path / "file", {"a": nested}, {})


# --- models -------------------------------------------------------------------------------------------


@given(ANY_TEXT, st.lists(ANY_TEXT, min_size=2, max_size=2))
@IN_A_FOLDER
def test_a_model_of_any_names_is_loaded(tmp_path, name, class_names):
    net = tiny_net()
    net.name, net.class_names = name, tuple(class_names)
    net.save(tmp_path / "net.npz")
    loaded = CNN.load(tmp_path / "net.npz")
    assert (loaded.name, loaded.class_names) == (name, tuple(class_names))


class OwnNet(CNN):
    """A net that takes no layers: its file is loaded by ``CNN.load``."""

    def __init__(self):
        super().__init__(tiny_net().layers, input_shape=(1, 4, 4), name="own")


def test_a_net_of_a_class_with_other_arguments_is_saved(tmp_path):
    OwnNet().save(tmp_path / "net.npz")
    assert CNN.load(tmp_path / "net.npz").name == "own"


UNLOADABLE = {
    "too many names": ("class_names", ("a", "b", "c"), "has 2 classes, got 3 class_names"),
    "a preparation": ("preparation", "wash", "preparation must be one of"),
    "a mean": ("mean", (np.nan,), "expects mean and std to be one finite number"),
    "a recipe": ("recipe", ["sgd"], "its recipe must be a table"),
    "a name of no letters": ("name", 5, "name must be a string"),
    "an endless name": ("name", "n" * 2000, "is too long"),
}


@pytest.mark.parametrize("case", UNLOADABLE)
def test_a_model_that_could_not_be_loaded_is_not_saved(case, tmp_path):
    attribute, value, message = UNLOADABLE[case]
    net = tiny_net()
    setattr(net, attribute, value)
    with pytest.raises(CheckpointError, match=f"cannot be saved, as it could not be loaded again: .*{message}"):
        net.save(tmp_path / "net.npz")
    assert os.listdir(tmp_path) == []


def test_snapshots_of_no_epoch_are_not_saved(tmp_path):
    with pytest.raises(CheckpointError, match="expects at least one epoch to save, got none: call take first"):
        Snapshots.of(small_net()).save(tmp_path / "snapshots.npz")


# --- the history of a training ------------------------------------------------------------------------


EPOCHS = st.lists(
    st.builds(
        Epoch, st.integers(-(2**63), 2**63 - 1), FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT,
        st.lists(ANY_TEXT, max_size=2).map(tuple),
    ),
    max_size=30,
)  # fmt: skip


@given(EPOCHS)
@IN_A_FOLDER
def test_any_history_comes_back(tmp_path, epochs):
    write_checkpoint(tmp_path / "file", {}, history_arrays(epochs))
    assert epochs_of(read_checkpoint(tmp_path / "file")[1]) == epochs


@pytest.mark.parametrize("count", [0, 1, 2, 999, 20_000, 200_000])
def test_a_checkpoint_of_any_number_of_epochs_is_read(count, tmp_path):
    path, state = tmp_path / "run.npz", saved_after_one_epoch(tmp_path / "run.npz")
    epoch = Epoch(1, 0.1, 0.2, 1 / 3, 0.4, 0.5, 600.7, ("2 dead filters",))
    state.history.epochs = [replace(epoch, epoch=k + 1) for k in range(count)]
    state.save(path, {})
    assert read_training(path)[1].epochs == state.history.epochs
    assert repr(CNN.load(path)) == repr(state.model)
    assert len(json.dumps(read_checkpoint(path)[0])) < 10_000
    again = saved_after_one_epoch(tmp_path / "other.npz")
    again.load(path)
    assert again.history.epochs == state.history.epochs
    if count:
        assert read_histories(path) == {"tiny": state.history.epochs}


def saved_after_one_epoch(path):
    """A training of one epoch, as if it were to go on."""
    found = []

    class Kept(Checkpoints):
        def on_train_begin(self, trainer):
            super().on_train_begin(trainer)
            found.append(trainer.state)

    fit(tiny_net(), tiny_data(), epochs=1, batch_size=8, checkpoint=Kept(path))
    state: Training = found[0]
    state.progress.finished = False
    return state


def test_a_checkpoint_with_its_history_in_the_header_is_read(tmp_path):
    path, state = tmp_path / "run.npz", saved_after_one_epoch(tmp_path / "run.npz")
    state.save(path, {})
    header, kept = read_checkpoint(path)
    header["training"]["epochs"] = [vars(epoch) | {"remarks": ["one"]} for epoch in state.history.epochs]
    write_checkpoint(path, header, {name: a for name, a in kept.items() if not name.startswith("training.history.")})
    expected = [replace(epoch, remarks=("one",)) for epoch in state.history.epochs]
    assert read_training(path)[1].epochs == expected
    again = saved_after_one_epoch(tmp_path / "other.npz")
    again.load(path)
    assert again.history.epochs == expected


FORGED = {
    "one number missing": lambda kept: kept.pop("training.history.seconds"),
    "remarks missing": lambda kept: kept.pop("training.history.remarks"),
    "a longer column": lambda kept: kept.update({"training.history.seconds": np.zeros(2)}),
    "another dtype": lambda kept: kept.update({"training.history.epoch": np.zeros(1)}),
    "no remarks but text": lambda kept: kept.update({"training.history.remarks": np.frombuffer(b"{", np.uint8)}),
    "remarks without epochs": lambda kept: kept.update({"training.history.remarks": np.frombuffer(b"[1]", np.uint8)}),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_history_that_is_not_whole_is_refused(case, tmp_path):
    path, state = tmp_path / "run.npz", saved_after_one_epoch(tmp_path / "run.npz")
    state.save(path, {})
    header, kept = read_checkpoint(path)
    FORGED[case](kept)
    write_checkpoint(path, header, kept)
    with pytest.raises(CheckpointError, match="does not hold a whole training of this version of jitcnn"):
        read_training(path)
    with pytest.raises(CheckpointError, match="does not hold a whole training of this version of jitcnn"):
        saved_after_one_epoch(tmp_path / "other.npz").load(path)
