"""What the page asks of its nets: answers, feature maps, layers under the microscope, and the test images moved."""

import base64
from collections import OrderedDict
from copy import deepcopy
from threading import Lock
from typing import Any

import numpy as np

from ..arrays import IntArray
from ..data import Dataset
from ..errors import ConfigError, DataError, ShapeError
from ..inspection import Window, lenses, through, trace
from ..metrics import evaluate
from ..model import CNN
from ..shift import shift_images
from .drawing import as_drawn, can_be_centred, canvas_scale, centred
from .learner import Job
from .packing import pack, pack_specimen, unpack_canvas
from .watched import WatchedTraining

MOST_MAPS = 32  # of a layer that are shown
MOST_SESSIONS = 16  # pages that are remembered
MOST_TRAININGS = 2  # at the same time
LARGEST_NET = 15_000_000  # numbers, that are told once a second in a training
LARGEST_LENS = 3_000_000  # weights of a layer, that are sent whole for the microscope
MOVED_IMAGES = 400
LONGEST_SHIFT = 14  # pixels


class Session:
    """What one page has for itself: a net of its own once it has trained one, and the training."""

    def __init__(self, model: CNN) -> None:
        self.model = model
        self.training: WatchedTraining | None = None
        self.version = 0  # of the training's weights, that the net has
        self.moved: dict[tuple[int, int], float] = {}  # its accuracy on images moved by (right, down)


