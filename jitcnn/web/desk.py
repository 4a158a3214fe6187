"""Answers to the page's requests: predictions, feature maps, the microscope, shifted test images and training."""

import base64
from collections import OrderedDict
from copy import deepcopy
from threading import Lock
from typing import Any

import numpy as np

from ..data import Dataset, match_classes, order_classes
from ..errors import ConfigError, DataError, ShapeError
from ..graph import layer_shapes
from ..inspection import inspectable_layers, specimen_at, trace
from ..layers import Layer
from ..metrics import evaluate
from ..net.model import CNN
from ..shift import shift_images
from ..support.arrays import IntArray
from ..support.text import printable
from .drawing import as_drawn, can_be_centred, canvas_scale, centred
from .learner import Job
from .packing import pack, pack_specimen, unpack_canvas
from .watched import WatchedTraining

MOST_MAPS = 32  # feature maps shown per layer
MOST_SESSIONS = 16  # pages kept in memory
MOST_TRAININGS = 2  # running at once
LARGEST_NET = 15_000_000  # parameters; a training process sends them once a second
LARGEST_LENS = 3_000_000  # weights of one layer; the microscope receives all of them
MOVED_IMAGES = 400
LONGEST_SHIFT = 14  # pixels


class Session:
    """State of one page: its training, and its own copy of the model once it has trained."""

    def __init__(self, model: CNN) -> None:
        self.model = model
        self.training: WatchedTraining | None = None
        self.version = 0  # of the trained weights loaded into the model
        self.moved: dict[tuple[int, int], float] = {}  # accuracy on images shifted by (right, down) pixels


