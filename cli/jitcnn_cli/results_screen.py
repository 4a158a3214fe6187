"""Results of a training run: printed tables, and files with plots and metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from jitcnn.benchmark.machine import environment
from jitcnn.data import Dataset
from jitcnn.history import History
from jitcnn.metrics import Evaluation
from jitcnn.net.model import CNN
from jitcnn.shift import ShiftTest
from jitcnn.support.text import count_of
from jitcnn_cli.console import cell, headline, table
from jitcnn_cli.manifest import FILES, RUN, write_record


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
        f": {name}, {evaluated_on} accuracy {result.accuracy:.2%} ({result.correct:,} of {count_of(result.total, 'image')} correct)\n",
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
                cell(name), f"{models[name].parameter_count:,}", f"{result.accuracy:.2%}", f"{result.total - result.correct:,}",
                f"{histories[name].seconds:.1f} s",
            )  # fmt: skip
        console.print(compared)


def draw_optional(console: Console, file: Path | str, draw: Callable[[], object]) -> bool:
    """Draw a picture beside the results; if that fails, for whatever reason, print one sentence and go on: False."""
    try:
        draw()
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        console.print(
            f"{file} could not be drawn ({reason}): everything else goes on without it.", style="yellow", soft_wrap=True
        )
        return False
    return True


def save_filters(console: Console, model: CNN, path: Path) -> bool:
    """Plot the filters of the first layer; False if they could not be drawn."""

    def draw() -> None:
        from jitcnn.plots import filters_figure, save_figure

        weights = model.layers[0].parameters()["weights"]
        save_figure(filters_figure(weights, f"Filters of the first layer of {model.name}"), path)

    return draw_optional(console, path, draw)


def save_curves(console: Console, histories: dict[str, History], path: Path) -> bool:
    """Plot the training curves; False if no epoch was finished, or they could not be drawn."""
    finished = {name: history.epochs for name, history in histories.items() if history.epochs}

    def draw() -> None:
        from jitcnn.plots import curves_figure, save_figure

        save_figure(curves_figure(finished), path)

    return bool(finished) and draw_optional(console, path, draw)


def show_shifts(console: Console, shifts: ShiftTest, data: Dataset) -> None:
    """Print the shift test as a table, and its conclusion."""
    columns = [f"{cell(name)}\n{what}" for what in ("prediction", "accuracy") for name in shifts.names]
    headline(
        console,
        "shift test",
        f": predictions for one image of class {cell(data.class_names[shifts.label])} and accuracy on "
        f"{count_of(shifts.image_count, f'{data.evaluated_on} image')}, shifted right and down",
    )
    shown = table(None, "shift", *columns)
    for column in shown.columns[1 : 1 + len(shifts.names)]:
        column.no_wrap = False  # long class names
    for row in shifts.rows:
        reads = [
            f"{cell(data.class_names[label])} ({confidence:.0%} confidence)"
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
    files: dict[str, str | None],
    run: str,
) -> None:
    """Write the settings and metrics of a run as JSON, with its ``files`` and its identity ``run``."""
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
        RUN: run,
        FILES: files,
    }
    write_record(path, record)


def show_files(console: Console, files: dict[Path, str]) -> None:
    """List the files written, with a description of each."""
    console.print("files written:", style="bold")
    for file, meaning in files.items():
        console.print(f"  {file}  {meaning}", soft_wrap=True)
