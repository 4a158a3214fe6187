"""Time and memory of a training, estimated from a few of its steps."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, is_dataclass
from math import prod
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import Dataset
from ..errors import ConfigError
from ..graph import input_shapes, layer_shapes
from ..kernels.memory import MOST_IDLE
from ..layers import Flatten
from ..metrics import evaluate
from ..net.fusion import layers_of
from ..net.model import CNN
from ..support.arrays import Array, IntArray
from ..support.text import count_of, facts_html
from .callbacks import HEALTH_IMAGES, Callback
from .settings import TrainingSettings
from .trainer import Trainer

AnyArray = NDArray[Any]
STEPS, MOST_SECONDS = 10, 20.0  # steps to time, and seconds after which no further one begins


@dataclass(frozen=True)
class Memory:
    """Memory of a training, in bytes; without Python, the libraries and the compiled kernels.

    ``activations`` are the arrays that a forward pass keeps for the backward pass, with the batch. ``passing`` are the largest
    two gradients of activations that exist at a time. ``optimizer`` includes averaged and best weights. ``images`` are those of
    the data set, and ``mapped`` those of them that stay in a memory-mapped file, which are not in ``images`` or the peak.
    ``reserve`` is unused memory that is kept for the arrays of the next step, at most 128 MiB.

    Examples
    --------
    >>> from jitcnn.training import Memory
    >>> Memory(weights=40, gradients=40, optimizer=40, activations=200, passing=80, images=500, reserve=280).peak
    1180
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    passing: int
    images: int
    reserve: int
    mapped: int = 0

    @property
    def peak(self) -> int:
        """The sum without ``mapped``: the most that is in use at a time."""
        parts: dict[str, int] = asdict(self)
        return sum(parts.values()) - self.mapped


@dataclass(frozen=True)
class Estimate:
    """Time and memory of a training; times in seconds.

    ``step_seconds`` is the median of ``steps`` training steps, ``evaluation_seconds`` the evaluation after each epoch.

    Examples
    --------
    >>> from jitcnn.training import Estimate, Memory
    >>> memory = Memory(weights=40, gradients=40, optimizer=40, activations=200, passing=80, images=500, reserve=280)
    >>> found = Estimate(memory, steps=10, step_seconds=0.01, steps_per_epoch=100, evaluation_seconds=0.5, epochs=4)
    >>> found.epoch_seconds, found.seconds
    (1.5, 6.0)
    """

    memory: Memory
    steps: int
    step_seconds: float
    steps_per_epoch: int
    evaluation_seconds: float
    epochs: int

    @property
    def training_seconds(self) -> float:
        """The steps of an epoch, without the evaluation."""
        return self.steps_per_epoch * self.step_seconds

    @property
    def epoch_seconds(self) -> float:
        """An epoch with its evaluation."""
        return self.training_seconds + self.evaluation_seconds

    @property
    def seconds(self) -> float:
        """All epochs."""
        return self.epochs * self.epoch_seconds

    def _repr_html_(self) -> str:
        """Memory and times as a table, which a notebook shows."""
        sizes = {name: f"{count / 1e6:,.1f} MB" for name, count in asdict(self.memory).items()}
        facts = {f"memory: {name}": size for name, size in sizes.items() if name != "mapped" or self.memory.mapped}
        facts |= {
            "memory: peak": f"{self.memory.peak / 1e6:,.1f} MB",
            "step": f"{self.step_seconds:.3g} s, median of {self.steps}",
            "steps of an epoch": f"{self.training_seconds:.3g} s, {self.steps_per_epoch:,} of them",
            "evaluation after it": f"{self.evaluation_seconds:.3g} s",
            count_of(self.epochs, "epoch"): f"{self.seconds:.3g} s",
        }
        return facts_html(facts, "Estimate")


def estimate_training(model: CNN, data: Dataset, settings: TrainingSettings, *, steps: int = STEPS) -> Estimate:
    """Estimate how long a training takes, and how much memory, by running a few of its steps on a copy of the model.

    The first step is not timed, as it may compile kernels; see ``prepare``. Early stopping is not foreseen.

    Parameters
    ----------
    model : CNN, unchanged
    data : Dataset
    settings : TrainingSettings, as for ``Trainer``; unchanged
    steps : int, at least 1; number of steps to time, fewer if an epoch is shorter or they take more than 20 seconds

    Raises
    ------
    ConfigError
        If ``steps`` is below 1.
    ShapeError, DataError
        If the images or the number of classes do not fit the model.

    Examples
    --------
    >>> from jitcnn import TrainingSettings, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> from jitcnn.training import estimate_training
    >>> found = estimate_training(mnist_dense(), load_digits(), TrainingSettings(epochs=5, batch_size=64), steps=3)
    >>> found.steps, found.steps_per_epoch, found.memory.weights
    (3, 23, 2143272)
    >>> found.seconds == 5 * found.epoch_seconds
    True
    """
    if steps < 1:
        raise ConfigError(f"steps must be at least 1, got {steps}.")
    copy = deepcopy(model)
    clock = _Clock(steps)
    trainer = Trainer(copy, data, deepcopy(settings), [clock])
    trainer.train()
    times = clock.step_seconds()
    images = trainer.data.x_train[: settings.batch_size]
    return Estimate(
        memory=_memory(copy, trainer, images),
        steps=len(times),
        step_seconds=median(times),
        steps_per_epoch=trainer.batches,
        evaluation_seconds=_evaluation_seconds(copy, trainer.data),
        epochs=settings.epochs,
    )


