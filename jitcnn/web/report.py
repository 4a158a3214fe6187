"""One file to keep: what a net is, how it learnt, what it reads and where it errs, with a microscope in it."""

import base64
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup
from matplotlib.figure import Figure

from ..arrays import Array
from ..benchmark.machine import environment
from ..data import Dataset
from ..errors import ConfigError
from ..files import atomic_write
from ..history import Epoch
from ..inspection import Specimen, convolutions, lenses, through, trace
from ..metrics import confusion_matrix, mistakes
from ..model import CNN
from ..plots import confusion_figure, curves_figure, filters_figure, mistakes_figure, shift_maps_figure, sureness
from ..recipes import Recipe
from ..shift import shift_map
from ..summary import HEAD, LEGEND, cells, total_cells
from . import STATIC
from .packing import pack_specimen

MODULES = ("arrays.js", "elements.js", "planes.js", "microscope.js", "scope.js", "report.js")
MOST_SPECIMEN_NUMBERS = 300_000  # in one layer of one image: what a page can hold
MOVED_IMAGES = 500


@dataclass(frozen=True)
class Picture:
    """A figure with its heading and what it says, in words."""

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
    on_part: Callable[[str], object] = lambda _: None,
) -> None:
    """Evaluate a net and write all of it into one HTML file, which asks nothing of a network.

    Parameters
    ----------
    path : the file, ending in .html; an old one stays until the new one is whole
    model : CNN for images
    data : Dataset with its test images
    baseline : CNN that is moved beside it in the shift map
    histories : name of a net -> its epochs, for the curves
    reach : int, pixels by which test images are moved
    on_part : told what is being done

    Raises
    ------
    ConfigError
        If the file's name does not end in .html, or it cannot be written.
    ShapeError, DataError
        If the data set or the baseline does not fit the model.
    """
    if not os.fspath(path).lower().endswith((".html", ".htm")):
        raise ConfigError(f"A report is written as .html, got {os.fspath(path)!r}: choose such a name.")
    data.check_fit(model)
    on_part("reading the test images")
    probabilities = model.predict_proba(data.x_test)
    pictures = _curves(histories or {})
    pictures += _filters(model)
    pictures += _answers(model, data, probabilities)
    on_part("moving test images")
    pictures += _shifts([model] if baseline is None else [model, baseline], data, reach)
    on_part("taking layers apart")
    page = _page(model, data, pictures, _specimens(model, data, probabilities))
    try:
        with atomic_write(path) as file:
            file.write(page.encode())
    except OSError as error:
        raise ConfigError(
            f"{os.fspath(path)} cannot be written: {error.strerror or error}; choose another --output."
        ) from error


def _page(model: CNN, data: Dataset, pictures: Sequence[Picture], specimens: Sequence[Any]) -> str:
    sources = {name: base64.b64encode((STATIC / name).read_bytes()).decode() for name in MODULES}
    modules = {f"jitcnn/{name}": f"data:text/javascript;base64,{source}" for name, source in sources.items()}
    rows = model.summary_rows()
    told = environment()
    facts = {
        "data set": f"{data.name}, {len(data.x_train):,} training and {len(data.x_test):,} test images",
        "weights": f"SHA-256 {model.fingerprint()}",
        "measured on": f"{told['processor']}, {told['cores']} cores",
        "versions": ", ".join(f"{name} {version}" for name, version in told["versions"].items()),
    }
    template = Environment(autoescape=True).from_string((STATIC / "report.html").read_text())
    return template.render(
        title=f"{model.name} on {data.name}", version=told["versions"]["jitcnn"], date=datetime.now(UTC).strftime("%Y-%m-%d"),
        facts=facts.items(), head=HEAD, rows=[*map(cells, rows), total_cells(rows)],
        legend=LEGEND.format(batch_size=64), recipe=_recipe(model), pictures=pictures, style=Markup((STATIC / "style.css").read_text()),
        modules=Markup(json.dumps({"imports": modules})), specimens=Markup(json.dumps(specimens).replace("</", "<\\/")) if specimens else "",
    )  # fmt: skip


