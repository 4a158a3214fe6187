"""Results of a training run: printed tables, and files with plots and metrics."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from jitcnn.benchmark.machine import environment
from jitcnn.data import Dataset
from jitcnn.history import History
from jitcnn.metrics import Evaluation
from jitcnn.net.model import CNN
from jitcnn.shift import ShiftTest
from jitcnn.support.files import atomic_write
from jitcnn_cli.console import headline, table


def show_results(
    console: Console,
    models: dict[str, CNN],
    histories: dict[str, History],
    results: dict[str, Evaluation],
    evaluated_on: str,
) -> None:
    """Print the accuracy, and a comparison with the baseline."""
    name, result = next(iter(results.items()))
    headline(
        console,
        "result",
        f": {name}, {evaluated_on} accuracy {result.accuracy:.2%} ({result.correct:,} of {result.total:,} images correct)\n",
    )
    if len(results) > 1:
        headline(console, "comparison with the baseline", " (same data, same recipe)")
        compared = table(
            None,
            "model",
            "parameters",
            f"{evaluated_on} accuracy",
            "errors",
            "training time",
        )
        for name in reversed(results):
            result = results[name]
            compared.add_row(
                name, f"{models[name].parameter_count:,}", f"{result.accuracy:.2%}", f"{result.total - result.correct:,}",
                f"{histories[name].seconds:.1f} s",
            )  # fmt: skip
        console.print(compared)


def save_filters(model: CNN, path: Path) -> None:
    """Plot the filters of the first layer."""
    from jitcnn.plots import filters_figure, save_figure

    save_figure(
        filters_figure(model.layers[0].parameters()["weights"], f"Filters of the first layer of {model.name}"), path
    )


def save_curves(histories: dict[str, History], path: Path) -> bool:
    """Plot the training curves; False if no epoch was finished."""
    from jitcnn.plots import curves_figure, save_figure

    finished = {name: history.epochs for name, history in histories.items() if history.epochs}
    if finished:
        save_figure(curves_figure(finished), path)
    return bool(finished)


def show_shifts(console: Console, shifts: ShiftTest, data: Dataset) -> None:
    """Print the shift test as a table, and its conclusion."""
    columns = [f"{name} {what}" for what in ("prediction", "accuracy") for name in shifts.names]
    headline(
        console,
        "shift test",
        f": predictions for one image of class {data.class_names[shifts.label]} and accuracy on {shifts.image_count:,} "
        f"{data.evaluated_on} images, shifted right and down",
    )
    shown = table(None, "shift", *columns)
    for row in shifts.rows:
        reads = [
            f"{data.class_names[label]} ({confidence:.0%} confidence)"
            for label, confidence in zip(row.predictions, row.confidences, strict=True)
        ]
        shown.add_row(str(row.shift), *reads, *[f"{accuracy:.1%}" for accuracy in row.accuracies])
    console.print(shown)
    console.print(shifts.conclusion() + "\n")


def save_history(
    path: Path,
    data: Dataset,
    settings: dict[str, Any],
    histories: dict[str, History],
    results: dict[str, Evaluation],
    shifts: ShiftTest | None,
) -> None:
    """Write the settings and metrics of a run as JSON."""
    record = {
        "dataset": data.name,
        "train_images": len(data.x_train),
        "test_images": len(data.x_test),
        "evaluated_on": data.evaluated_on,
        "settings": settings,
        **environment(),
        "results": {name: result.as_dict() for name, result in results.items()},
        "histories": {name: history.as_dict() for name, history in histories.items()},
        "shift_test": shifts.as_dict() if shifts else None,
    }
    with atomic_write(path) as file:
        file.write(json.dumps(record, indent=2).encode())


def show_files(console: Console, files: dict[Path, str]) -> None:
    """List the files written, with a description of each."""
    console.print("files written:", style="bold")
    for file, meaning in files.items():
        console.print(f"  {file}  {meaning}", soft_wrap=True)
