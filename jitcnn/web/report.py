"""Self-contained HTML report of a model: architecture, training curves, evaluation and microscope."""

import base64
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup

from ..benchmark.machine import environment
from ..data import Dataset, match_classes, order_classes, trained_on_warning
from ..errors import ConfigError
from ..history import Epoch
from ..inspection import Specimen, convolutions, inspectable_layers, specimen_at, trace
from ..metrics import confusion_matrix, mistakes
from ..net.model import CNN
from ..net.summary import HEAD, LEGEND, cells, total_cells
from ..plots import (
    confidence_text,
    confusion_figure,
    curves_figure,
    figure_png,
    filters_figure,
    mistakes_figure,
    shift_maps_figure,
)
from ..recipes import Recipe
from ..shift import shift_map
from ..support.arrays import Array
from ..support.files import atomic_write
from ..support.text import printable
from . import STATIC
from .packing import pack_specimen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODULES = ("arrays.js", "elements.js", "planes.js", "microscope.js", "scope.js", "report.js")
MOST_SPECIMEN_NUMBERS = 300_000  # array elements per layer and image; limits the file size
MOVED_IMAGES = 500
LONGEST_NAME = 60  # characters of a class name


@dataclass(frozen=True)
class Picture:
    """A figure with title and caption; ``png`` is base64, empty if it could not be drawn."""

    title: str
    text: str
    png: str


def write_report(
    path: str | os.PathLike[str],
    model: CNN,
    data: Dataset,
    *,
    baseline: CNN | None = None,
    histories: Mapping[str, list[Epoch]] | None = None,
    reach: int = 8,
    notes: Sequence[str] = (),
    on_part: Callable[[str], object] = lambda _: None,
) -> None:
    """Evaluate a model and write one HTML file that works without a network connection.

    Parameters
    ----------
    path : str or path-like ending in .html or .htm; an existing file is replaced once the new one is complete
    model : CNN for images
    data : Dataset with test images
    baseline : CNN or None; compared with the model in the shift map
    histories : dict or None; model name -> epochs, for the training curves
    reach : int, largest shift of the test images in pixels
    notes : sequence of str, sentences on the data set to print on the page, before those of this function: classes that
        differ, which are matched by name, and test images that the model was trained on
    on_part : callable, receives the name of each step

    Raises
    ------
    ConfigError
        If ``path`` does not end in .html or .htm, or the file cannot be written.
    ShapeError, DataError
        If the data set or the baseline does not fit the model.
    """
    if not os.fspath(path).lower().endswith((".html", ".htm")):
        raise ConfigError(f"write_report expects a file name that ends in .html, got {os.fspath(path)!r}.")
    data, difference = match_classes(data, model)
    baseline = None if baseline is None else order_classes(baseline, data.class_names)
    on_part("evaluating on the test images")
    probabilities = model.predict_proba(data.x_test)
    pictures = _curves(histories or {})
    pictures += _filters(model)
    pictures += _answers(model, data, probabilities)
    on_part("evaluating on shifted test images")
    pictures += _shifts([model] if baseline is None else [model, baseline], data, reach)
    on_part("recording layer activations")
    notes = [*dict.fromkeys(filter(None, [*notes, difference, trained_on_warning(data.x_test, model)]))]
    page = _page(model, data, notes, pictures, _specimens(model, data, probabilities))
    try:
        with atomic_write(path) as file:
            file.write(page.encode())
    except OSError as error:
        raise ConfigError(
            f"{os.fspath(path)} cannot be written: {error.strerror or error}; choose another --output."
        ) from error


def _page(
    model: CNN, data: Dataset, notes: Sequence[str], pictures: Sequence[Picture], specimens: Sequence[Any]
) -> str:
    sources = {name: base64.b64encode((STATIC / name).read_bytes()).decode() for name in MODULES}
    modules = {f"jitcnn/{name}": f"data:text/javascript;base64,{source}" for name, source in sources.items()}
    rows = model.summary_rows()
    captions = environment()
    facts = {
        "data set": f"{data.name}, {len(data.x_train):,} training and {len(data.x_test):,} test images",
        **({"notes": " ".join(notes)} if notes else {}),
        **({} if model.trained_on is None else {"trained on": model.trained_on.describe()}),
        "weights": f"SHA-256 {model.fingerprint()}",
        "measured on": f"{captions['processor']}, {captions['cores']} cores",
        "versions": ", ".join(f"{name} {version}" for name, version in captions["versions"].items()),
    }
    template = Environment(autoescape=True, finalize=_literal).from_string(_static("report.html"))
    return template.render(
        title=f"{model.name} on {data.name}", version=captions["versions"]["jitcnn"], date=datetime.now(UTC).strftime("%Y-%m-%d"),
        facts=facts.items(), head=HEAD, rows=[*map(cells, rows), total_cells(rows)],
        legend=LEGEND.format(batch_size=64), recipe=_recipe(model), pictures=pictures, style=Markup(_static("style.css")),
        modules=Markup(json.dumps({"imports": modules})), specimens=Markup(json.dumps(specimens).replace("<", "\\u003c")) if specimens else "",
    )  # fmt: skip


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _literal(value: Any) -> Any:
    """A value of the template; texts, which may contain names of users, lose their control characters."""
    return printable(value, keep="\n") if isinstance(value, str) and not isinstance(value, Markup) else value