class Desk:
    """Nets, images and trainings behind the page; safe to be asked from several threads.

    Parameters
    ----------
    model : CNN for images (1 or 3, H, W)
    baseline : a net for the same images and classes, that is asked beside it; or None
    data : images that it can be evaluated on and learn from; or None

    Raises
    ------
    ShapeError
        If the model takes no images of 1 or 3 channels, or the baseline others than the model.
    """

    def __init__(self, model: CNN, baseline: CNN | None = None, data: Dataset | None = None) -> None:
        shape = model.input_shape
        if shape is None or len(shape) != 3 or shape[0] not in (1, 3):
            raise ShapeError(
                f"The page expects a net for images of 1 or 3 channels, (C, H, W), got {model.name} for {shape}."
            )
        if baseline is not None and (baseline.input_shape, baseline.num_classes) != (shape, model.num_classes):
            raise ShapeError(
                f"The baseline expects {baseline.input_shape} and tells {baseline.num_classes} classes apart, {model.name} "
                f"{shape} and {model.num_classes}: give one for the same images."
            )
        self.model, self.baseline, self.data = model, baseline, data
        self.baseline_name = (
            ""
            if baseline is None
            else baseline.name
            if baseline.name != model.name
            else f"{baseline.name}, the baseline"
        )
        self._shape: tuple[int, ...] = shape
        self.scale = canvas_scale(model)
        self._lock = Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._baseline_moved: dict[tuple[int, int], float] = {}

    def warm_up(self) -> None:
        """Ask everything once, so that every kernel is compiled or loaded before somebody waits."""
        C, H, W = self._shape
        black = base64.b64encode(bytes(C * H * W * self.scale**2)).decode()
        self.answers(black, "")
        self.maps(black, False, "")
        for lens in [*self._lenses()][:1]:
            self.magnify(black, False, lens, None, "")
        if self.data is not None:
            self.moved(0, 0, "")

    # --- what is where ------------------------------------------------------------------------------

    def about(self) -> dict[str, Any]:
        """Names, sizes and layers: what the page is built from."""
        C, H, W = self._shape
        shape = self._shape
        layers = []
        for layer in self.model.layers:
            shape = layer.output_shape(shape)
            layers.append({"label": layer.label, "shape": shape})
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
        """A test image, and what it shows."""
        data = self._data()
        index %= len(data.x_test)
        return {"index": index, "label": int(data.y_test[index]), "image": pack(data.x_test[index])}

    # --- one picture --------------------------------------------------------------------------------

    def answers(self, canvas: object, session: str) -> dict[str, Any]:
        """Probabilities of the drawing, as it was drawn and centred, by the page's net and the baseline."""
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
        """What every layer makes of the drawing: its first planes, or its numbers."""
        picture = self._picture(self._drawn(canvas), is_centred)
        mine = self._session(session)
        with self._lock:
            stages = trace(mine.model, picture)
            return {"layers": [_shown(stage.out[0]) for stage in stages]}

    def magnify(self, canvas: object, is_centred: bool, lens: str, label: int | None, session: str) -> dict[str, Any]:
        """The layer at a place that ``lenses`` names, under the microscope: what it did with the drawing, and the gradients for the target class ``label``.

        Without a label, the class that the net believes in is taken.
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
            return {"label": label, "loss": loss, **pack_specimen(through(lens, stages))}

    def moved(self, right: int, down: int, session: str) -> dict[str, Any]:
        """How many of the test images both nets read when all are moved by so many pixels."""
        data = self._data()
        if max(abs(right), abs(down)) > LONGEST_SHIFT:
            raise ConfigError(f"Test images are moved by at most {LONGEST_SHIFT} pixels, got {right} and {down}.")
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

    # --- a training that is watched -----------------------------------------------------------------

    def start(self, session: str, learning_rate: float, batch_size: int, anew: bool, seed: int = 0) -> dict[str, Any]:
        """Train the page's net, from fresh weights or from those it has."""
        if (why := self._why_no_training()) is not None:
            raise ConfigError(why)
        mine = self._session(session)
        if mine.training is not None and mine.training.is_running:
            raise ConfigError("A training is running: stop it first.")
        running = [each for each in self._sessions.values() if each.training is not None and each.training.is_running]
        if len(running) >= MOST_TRAININGS:
            raise ConfigError(f"{MOST_TRAININGS} trainings are running, in other pages: stop one first.")
        with self._lock:
            if mine.model is self.model:
                mine.model = deepcopy(self.model)
            arrays = {} if anew else {name: array.copy() for name, array in mine.model.named_arrays().items()}
            job = Job(
                self.model.to_toml(),
                arrays,
                self._data(),
                learning_rate,
                batch_size,
                self.model.mean,
                self.model.std,
                seed=seed,
            )
            mine.training, mine.version = WatchedTraining(job), 0
        return self.training_state(session)

    def order(self, session: str, order: str, value: float | None = None) -> dict[str, Any]:
        """Pause, resume, stop, or change the learning rate of the page's training."""
        training = self._session(session).training
        if training is None:
            raise ConfigError("No training is running: start one first.")
        training.order(order, value)
        return training.state()

    def training_state(self, session: str) -> dict[str, Any]:
        """How the page's training stands, with the filters of every convolution and their gradients."""
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
        """End every training."""
        for session in self._sessions.values():
            if session.training is not None:
                session.training.end()

    def _lenses(self) -> dict[str, Window]:
        """The layers that the page looks into."""
        every = lenses(self.model)
        sizes = {place: sum(each.size for each in layer.parameters().values()) for place, layer in every.items()}
        return {place: every[place] for place, size in sizes.items() if size <= LARGEST_LENS}

    def _session(self, name: str) -> Session:
        """A page's session, with the weights that its training told last; the one longest unheard of is forgotten."""
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
            return f"No images that {self.model.name} could learn from were found on this machine: give --dataset."
        if self.model.parameter_count > LARGEST_NET:
            return f"{self.model.name} has {self.model.parameter_count:,} parameters: too many to be watched; use `jitcnn train`."
        return None

    def _data(self) -> Dataset:
        if self.data is None:
            raise ConfigError("There are no test images: start the page with --dataset.")
        return self.data

    def _class_names(self) -> list[str]:
        classes = self.model.num_classes
        return list(self.model.class_names) or list(map(str, range(classes or 0)))

    def _drawn(self, canvas: object) -> IntArray:
        C, H, W = self._shape
        return unpack_canvas(canvas, C, H * self.scale, W * self.scale)

    def _picture(self, drawn: IntArray, is_centred: bool) -> IntArray:
        if not is_centred:
            return as_drawn(drawn, self.scale)
        if not can_be_centred(self.model):
            raise DataError(f"Pictures for {self.model.name} are not centred: ask with centred false.")
        return centred(drawn, self.model)


def _shown(out: np.ndarray[Any, Any]) -> dict[str, Any]:
    """The first planes of a layer's output in 256 steps from their least to their largest number; of a row, all numbers."""
    if out.ndim != 3:
        return {"shape": list(out.shape), "numbers": pack(out.ravel())}
    return {"shape": list(out.shape), **_in_steps(out[:MOST_MAPS])}


def _shown_filters(weights: np.ndarray[Any, Any]) -> dict[str, Any]:
    """The first filters, each by its first channel."""
    return {"shape": list(weights.shape), "planes": pack(weights[:MOST_MAPS, 0])}


def _in_steps(planes: np.ndarray[Any, Any]) -> dict[str, Any]:
    low, high = float(planes.min()), float(planes.max())
    steps = (planes - low) * (255 / (high - low)) if high > low else np.zeros_like(planes)
    return {"low": low, "high": high, "planes": pack(steps.round().astype(np.uint8))}