class _Clock(Callback):
    """Times the steps of a training, and stops it before the evaluation."""

    def __init__(self, steps: int) -> None:
        self._steps, self._seconds = steps, list[float]()

    def on_batch_end(self, trainer: Trainer) -> None:
        """Note the seconds of all steps so far."""
        self._seconds.append(trainer.progress.seconds)
        if trainer.batch in (self._steps + 1, trainer.batches) or self._seconds[-1] > MOST_SECONDS:
            trainer.stop()

    def step_seconds(self) -> list[float]:
        """The seconds of each step but the first; of the first if it was the only one."""
        each = np.diff(self._seconds, prepend=0.0)
        return [float(seconds) for seconds in (each[1:] if len(each) > 1 else each)]


def _evaluation_seconds(model: CNN, data: Dataset) -> float:
    """Seconds of the evaluation after an epoch, from a few hundred images; includes the check for dead filters."""
    count = min(len(data.x_test), 2 * model.images_at_once)
    x, y = data.x_test[:count], data.y_test[:count]
    evaluate(model, x, y)  # compiles, or loads kernels
    seconds = min(_timed(lambda: evaluate(model, x, y)) for _ in range(2))
    return seconds * (len(data.x_test) + min(HEALTH_IMAGES, len(data.x_train))) / count


def _timed(function: Callable[[], object]) -> float:
    start = perf_counter()
    function()
    return perf_counter() - start


def _memory(model: CNN, trainer: Trainer, images: IntArray) -> Memory:
    """The memory of a training whose optimizer has made a step."""
    settings, data = trainer.settings, trainer.data
    copies = (settings.average is not None) + (settings.keep == "best")
    weights = _bytes(model.arrays())
    x = model.as_input(images)
    kept: list[Any] = [x]
    steps = model.steps_to_logits()

    def visit(position: int, x: Any) -> Array:
        out, saved = steps.nodes[position].apply(x, True)
        kept.append(saved)
        return out

    steps.forward(x, visit)
    activations = _distinct_bytes(_arrays_in(kept), model.arrays()) + images.nbytes
    passing = _largest_gradients(model, x)
    return Memory(
        weights=weights,
        gradients=_bytes(model.gradients()),
        optimizer=_bytes(trainer.optimizer.state()[1].values()) + copies * weights,
        activations=activations,
        passing=passing,
        images=_bytes(x for x in (data.x_train, data.x_test) if not _is_mapped(x)),
        reserve=min(MOST_IDLE, activations + passing),
        mapped=_bytes(x for x in (data.x_train, data.x_test) if _is_mapped(x)),
    )


def _is_mapped(images: Any) -> bool:
    """Whether images, an array or ImageRows, stay in a memory-mapped file."""
    array = images
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def _largest_gradients(model: CNN, x: Array) -> int:
    """Bytes of the gradients of the input and the output of a step, for the step where they are largest."""
    shapes, position, largest = layer_shapes(model.graph, x.shape[1:]), 0, 0
    for step in model.steps_to_logits():
        end = position + len(layers_of(step))
        if not isinstance(step, Flatten):  # whose output is a view of its input
            inputs = input_shapes(shapes[position][0])
            largest = max(largest, sum(map(prod, inputs)) + prod(shapes[end - 1][1]))
        position = end
    return len(x) * x.itemsize * largest


def _bytes(arrays: Iterable[AnyArray]) -> int:
    return sum(array.nbytes for array in arrays)


def _arrays_in(values: Any) -> Iterator[AnyArray]:
    """All arrays in nested tuples, lists, dicts and dataclasses."""
    if isinstance(values, np.ndarray):
        yield values
    elif isinstance(values, Mapping):
        yield from _arrays_in([*values.values()])
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _arrays_in(value)
    elif is_dataclass(values):
        yield from _arrays_in([getattr(values, each.name) for each in fields(values)])


def _distinct_bytes(arrays: Iterable[AnyArray], others: Iterable[AnyArray]) -> int:
    """Bytes of the arrays, of several in the same memory once, without those that begin where one of ``others`` does."""
    known = {_span(array)[0] for array in others}
    count, end = 0, 0
    for first, last in sorted({_span(array) for array in arrays}):
        if first not in known:
            count += max(0, last - max(first, end))
            end = max(end, last)
    return count


def _span(array: AnyArray) -> tuple[int, int]:
    """Address of the first byte of the array, and of the first byte after it."""
    owner = array.base if isinstance(array.base, np.ndarray) else array
    first = owner.__array_interface__["data"][0]
    return first, first + owner.nbytes
