"""Run ``jitcnn predict`` and print its output."""

import csv
import io
import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.bar import Bar as DrawnBar
from rich.progress import TextColumn

from jitcnn.data.images import read_digits_for, read_for
from jitcnn.data.reading import read_all
from jitcnn.data.trained import seen_in_training
from jitcnn.errors import ConfigError, DataError
from jitcnn.net.model import CNN
from jitcnn.support.arrays import Array
from jitcnn.support.files import atomic_write
from jitcnn.support.text import printable
from jitcnn_cli.console import Bar, cell, stdout, table, working
from jitcnn_cli.image_inputs import ImageInput, find_inputs, labels_in, pixel_file, pixel_file_in
from jitcnn_cli.predicted_rows import PredictedRows

CHUNK = 64  # images read, then predicted, at a time: results appear early, and memory stays small


@dataclass(frozen=True)
class Prediction:
    """The answer for one image: class probabilities, or why it cannot be read; and whether the model was trained on it."""

    name: str
    probabilities: Array | None = None
    error: str = ""
    is_trained_on: bool = False


def run(
    net: CNN, arguments: Sequence[str], *, skip_broken: bool, csv_file: str | None, as_json: bool, digits: bool = False
) -> None:
    """Predict all images, or all digits of each; DataError if there are none, or some cannot be read and ``skip_broken`` is not set."""
    if csv_file is not None:
        _check_csv(csv_file, as_json)
    if (path := pixel_file(arguments)) is not None:
        if digits:
            raise ConfigError(
                f"--digits reads image files, got {path}, whose images are taken as they are: leave it out."
            )
        _predict_rows(net, path, csv_file, as_json)
        return
    inputs, files = find_inputs(arguments)
    for sentence in labels_in(arguments):
        click.echo(printable(sentence), err=True)
    if files.ignored:
        click.echo(f"{files.taken:,} of {files.total:,} files taken; ignored: {files.describe_ignored()}", err=True)
    if not inputs:
        ignored = files.describe_ignored() if files.ignored else "no files"
        named = pixel_file_in(arguments)
        advice = "" if named is None else f"; give the file of pixels itself, such as {printable(str(named))}"
        raise DataError(f"{printable(', '.join(arguments))}: expected images, got {ignored}{advice}.")
    names = net.class_names or None
    predictions: list[Prediction] = []
    for start in range(0, len(inputs), CHUNK):
        chunk = _predict(net, inputs[start : start + CHUNK], start, len(inputs), digits)
        for each in chunk:
            if names is None and each.probabilities is not None:
                names = tuple(map(str, range(len(each.probabilities))))
            if as_json:
                click.echo(_json_line(each, names or ()))
            elif csv_file is None and each.probabilities is not None:
                _show(each, names or (), len(inputs) == 1 and not digits)
        predictions += chunk
    if csv_file is not None:
        _write_csv(csv_file, predictions, names or ())
    _warn_of_trained_on(net, predictions)
    _report_broken(predictions, len(inputs), skip_broken)


def _predict(net: CNN, inputs: Sequence[ImageInput], done: int, total: int, digits: bool) -> list[Prediction]:
    """Read images on several threads, then predict them together."""
    count = TextColumn("{task.completed:.0f} of {task.total:.0f}")
    reader = read_digits_for if digits else read_for
    with Bar("reading images", total, count) as bar, warnings.catch_warnings(record=True, action="always") as notes:
        read = read_all(lambda image: reader(net, image.source), inputs, lambda more: bar.show(done + more))
    for note in notes:
        click.echo(f"Warning: {printable(str(note.message))}", err=True)
    images = [each for each in read if not isinstance(each, DataError)]
    answers: Iterator[tuple[Array, bool]] = iter(())
    if images:
        pixels = np.concatenate(images)
        with working("predicting"):
            probabilities = net.predict_proba(pixels)
        answers = zip(probabilities, seen_in_training(pixels, net).tolist(), strict=True)
    predictions: list[Prediction] = []
    for each, answer in zip(inputs, read, strict=True):
        if isinstance(answer, DataError):
            predictions.append(Prediction(each.name, error=str(answer)))
            continue
        for k in range(1, len(answer) + 1):
            name = f"{each.name}, digit {k} of {len(answer)}" if digits else each.name
            probability, is_trained_on = next(answers)
            predictions.append(Prediction(name, probability, is_trained_on=is_trained_on))
    return predictions


