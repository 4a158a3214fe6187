"""What ``jitcnn data show`` prints: statistics, the classes as bars, and what looks wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jitcnn.errors import ConfigError, DataError
from jitcnn.support.text import printable
from jitcnn_cli.console import cell, data_bar, headline, table

if TYPE_CHECKING:
    from jitcnn.data import DataReport, Dataset

BAR = 16  # characters of the longest bar
EIGHTHS = " ▏▎▍▌▋▊▉"
STYLES = {"error": "bold red", "warning": "yellow", "hint": "cyan"}


def load(dataset: str, data_dir: str | None, seed: int, pictures: dict[str, Any]) -> "tuple[Dataset, str, DataReport]":
    """Load a data set, also with images and classes that a training refuses, and audit it."""
    from jitcnn.data import DATASETS, audit, load_dataset
    from jitcnn.data.formats import find_format

    def read(**changes: bool) -> "tuple[Dataset, str]":
        return load_dataset(dataset, data_dir, data_bar(dataset), seed=seed, **{**pictures, **changes})

    is_path = dataset not in (*DATASETS, "auto")
    is_folder = is_path and Path(dataset).is_dir() and find_format(dataset) is None
    strict, lenient = dict[str, bool](), {"check_classes": False, "skip_broken": True}
    if is_folder:
        ways = [lenient, strict]
    else:
        ways = [strict, {"check_classes": False}, lenient] if is_path and Path(dataset).exists() else [strict]
    errors = dict[bool, Exception]()
    for way in ways:
        try:
            data, note = read(**way)
            break
        except (ConfigError, DataError) as error:
            errors[way is strict] = error
            if way is strict and isinstance(error, ConfigError):
                raise
    else:
        raise errors[True]  # what a training says
    return data, note, audit(data, dataset if is_path else None, data_bar(dataset) if is_path else None)


def show(console: Console, report: "DataReport", note: str) -> None:
    """Print the report."""
    headline(console, cell(report.name), f": {report.source}\n")
    if note:
        console.print(note, style="yellow", soft_wrap=True)
    for name, value in report.facts().items():
        console.print(Text.assemble((f"{name:<8}", "bold"), printable(value)), soft_wrap=not console.is_terminal)
    console.print(_classes(report))
    if not report.findings:
        console.print("nothing looks wrong", style="green")
        return
    wraps = not console.is_terminal
    is_wrong = any(finding.severity != "hint" for finding in report.findings)
    console.print("what looks wrong" if is_wrong else "nothing looks wrong; worth a look:", style="bold")
    for finding in report.findings:
        said = f": {printable(finding.sentence)}"
        console.print(Text.assemble((finding.severity, STYLES[finding.severity]), said), soft_wrap=wraps)
        examples = [printable(example) for example in finding.examples]
        if finding.groups and finding.count > len(examples):
            examples.append(f"and {finding.count - len(examples):,} more")
        if not finding.groups and finding.kind != "unreadable-files":  # classes, and counts of files: on one line
            examples = [", ".join(examples)] if examples else []
        for example in examples:
            console.print(f"  {example}", style="dim", soft_wrap=wraps)


def record(report: "DataReport", note: str) -> dict[str, Any]:
    """The report as plain values."""
    return {**report.as_dict(), "note": note}


def save_contact_sheet(data: "Dataset", report: "DataReport", file: str) -> None:
    """Draw the contact sheet; ConfigError if it cannot be written."""
    from jitcnn.plots import contact_sheet_figure, save_figure

    try:
        save_figure(contact_sheet_figure(data, report), file)
    except OSError as error:
        raise ConfigError(
            f"--contact-sheet {file} cannot be written: {error.strerror or error}; choose another file."
        ) from error


def _classes(report: "DataReport") -> Table:
    """Number of images per class, with a bar for each part; bars of a part are relative to its largest class."""
    parts = [part for part in report.parts if part.images]
    shown = table(None, "class", left=1)
    for part in parts:
        shown.add_column(part.name, justify="right", no_wrap=True)
        shown.add_column("", justify="left", no_wrap=True, min_width=BAR)
    for label, name in enumerate(report.class_names):
        cells = [cell(name)]
        for part in parts:
            count = part.per_class[label]
            cells += [f"{count:,}", bar(count, part.per_class)]
        shown.add_row(*cells)
    return shown


def bar(count: int, counts: Sequence[int]) -> str:
    """A bar for one of these counts, the longest for the largest; any image is at least an eighth of a character."""
    eighths = round(8 * BAR * count / max(1, *counts))
    whole, rest = divmod(max(eighths, int(count > 0)), 8)
    return ("█" * whole + EIGHTHS[rest]).rstrip()