def _recipe(model: CNN) -> str:
    try:
        return "" if model.recipe is None else "\n".join(Recipe.from_dict(model.recipe).lines())
    except ConfigError:  # of another version
        return json.dumps(model.recipe, indent=1)


def _picture(title: str, text: str, figure: Figure) -> Picture:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return Picture(title, text, base64.b64encode(file.getvalue()).decode())


def _curves(histories: Mapping[str, list[Epoch]]) -> list[Picture]:
    if not histories:
        return []
    told = [
        f"{name}: {len(epochs)} epoch{'s' * (len(epochs) > 1)}, {epochs[-1].test_accuracy:.2%} at the end"
        for name, epochs in histories.items()
    ]
    return [_picture("How it learnt", "; ".join(told) + ".", curves_figure(histories))]


def _filters(model: CNN) -> list[Picture]:
    every = convolutions(model)
    if not every:
        return []
    name, conv = next(iter(every.items()))
    text = f"{conv.label}: what each filter looks for; red counts for, blue against."
    return [_picture("The first filters", text, filters_figure(conv.weights, f"Filters of {name}"))]


def _answers(model: CNN, data: Dataset, probabilities: Array) -> list[Picture]:
    predicted = probabilities.argmax(axis=1)
    found = mistakes(probabilities, data.y_test)
    count = len(data.y_test)
    matrix = confusion_matrix(data.y_test, predicted, data.num_classes)
    text = f"{count - len(found):,} of {count:,} test images are read correctly: {1 - len(found) / count:.2%}."
    pictures = [_picture("What it takes for what", text, confusion_figure(matrix, data.class_names))]
    if found:
        text = f"The firmest of {len(found):,} mistakes: what the image shows, what was predicted, and how firmly."
        pictures.append(_picture("The worst mistakes", text, mistakes_figure(data.x_test, found, data.class_names)))
    return pictures


def _shifts(models: Sequence[CNN], data: Dataset, reach: int) -> list[Picture]:
    images, labels = data.x_test[:MOVED_IMAGES], data.y_test[:MOVED_IMAGES]
    maps = [(model.name, shift_map(model, images, labels, reach)) for model in models]
    told = [
        f"{name} reads {found.accuracy_at(0):.1%} of them unmoved, {found.accuracy_at(min(2, reach)):.1%} moved by {min(2, reach)} pixels, "
        f"{found.accuracy_at(reach):.1%} by {reach}"
        for name, found in maps
    ]
    figure = shift_maps_figure([(name, [("", found)]) for name, found in maps], "Moved test images")
    return [_picture("What a shift does", f"{len(labels)} test images, moved: " + "; ".join(told) + ".", figure)]


def _specimens(model: CNN, data: Dataset, probabilities: Array) -> list[dict[str, Any]]:
    """The layers that a page can hold, for the firmest right answer, the least firm one, and the firmest mistake."""
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == data.y_test
    chosen = np.where(right, sure, -1).argmax(), sure.argmin(), np.where(right, -1, sure).argmax()
    images = []
    for index in dict.fromkeys(map(int, chosen)):
        label = int(data.y_test[index])
        stages = trace(model, data.x_test[index : index + 1], labels=np.array([label]))
        layers = [
            {"label": f"{place} {layer.label}", "specimen": pack_specimen(found)}
            for place, layer in lenses(model).items()
            if _numbers(found := through(place, stages)) <= MOST_SPECIMEN_NUMBERS
        ]
        title = f"a {data.class_names[label]}, read as {data.class_names[predicted[index]]} ({sureness(float(sure[index]))}), test image {index}"
        images.append({"title": title, "layers": layers})
    return images if images[0]["layers"] else []


def _numbers(found: Specimen) -> int:
    return sum(value.size for value in vars(found).values() if isinstance(value, np.ndarray))