def _predict_rows(net: CNN, path: Path, csv_file: str | None, as_json: bool) -> None:
    """Predict the images of a data file, a chunk at a time, so that memory stays small."""
    rows = PredictedRows(net, path)
    click.echo(printable(rows.note), err=True)
    if csv_file is not None:
        count = rows.write_submission(csv_file)
        if csv_file != "-":
            click.echo(f"{count:,} predictions written to {printable(csv_file)}", err=True)
    else:
        for k, probabilities in enumerate(rows.probabilities(), 1):
            each = Prediction(f"{path}, image {k}", probabilities)
            if as_json:
                click.echo(_json_line(each, rows.names))
            else:
                _show(each, rows.names, rows.count == 1)
    if rows.trained_on:
        click.echo(
            f"Warning: {net.name} was trained on {rows.trained_on:,} of these {rows.done:,} images: such a prediction says "
            "little about new images.",
            err=True,
        )


def _show(prediction: Prediction, names: Sequence[str], is_only: bool) -> None:
    """Print one line, or a table of all classes if it is the only image."""
    assert prediction.probabilities is not None
    best = int(prediction.probabilities.argmax())
    confidence = f"{prediction.probabilities[best]:.1%} confidence"
    line = f"{printable(prediction.name)}: {cell(names[best])} ({confidence})"
    if not is_only:
        click.echo(line)
        return
    shown = table(line, "class", "probability", "")
    for name, probability in zip(names, prediction.probabilities, strict=True):
        shown.add_row(cell(name), f"{probability:.2%}", DrawnBar(1, 0, float(probability), width=30))
    stdout().print(shown)


def _json_line(prediction: Prediction, names: Sequence[str]) -> str:
    if prediction.probabilities is None:
        return json.dumps({"image": prediction.name, "error": prediction.error})
    best = int(prediction.probabilities.argmax())
    answer = {"image": prediction.name, "prediction": best, "class": names[best]}
    return json.dumps({**answer, "probabilities": [float(p) for p in prediction.probabilities]})


def _check_csv(csv_file: str, as_json: bool) -> None:
    """Before anything is predicted: ConfigError if the file cannot be written."""
    if csv_file == "-":
        if as_json:
            raise click.UsageError("Expected --csv - or --json, got both: only one can be written to standard output.")
    elif not Path(csv_file).absolute().parent.is_dir():
        raise ConfigError(
            f"--csv {csv_file} cannot be written: the folder does not exist; create it or choose another."
        )


def _write_csv(csv_file: str, predictions: Sequence[Prediction], names: Sequence[str]) -> None:
    """One row per image: name, class, probabilities, or the error; in UTF-8."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["image", "prediction", "class", "confidence", *(f"probability {name}" for name in names), "error"])
    for each in predictions:
        if each.probabilities is None:
            rows.writerow([each.name, "", "", "", *("" for _ in names), each.error])
        else:
            best = int(each.probabilities.argmax())
            values = [float(value) for value in each.probabilities]
            rows.writerow([each.name, best, names[best], values[best], *values, ""])
    if csv_file == "-":
        click.echo(text.getvalue(), nl=False)
        return
    with atomic_write(csv_file) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))  # undecodable names keep their bytes
    click.echo(f"{len(predictions):,} predictions written to {printable(csv_file)}", err=True)


def _warn_of_trained_on(net: CNN, predictions: Sequence[Prediction]) -> None:
    """Name images with exactly the pixels of one that the model was trained on, after the same decoding and resizing."""
    seen = [printable(each.name) for each in predictions if each.is_trained_on]
    if not seen:
        return
    which = f"{len(seen):,} of these {len(predictions):,} images, the first is {seen[0]}" if len(seen) > 1 else seen[0]
    click.echo(f"Warning: {net.name} was trained on {which}: such a prediction says little about new images.", err=True)


def _report_broken(predictions: Sequence[Prediction], total: int, skip_broken: bool) -> None:
    """Name the images that cannot be read; DataError unless they are to be skipped, and others were predicted."""
    broken = [each for each in predictions if each.error]
    if not broken:
        return
    count = len(broken)
    if total == 1:
        raise DataError(broken[0].error)
    for each in broken:
        click.echo(f"not predicted: {printable(each.error)}", err=True)
    images = f"{count:,} of {total:,} images"
    if count == total:
        raise DataError(f"None of {total:,} images can be read: expected at least one; repair them or choose others.")
    if not skip_broken:
        raise DataError(f"{images} could not be read, the others are predicted: repair them, or add --skip-broken.")
    click.echo(f"{count:,} broken image{'s' if count > 1 else ''} skipped", err=True)
