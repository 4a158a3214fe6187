"""Evaluation of a model or an ensemble: printed lines and tables, and the values of ``--json``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from jitcnn.data import Dataset
from jitcnn.metrics import Averages, ClassScores, Ensemble, Evaluation, Views
from jitcnn_cli.console import cell, table


@dataclass(frozen=True)
class Evaluated:
    """What is shown: the models and their files, the data, the views, and the result."""

    ensemble: Ensemble
    files: Sequence[str]
    data: Dataset
    views: Views
    result: Evaluation
    top_k: Sequence[int]
    bins: int
    notes: Sequence[str]

    @property
    def passes(self) -> int:
        """Forward passes per image."""
        return self.views.count * len(self.ensemble)


def distinct_names(names: Sequence[str], files: Sequence[str]) -> list[str]:
    """The names of the models; the same name of several is followed by what differs in the paths of their files."""
    paths = [Path(file).parts for file in files]
    different = [parts[-1] for parts in paths]
    if len(set(different)) < len(different):
        while all(len(parts) > 1 for parts in paths) and len({parts[-1] for parts in paths}) == 1:
            paths = [parts[:-1] for parts in paths]
        while all(len(parts) > 1 for parts in paths) and len({parts[0] for parts in paths}) == 1:
            paths = [parts[1:] for parts in paths]
        different = [str(Path(*parts)) for parts in paths]
    if len(set(different)) < len(different):  # a file is given twice
        different = [str(number) for number in range(1, len(files) + 1)]
    return [
        f"{name} ({where})" if names.count(name) > 1 else name for name, where in zip(names, different, strict=True)
    ]


def show_evaluation(console: Console, found: Evaluated) -> None:
    """Print the overall metrics, each model of an ensemble, and each class."""
    result, calibration = found.result, found.result.calibration(found.bins)
    console.print(
        f"{found.ensemble.name} on {found.data.name}: accuracy {result.accuracy:.2%} ({result.correct:,} of "
        f"{result.total:,} correct), loss {result.loss:.4f}{_views_text(found)}"
    )
    parts = [f"top-{k} accuracy {result.top_k(k):.2%}" for k in found.top_k]
    console.print("; ".join([*parts, f"macro F1 {result.macro_f1:.2%}", f"Brier score {result.brier:.4f}"]))
    console.print(
        f"calibration error (ECE) {calibration.ece:.2%}, maximum (MCE) {calibration.mce:.2%}, in {found.bins} "
        f"bin{'s' * (found.bins > 1)}"
    )
    if result.members:
        _show_members(console, found)
    _show_classes(console, result, found.data)


def _views_text(found: Evaluated) -> str:
    views, passes = found.views, f"{found.passes} forward passes per image"
    parts = ["mirror images"] if views.mirror else []
    if views.shift:
        filled = " with reflection" if views.reflect else ""
        parts.append(f"shifts by {views.shift} pixel{'s' * (views.shift > 1)}{filled}")
    if not parts:
        return f" ({passes})" if found.passes > 1 else ""
    return f", averaged over {' and '.join(parts)} ({passes})"


def _show_members(console: Console, found: Evaluated) -> None:
    shown = table(None, "model", "parameters", "accuracy", "loss", "ECE")
    rows = [
        (model.name, model.parameter_count, member)
        for model, member in zip(found.ensemble.models, found.result.members, strict=True)
    ]
    rows.append(("ensemble", sum(parameters for _, parameters, _ in rows), found.result))
    for name, parameters, member in rows:
        shown.add_row(
            cell(name), f"{parameters:,}", f"{member.accuracy:.2%}", f"{member.loss:.4f}",
            f"{member.calibration(found.bins).ece:.2%}", end_section=name == found.ensemble.models[-1].name,
        )  # fmt: skip
    console.print(shown)


def _show_classes(console: Console, result: Evaluation, data: Dataset) -> None:
    scores, confused = result.scores, _confusions(result)
    shown = table(None, "class", "images", "recall", "precision", "F1", "most confused with")
    present = np.flatnonzero(scores.present).tolist()
    for label in present:
        other, count = confused[label]
        name = f"{cell(data.class_names[other])} ({count}×)" if count else "–"
        values = (scores.recall[label], scores.precision[label], scores.f1[label])
        shown.add_row(
            cell(data.class_names[label]), f"{scores.support[label]:,}", *[f"{value:.1%}" for value in values], name,
            end_section=label == present[-1],
        )  # fmt: skip
    for title, averages in (("macro average", scores.macro), ("weighted average", scores.weighted)):
        values = (averages.recall, averages.precision, averages.f1)
        shown.add_row(title, f"{result.total:,}", *[f"{value:.1%}" for value in values], "")
    console.print(shown)
    for note in scores.notes(data.class_names):
        console.print(note, style="yellow", soft_wrap=True)


def _confusions(result: Evaluation) -> list[tuple[int, int]]:
    """For each class, the class that its images are most often mistaken for, and how often."""
    assert result.labels is not None
    assert result.num_classes is not None
    found = []
    for label in range(result.num_classes):
        given = result.predicted[result.labels == label]
        counts = np.bincount(given[given != label], minlength=result.num_classes)
        found.append((int(counts.argmax()), int(counts.max())))
    return found


def evaluation_record(found: Evaluated) -> dict[str, Any]:
    """The evaluation as one JSON object."""
    result, scores = found.result, found.result.scores
    calibration = result.calibration(found.bins)
    record = {
        "model": found.ensemble.name, "dataset": found.data.name, "mirrored": found.views.mirror,
        "views": str(found.views), "passes": found.passes, **result.as_dict(), "ece": calibration.ece,
        "mce": calibration.mce, "bins": found.bins, "top_k": {str(k): result.top_k(k) for k in found.top_k},
        "macro": scores.macro._asdict(), "weighted": scores.weighted._asdict(),
        "classes": _class_records(scores, result, found.data.class_names),
    }  # fmt: skip
    if result.members:
        record["members"] = [
            {"file": file, "model": model.name, **member.as_dict(), "ece": member.calibration(found.bins).ece}
            for file, model, member in zip(found.files, found.ensemble.models, result.members, strict=True)
        ]
    notes = [*found.notes, *scores.notes(found.data.class_names)]
    return {**record, "notes": notes} if notes else record


def _class_records(scores: ClassScores, result: Evaluation, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """One object for each class that has images or predictions."""
    confused, records = _confusions(result), []
    for label in np.flatnonzero(scores.present).tolist():
        other, count = confused[label]
        values = Averages(float(scores.precision[label]), float(scores.recall[label]), float(scores.f1[label]))
        records.append({
            "class": class_names[label], "images": int(scores.support[label]), "predicted": int(scores.predicted[label]),
            **values._asdict(), "most_confused_with": class_names[other] if count else None, "confused": count,
        })  # fmt: skip
    return records
