"""Predictions for the images of a data file, such as Kaggle's test.csv, and the submission that Kaggle expects."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import click
from rich.progress import TextColumn

from jitcnn.data.formats import open_images
from jitcnn.data.trained import seen_in_training
from jitcnn.errors import ShapeError
from jitcnn.net.model import CNN
from jitcnn.net.summary import times
from jitcnn.support.arrays import Array
from jitcnn.support.files import atomic_write
from jitcnn_cli.console import Bar

CHUNK = 500  # images in memory at a time


class PredictedRows:
    """The predictions of a model for the images of a data file, in its order.

    ``names`` are those of the classes, ``count`` is the number of images or None if only reading tells, ``done`` how many
    have been predicted, and ``trained_on`` how many of these the model was trained on. ShapeError if the images do not fit.
    """

    def __init__(self, net: CNN, path: Path) -> None:
        self._net, self._rows = net, open_images(path, net.value_ranges)
        self.count, self.done, self.trained_on = self._rows.count, 0, 0
        self.names = tuple(net.class_names or ())
        shape, expected = self._rows.shape, net.input_shape
        if expected is not None and tuple(expected) != shape:
            raise ShapeError(
                f"{net.name} expects images of shape {times(expected)}, got {times(shape)} from {path}; choose a matching "
                "model or file."
            )
        labels = f"; it has labels ({self._rows.labels}), which are not used" if self._rows.labels else ""
        self.note = f"{path}: images of shape {times(shape)}, {self._rows.values}{labels}"

    def probabilities(self) -> Iterator[Array]:
        """Class probabilities (classes,) of each image."""
        shown = "{task.completed:.0f} images" if self.count is None else "{task.completed:.0f} of {task.total:.0f}"
        with Bar("predicting", self.count, TextColumn(shown)) as bar:
            for images in self._rows.chunks(CHUNK):
                answers = self._net.predict_proba(images)
                self.trained_on += int(seen_in_training(images, self._net).sum())
                if not self.names:
                    self.names = tuple(map(str, range(answers.shape[1])))
                yield from answers
                self.done += len(images)
                bar.show(self.done)

    def write_submission(self, file: str) -> int:
        """Write a CSV with the columns ImageId, from 1, and Label, the class; "-" is standard output. The number of rows."""
        if file == "-":
            for line in self._lines():
                click.echo(line, nl=False)
        else:
            with atomic_write(file) as out:
                for line in self._lines():
                    out.write(line.encode())
        return self.done

    def _lines(self) -> Iterator[str]:
        yield "ImageId,Label\n"
        for k, probabilities in enumerate(self.probabilities(), 1):
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerow([k, self.names[int(probabilities.argmax())]])
            yield text.getvalue()
