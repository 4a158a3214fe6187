"""What a training came to: its tables on the screen, its pictures and figures in files."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from jitcnn.benchmark.machine import environment
from jitcnn.data import Dataset
from jitcnn.files import atomic_write
from jitcnn.history import History
from jitcnn.metrics import Evaluation
from jitcnn.model import CNN
from jitcnn.shift import ShiftTest
from jitcnn_cli.console import headline, table


def show_results(
    console: Console,
    models: dict[str, CNN],
    histories: dict[str, History],
    results: dict[str, Evaluation],
    examined_on: str,
) -> None:
    """Right answers, and the net beside its baseline."""
    name, result = next(iter(results.items()))
    headline(
        console,
        "result",
        f": {name} reads {result.correct:,} of {result.total:,} {examined_on} images correctly: {result.accuracy:.2%}\n",
    )
    if len(results) > 1:
        headline(console, "dense against CNN", ", same images, same recipe, this run")
        compared = table(
            None,
            "net",
            "parameters",
            f"{examined_on} accuracy",
            "wrong",
            "training",
        )
        for name in reversed(results):
            result = results[name]
            compared.add_row(
                name, f"{models[name].parameter_count:,}", f"{result.accuracy:.2%}", f"{result.total - result.correct:,}",
                f"{histories[name].seconds:.1f} s",
            )  # fmt: skip
        console.print(compared)


def save_filters(model: CNN, path: Path) -> None:
    """Draw the filters of the first layer."""
    from jitcnn.plots import filters_figure, save_figure

    save_figure(
        filters_figure(model.layers[0].parameters()["weights"], f"What the first layer of {model.name} looks for"), path
    )


def save_curves(histories: dict[str, History], path: Path) -> bool:
    """Draw the curves, if an epoch was finished at all."""
    from jitcnn.plots import curves_figure, save_figure

    finished = {name: history.epochs for name, history in histories.items() if history.epochs}
    if finished:
        save_figure(curves_figure(finished), path)
    return bool(finished)


def show_shifts(console: Console, shifts: ShiftTest, data: Dataset) -> None:
    """The shift test as a table, and what it shows."""
    columns = [f"{name} {what}" for what in ("reads", "accuracy") for name in shifts.names]
    headline(
        console,
        "shift test",
        f": an image of class {data.class_names[shifts.label]}, moved right and down, and {shifts.image_count:,} {data.examined_on} images",
    )
    shown = table(None, "pixels", *columns)
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
    """Write every figure of a run as JSON."""
    record = {
        "dataset": data.name,
        "train_images": len(data.x_train),
        "test_images": len(data.x_test),
        "examined_on": data.examined_on,
        "settings": settings,
        **environment(),
        "results": {name: result.as_dict() for name, result in results.items()},
        "histories": {name: history.as_dict() for name, history in histories.items()},
        "shift_test": shifts.as_dict() if shifts else None,
    }
    with atomic_write(path) as file:
        file.write(json.dumps(record, indent=2).encode())


def show_files(console: Console, folder: Path, files: dict[str, str]) -> None:
    """Which files were written, and what they are."""
    console.print("files written:", style="bold")
    for name, meaning in files.items():
        console.print(f"  {folder / name}  {meaning}", soft_wrap=True)
