"""Trainings with state in every part, interrupted at a given batch."""

import numpy as np
import pytest

from jitcnn import (
    CNN,
    Adam,
    Augmentation,
    BatchNorm2D,
    Checkpoints,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    ReLU,
    WeightAverage,
    fit,
)
from jitcnn.schedules import cosine

EPOCHS, BATCHES = 3, 5


def net(seed=0, channels=2, dtype=np.float32):
    """A net with state: running statistics, and dropout layers with two generators."""
    rng = np.random.default_rng(seed)
    return CNN(
        [
            Conv2D(1, channels, 3, rng=rng, dtype=dtype), BatchNorm2D(channels, dtype=dtype), ReLU(), Flatten(),
            Dropout(0.2, np.random.Generator(np.random.MT19937(seed))), Dense(25 * channels, 8, rng=rng, dtype=dtype),
            ReLU(), Dropout(0.1, rng), Dense(8, 10, rng=rng, dtype=dtype),
        ],
        input_shape=(1, 7, 7), name="small",
    )  # fmt: skip


def train(model, data, **settings):
    """Train with every setting that has state."""
    by_default = {
        "epochs": EPOCHS, "batch_size": 8, "seed": 3, "schedule": cosine(0.01), "average": WeightAverage(0.8),
        "optimizer": Adam(0.01), "augmentation": Augmentation(shift=1), "label_smoothing": 0.1,
    }  # fmt: skip
    return fit(model, data, **{**by_default, **settings})


def bits(model):
    return {name: array.tobytes() for name, array in model.named_arrays().items()}


def figures(history):
    """Losses and accuracies, without times."""
    return [(e.epoch, e.train_loss, e.train_accuracy, e.test_loss, e.test_accuracy) for e in history.epochs]


class CutError(Exception):
    """Interrupts a training; the library does not catch it."""


def cut_after(count):
    """Callback that raises ``CutError`` after ``count`` batches."""
    left = iter(range(count - 1))

    def on_batch(*_):
        if next(left, None) is None:
            raise CutError

    return on_batch


def interrupted(few, path, count, every, **settings):
    with pytest.raises(CutError):
        train(net(), few, checkpoint=Checkpoints(path, every), on_batch=cut_after(count), **settings)