def _recipe(model: CNN) -> str:
    try:
        return "" if model.recipe is None else "\n".join(Recipe.from_dict(model.recipe).lines())
    except ConfigError:  # recipe of another version
        return json.dumps(model.recipe, indent=1)


def _picture(title: str, text: str, draw: "Callable[[], Figure]") -> Picture:
    """Draw a picture; if that fails, for whatever reason, the report says so instead."""
    try:
        return Picture(title, text, base64.b64encode(figure_png(draw(), dpi=110)).decode())
    except Exception as error:
        return Picture(title, f"{text} The picture could not be drawn ({' '.join(str(error).split())}).", "")


def _curves(histories: Mapping[str, list[Epoch]]) -> list[Picture]:
    if not histories:
        return []
    captions = [
        f"{name}: {len(epochs)} epoch{'s' * (len(epochs) > 1)}, final test accuracy {epochs[-1].test_accuracy:.2%}"
        for name, epochs in histories.items()
    ]
    return [_picture("Training curves", "; ".join(captions) + ".", lambda: curves_figure(histories))]


def _filters(model: CNN) -> list[Picture]:
    every = convolutions(model)
    if not every:
        return []
    name, conv = next(iter(every.items()))
    text = f"{conv.label}: weights of each filter; red is positive, blue negative."
    return [
        _picture("Filters of the first convolution", text, lambda: filters_figure(conv.weights, f"Filters of {name}"))
    ]


def _answers(model: CNN, data: Dataset, probabilities: Array) -> list[Picture]:
    predicted = probabilities.argmax(axis=1)
    found = mistakes(probabilities, data.y_test)
    count = len(data.y_test)
    matrix = confusion_matrix(data.y_test, predicted, data.num_classes)
    text = f"{count - len(found):,} of {count:,} test images are classified correctly: {1 - len(found) / count:.2%} accuracy."
    pictures = [_picture("Confusion matrix", text, lambda: confusion_figure(matrix, data.class_names))]
    if found:
        text = f"The most confident of {len(found):,} mistakes, with label, prediction and confidence."
        pictures.append(
            _picture("Most confident mistakes", text, lambda: mistakes_figure(data.x_test, found, data.class_names))
        )
    return pictures


def _shifts(models: Sequence[CNN], data: Dataset, reach: int) -> list[Picture]:
    images, labels = data.x_test[:MOVED_IMAGES], data.y_test[:MOVED_IMAGES]
    maps = [(model.name, shift_map(model, images, labels, reach)) for model in models]
    distances = sorted({min(2, reach), reach})
    captions = [
        f"{name} {found.accuracy_at(0):.1%} unshifted"
        + "".join(f", {found.accuracy_at(d):.1%} shifted by {d} pixel{'s' * (d > 1)}" for d in distances)
        for name, found in maps
    ]
    return [
        _picture(
            "Accuracy under shift",
            f"Accuracy on {len(labels)} test images: " + "; ".join(captions) + ".",
            lambda: shift_maps_figure([(name, [("", found)]) for name, found in maps], "Accuracy under shift"),
        )
    ]


def _specimens(model: CNN, data: Dataset, probabilities: Array) -> list[dict[str, Any]]:
    """Specimens of the most confident correct, the least confident and the most confident wrong prediction, by layer."""
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == data.y_test
    chosen = np.where(right, sure, -1).argmax(), sure.argmin(), np.where(right, -1, sure).argmax()
    images = []
    for index in dict.fromkeys(map(int, chosen)):
        label = int(data.y_test[index])
        stages = trace(model, data.x_test[index : index + 1], labels=np.array([label]))
        layers = [
            {"label": f"{place} {layer.label}", "specimen": pack_specimen(found)}
            for place, layer in inspectable_layers(model).items()
            if _numbers(found := specimen_at(place, stages)) <= MOST_SPECIMEN_NUMBERS
        ]
        answer = (
            f"{printable(data.class_names[predicted[index]], LONGEST_NAME)} ({confidence_text(float(sure[index]))})"
        )
        title = f"{printable(data.class_names[label], LONGEST_NAME)}, predicted as {answer}, test image {index}"
        images.append({"title": title, "layers": layers})
    return images if images[0]["layers"] else []


def _numbers(found: Specimen) -> int:
    return sum(value.size for value in vars(found).values() if isinstance(value, np.ndarray))