class Desk:
    """Models, data and training runs behind the page; thread-safe.

    Parameters
    ----------
    model : CNN for images of shape (1 or 3, H, W)
    baseline : CNN or None; a model for the same images and classes to compare with
    data : Dataset or None; images for evaluation and training

    Raises
    ------
    ShapeError, DataError
        If the model does not take images of 1 or 3 channels; if the baseline or the data have other inputs or classes.
    """

    def __init__(self, model: CNN, baseline: CNN | None = None, data: Dataset | None = None) -> None:
        shape = model.input_shape
        if shape is None or len(shape) != 3 or shape[0] not in (1, 3):
            raise ShapeError(
                f"The page expects a model for images of shape (1 or 3, H, W), got {model.name} for {shape}."
            )
        if baseline is not None and (baseline.input_shape, baseline.num_classes) != (shape, model.num_classes):
            raise ShapeError(
                f"The baseline takes {baseline.input_shape} and has {baseline.num_classes} classes, {model.name} takes "
                f"{shape} and has {model.num_classes}: choose a baseline for the same images and classes."
            )
        self.model, self.data = model, None if data is None else match_classes(data, model)[0]
        self.baseline = None if baseline is None else order_classes(baseline, model.class_names)
        self.baseline_name = (
            "" if baseline is None else baseline.name if baseline.name != model.name else f"{baseline.name} (baseline)"
        )
        self._shape: tuple[int, ...] = shape
        self.scale = canvas_scale(model)
        self._lock = Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._baseline_moved: dict[tuple[int, int], float] = {}

    def warm_up(self) -> None:
        """Make every request once, to compile or load all kernels before the page opens."""
        C, H, W = self._shape
        black = base64.b64encode(bytes(C * H * W * self.scale**2)).decode()
        self.answers(black, "")
        self.maps(black, False, "")
        for lens in [*self._lenses()][:1]:
            self.magnify(black, False, lens, None, "")
        if self.data is not None:
            self.moved(0, 0, "")

    # --- model and data -----------------------------------------------------------------------------

    def about(self) -> dict[str, Any]:
        """Names, sizes and layers that the page displays."""
        C, H, W = self._shape
        shapes = layer_shapes(self.model.graph, self._shape)
        layers = [
            {"label": layer.label, "shape": shape} for layer, (_, shape) in zip(self.model.layers, shapes, strict=True)
        ]
        return {
            "model": self.model.name, "parameters": self.model.parameter_count, "layers": layers,
            "baseline": None if self.baseline is None else {"name": self.baseline_name, "parameters": self.baseline.parameter_count},
            "lenses": [{"place": place, "label": layer.label} for place, layer in self._lenses().items()],
            "classes": self._class_names(), "input_shape": [C, H, W], "scale": self.scale,
            "can_be_centred": can_be_centred(self.model), "most_maps": MOST_MAPS, "longest_shift": LONGEST_SHIFT,
            "data": None if self.data is None else {"name": self.data.name, "images": len(self.data.x_test)},
            "training": self._why_no_training(),
        }  # fmt: skip

    def sample(self, index: int) -> dict[str, Any]:
        """A test image and its label."""
        data = self._data()
        index %= len(data.x_test)
        return {"index": index, "label": int(data.y_test[index]), "image": pack(data.x_test[index])}

    # --- one image ----------------------------------------------------------------------------------

    def answers(self, canvas: object, session: str) -> dict[str, Any]:
        """Class probabilities of the drawing, as drawn and centred, from the page's model and the baseline."""
        drawn = self._drawn(canvas)
        pictures = {"drawn": self._picture(drawn, False)}
        if can_be_centred(self.model):
            pictures["centred"] = self._picture(drawn, True)
        mine = self._session(session)
        with self._lock:
            nets = {self.model.name: mine.model} | (
                {} if self.baseline is None else {self.baseline_name: self.baseline}
            )
            return {
                name: {
                    "image": pack(picture[0]),
                    "answers": [
                        {"net": one, "probabilities": [float(p) for p in net.predict_proba(picture)[0]]}
                        for one, net in nets.items()
                    ],
                }
                for name, picture in pictures.items()
            }  # fmt: skip

    def maps(self, canvas: object, is_centred: bool, session: str) -> dict[str, Any]:
        """Output of every layer for the drawing: the first feature maps, or all values of a 1-D output."""
        picture = self._picture(self._drawn(canvas), is_centred)
        mine = self._session(session)
        with self._lock:
            stages = trace(mine.model, picture)
            return {"layers": [_shown(stage.out[0]) for stage in stages]}

    def magnify(self, canvas: object, is_centred: bool, lens: str, label: int | None, session: str) -> dict[str, Any]:
        """Arrays of one layer for the drawing, with gradients of the cross-entropy loss for the target class ``label``.

        ``lens`` is the place of the layer, a key of ``inspectable_layers``. Without a label, the target is the predicted class.
        """
        picture = self._picture(self._drawn(canvas), is_centred)
        mine = self._session(session)
        with self._lock:
            net = mine.model
            probabilities = net.predict_proba(picture)[0]
            if label is None:
                label = int(probabilities.argmax())
            if not 0 <= label < len(self._class_names()):
                raise ConfigError(f"label must be from 0 to {len(self._class_names()) - 1}, got {label}.")
            stages = trace(net, picture, labels=np.array([label]))
            loss = -float(np.log(max(1e-30, float(probabilities[label]))))
            return {"label": label, "loss": loss, **pack_specimen(specimen_at(lens, stages))}

    def moved(self, right: int, down: int, session: str) -> dict[str, Any]:
        """Accuracy of both models on test images shifted by (right, down) pixels."""
        data = self._data()
        if max(abs(right), abs(down)) > LONGEST_SHIFT:
            raise ConfigError(f"Test images can be shifted by at most {LONGEST_SHIFT} pixels, got {right} and {down}.")
        images = shift_images(data.x_test[:MOVED_IMAGES], right, down)
        labels = data.y_test[:MOVED_IMAGES]
        mine = self._session(session)
        known = {self.model.name: (mine.model, mine.moved)}
        if self.baseline is not None:
            known[self.baseline_name] = self.baseline, self._baseline_moved
        with self._lock:
            for net, accuracies in known.values():
                if (right, down) not in accuracies:
                    accuracies[right, down] = evaluate(net, images, labels).accuracy
        found = {name: accuracies[right, down] for name, (_, accuracies) in known.items()}
        return {"right": right, "down": down, "images": len(labels), "accuracies": found}

    # --- training -----------------------------------------------------------------------------------

    def start(self, session: str, learning_rate: float, batch_size: int, anew: bool, seed: int = 0) -> dict[str, Any]:
        """Train the page's own copy of the model, from scratch if ``anew``, otherwise from its current weights."""
        if (why := self._why_no_training()) is not None:
            raise ConfigError(why)
        mine = self._session(session)
        if mine.training is not None and mine.training.is_running:
            raise ConfigError("Training is already running: stop it first.")
        running = [each for each in self._sessions.values() if each.training is not None and each.training.is_running]
        if len(running) >= MOST_TRAININGS:
            raise ConfigError(f"{MOST_TRAININGS} other pages are training: stop one of them first.")
        with self._lock:
            if mine.model is self.model:
                mine.model = deepcopy(self.model)
            arrays = {} if anew else {name: array.copy() for name, array in mine.model.named_arrays().items()}
            job = Job(
                self.model.to_toml(), arrays, self._data(), learning_rate, batch_size, self.model.mean, self.model.std,
                seed=seed,
            )  # fmt: skip
            mine.training, mine.version = WatchedTraining(job), 0
        return self.training_state(session)

    def order(self, session: str, order: str, value: float | None = None) -> dict[str, Any]:
        """Pause, resume or stop the page's training, or change its learning rate."""
        training = self._session(session).training
        if training is None:
            raise ConfigError("No training is running: start one first.")
        training.order(order, value)
        return training.state()

    def training_state(self, session: str) -> dict[str, Any]:
        """Progress of the page's training, with the filters of every convolution and their gradients."""
        mine = self._session(session)
        if mine.training is None:
            return {"status": "none"}
        _, gradients = mine.training.weights()
        arrays = mine.model.named_arrays()
        filters = [
            {"name": name, "weights": _shown_filters(arrays[name]), "gradient": _shown_filters(gradient)}
            for name, gradient in gradients.items()
        ]
        return {**mine.training.state(), "filters": filters}

    def close(self) -> None:
        """Terminate all training runs."""
        for session in self._sessions.values():
            if session.training is not None:
                session.training.end()

    def _lenses(self) -> dict[str, Layer]:
        """Layers small enough for the microscope, by place."""
        every = inspectable_layers(self.model)
        sizes = {place: sum(each.size for each in layer.parameters().values()) for place, layer in every.items()}
        return {place: every[place] for place, size in sizes.items() if size <= LARGEST_LENS}

    def _session(self, name: str) -> Session:
        """Session of a page, with its latest trained weights; beyond the limit, the least recently used one is dropped."""
        with self._lock:
            session = self._sessions.pop(name, None) or Session(self.model)
            self._sessions[name] = session
            while len(self._sessions) > MOST_SESSIONS:
                _, oldest = self._sessions.popitem(last=False)
                if oldest.training is not None:
                    oldest.training.end()
            if session.training is not None and session.training.version != session.version:
                session.version, session.moved = session.training.version, {}
                session.model.load_arrays(session.training.weights()[0])
            return session

    def _why_no_training(self) -> str | None:
        if self.data is None:
            return f"No data set that fits {self.model.name} was found on this machine: choose one with --dataset."
        if self.model.parameter_count > LARGEST_NET:
            count = self.model.parameter_count
            return f"{self.model.name} has {count:,} parameters, too many to train in the page: use `jitcnn train`."
        return None

    def _data(self) -> Dataset:
        if self.data is None:
            raise ConfigError("No test images are loaded: start the page with --dataset.")
        return self.data

    def _class_names(self) -> list[str]:
        classes = self.model.num_classes
        return [printable(name) for name in self.model.class_names] or list(map(str, range(classes or 0)))

    def _drawn(self, canvas: object) -> IntArray:
        C, H, W = self._shape
        return unpack_canvas(canvas, C, H * self.scale, W * self.scale)

    def _picture(self, drawn: IntArray, is_centred: bool) -> IntArray:
        if not is_centred:
            return as_drawn(drawn, self.scale)
        if not can_be_centred(self.model):
            raise DataError(f"Images for {self.model.name} cannot be centred: send centred=false.")
        return centred(drawn, self.model)


def _shown(out: np.ndarray[Any, Any]) -> dict[str, Any]:
    """First feature maps of a layer, scaled from their minimum and maximum to uint8; all values of a 1-D output."""
    if out.ndim != 3:
        return {"shape": list(out.shape), "numbers": pack(out.ravel())}
    return {"shape": list(out.shape), **_in_steps(out[:MOST_MAPS])}


def _shown_filters(weights: np.ndarray[Any, Any]) -> dict[str, Any]:
    """First input channel of the first filters."""
    return {"shape": list(weights.shape), "planes": pack(weights[:MOST_MAPS, 0])}


def _in_steps(planes: np.ndarray[Any, Any]) -> dict[str, Any]:
    low, high = float(planes.min()), float(planes.max())
    steps = (planes - low) * (255 / (high - low)) if high > low else np.zeros_like(planes)
    return {"low": low, "high": high, "planes": pack(steps.round().astype(np.uint8))}
