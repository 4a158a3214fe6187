"""A ``CNNClassifier`` in a pickle, where its net is a model file, and in a file of its own, without any pickle."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..errors import CheckpointError, ConfigError
from ..net.checkpoint import open_checkpoint, write_checkpoint
from ..net.model import CNN
from ..net.model_file import TRAINING
from ..optim import OPTIMIZERS, Optimizer
from .layout import Layout

NOTE = "classifier"  # key in the header of a model file
SCALING = ("mean", "scale")
PLAIN_LABELS = "biufU"  # kinds of dtype of labels that a file can hold


def net_to_bytes(net: CNN) -> bytes:
    """The model file of a net."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "net.npz")
        net.save(path)
        return path.read_bytes()


def net_from_bytes(contents: bytes) -> CNN:
    """The net in a model file; CheckpointError if it is damaged."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "net.npz")
        path.write_bytes(contents)
        return CNN.load(path)


def pack(state: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a classifier with arrays and plain values instead of its net and optimizer."""
    packed = dict(state)
    if isinstance(net := packed.get("net_"), CNN):
        packed["net_"] = net_to_bytes(net)
        packed["_net_generators"] = [generator.bit_generator.state for generator in net.generators()]
    optimizer = packed.get("_optimizer")
    if isinstance(optimizer, Optimizer) and type(optimizer) in OPTIMIZERS.values():
        packed["_optimizer"] = (optimizer.settings(), *optimizer.state())
    return packed


def unpack(packed: dict[str, Any]) -> dict[str, Any]:
    """The inverse of ``pack``; CheckpointError if the net is damaged."""
    state = dict(packed)
    generators = state.pop("_net_generators", [])
    if isinstance(state.get("net_"), bytes):
        net = state["net_"] = net_from_bytes(state["net_"])
        if len(generators) == len(net.generators()):
            for generator, saved in zip(net.generators(), generators, strict=True):
                generator.bit_generator.state = saved
    if isinstance(state.get("_optimizer"), tuple):
        settings, numbers, arrays = state["_optimizer"]
        kinds: Any = {kind.__name__: kind for kind in OPTIMIZERS.values()}
        values = {name: value for name, value in settings.items() if name != "kind"}
        optimizer = kinds[settings["kind"]](learning_rate=numbers["learning_rate"], **values)
        optimizer.set_state(numbers, arrays)
        state["_optimizer"] = optimizer
    return state


def write_classifier(path: str | os.PathLike[str], estimator: Any) -> None:
    """Write the net, the labels, the scaling and the parameters to a model file.

    Raises
    ------
    ConfigError
        If the labels are not booleans, numbers or strings.
    CheckpointError
        If the file cannot be written.
    """
    labels = estimator.classes_
    kind = "U" if labels.dtype == object and all(isinstance(label, str) for label in labels) else labels.dtype.kind
    if kind not in PLAIN_LABELS:
        raise ConfigError(
            f"A model file holds labels that are booleans, numbers or strings, got {labels.dtype}: use joblib.dump instead."
        )
    plain = {name: value for name, value in estimator.get_params(deep=False).items() if _is_plain(value)}
    note = {
        "labels": labels.tolist(), "dtype": str(labels.dtype), "parameters": plain,
        "shape": list(estimator._layout.shape), "channels_last": estimator._layout.channels_last,
        "n_iter": estimator.n_iter_, "best_epoch": estimator.best_epoch_, "history": estimator.history_,
        "validation_scores": estimator.validation_scores_.tolist(),
        "feature_names": list(getattr(estimator, "feature_names_in_", [])),
    }  # fmt: skip
    scaling = {f"{TRAINING}{name}": getattr(estimator, f"{name}_") for name in SCALING}
    header = {**estimator.net_.header(), "notes": {NOTE: note}}
    write_checkpoint(path, header, {**estimator.net_.file_arrays(), **scaling})


def read_classifier(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the fitted attributes in a file; CheckpointError if it is damaged or has none."""
    with open_checkpoint(path) as file:
        net = CNN.from_file(file)
        try:
            note = file.header["notes"][NOTE]
            arrays = file.read([f"{TRAINING}{name}" for name in SCALING])
            layout = Layout(tuple(int(size) for size in note["shape"]), note["channels_last"] is True)
            dtype = object if note["dtype"] == "object" else np.dtype(str(note["dtype"]))
            mean, scale = (np.asarray(arrays[f"{TRAINING}{name}"], np.float64) for name in SCALING)
            fitted = {
                "net_": net, "classes_": np.array(list(note["labels"]), dtype=dtype), "_layout": layout, "mean_": mean,
                "scale_": scale, "n_iter_": int(note["n_iter"]), "n_features_in_": layout.size,
                "image_shape_": layout.net_shape, "best_epoch_": note["best_epoch"], "history_": dict(note["history"]),
                "validation_scores_": np.array(note["validation_scores"], np.float64),
            }  # fmt: skip
            if note["feature_names"]:
                fitted["feature_names_in_"] = np.array(list(note["feature_names"]), dtype=object)
            parameters = dict(note["parameters"])
            fits = net.input_shape == layout.net_shape and net.num_classes == len(fitted["classes_"])
            if not fits or not mean.shape == scale.shape == layout.net_shape[:1]:
                raise ValueError("its labels or its scaling do not fit its net")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"{path} holds no CNNClassifier: {error}; expected a file written by CNNClassifier.save, load others with "
                "CNN.load."
            ) from error
    return parameters, fitted


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(each, int) for each in value)
    return value is None or isinstance(value, bool | int | float | str)
