"""What ``jitcnn train`` runs, and which files it writes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from rich.console import Console

from jitcnn.data import Dataset
from jitcnn.history import History
from jitcnn.layers import Conv2D
from jitcnn.metrics import Evaluation
from jitcnn.net.model import CNN
from jitcnn.recipes import Recipe
from jitcnn.shift import ShiftTest
from jitcnn_cli.fine_tuning import chosen_layers
from jitcnn_cli.kept_filters import KeptFilters
from jitcnn_cli.kept_run import KeptRun
from jitcnn_cli.results_screen import save_history
from jitcnn_cli.run_folder import BASELINE, RunFolder
from jitcnn_cli.run_logs import log_paths
from jitcnn_cli.training_options import chosen


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of ``jitcnn train``, except those of checkpoints."""

    dataset: str
    data_dir: str | None
    pictures: dict[str, Any]
    model_name: str | None
    impl: str
    recipe: str
    epochs: int | None
    batch_size: int | None
    lr: float | None
    momentum: float | None
    seed: int
    threads: int | None
    output: str
    limit: int | None
    validation: int | float | None
    early_stop: int | None
    keep: str | None
    metric: str | None
    class_weights: str | None
    sampling: str | None
    clip_norm: float | None
    drop_last: bool
    init: str | None
    freeze: tuple[str, ...]
    rate_factors: tuple[str, ...]
    no_baseline: bool
    snapshots: bool
    log: tuple[str, ...] = ()

    @cached_property
    def overrides(self) -> dict[str, Any]:
        """The settings of the recipe that options replace; the file of class weights is read once."""
        given = {
            "model": self.model_name, "epochs": self.epochs, "batch_size": self.batch_size, "learning_rate": self.lr,
            "momentum": self.momentum,
        }  # fmt: skip
        return (
            {name: value for name, value in given.items() if value is not None}
            | chosen(vars(self))
            | chosen_layers(vars(self))
        )


@dataclass
class Run:
    """What a run trains, and its results so far; ``models`` are the model and, with a baseline, the baseline."""

    console: Console
    options: TrainOptions
    folder: RunFolder
    kept: KeptRun
    data: Dataset
    recipe: Recipe
    models: dict[str, CNN]
    identity: str = ""
    why: str = ""  # the reason for the model, if it was chosen for the data
    histories: dict[str, History] = field(default_factory=dict)
    start: str = ""  # what was taken from the model of --init

    @property
    def model(self) -> CNN:
        """The model, not the baseline."""
        return next(iter(self.models.values()))

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C or SIGTERM ended a training."""
        return any(history.interrupted for history in self.histories.values())


def identity_of(options: TrainOptions, recipe: Recipe, data: Dataset) -> str:
    """A hash of all that determines the weights: equal for a run, its continuation, and the same run repeated."""
    images = {name: value for name, value in data.identity().items() if name != "data set"}
    chosen = {name: getattr(options, name) for name in ("impl", "seed", "limit", "validation", "snapshots")}
    chosen |= {} if options.init is None else {"init": options.init}
    record = {"recipe": recipe.as_dict(), "images": images, "classes": data.class_names, **chosen}
    return blake2b(json.dumps(record, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


def claim_files(current: Run, filters: KeptFilters | None) -> None:
    """Refuse to replace a file that no run wrote, and list those that are written during the training."""
    folder, kept = current.folder, current.kept
    early = [file for file in kept.files(len(current.models) > 1) if file.parent == folder.path]
    early += [] if filters is None else [filters.path]
    early += log_paths(folder, current.options.log, len(current.models) > 1)
    late = [folder.history, folder.curves, *map(folder.model, current.models)]
    late += [folder.filters] if has_pictures(current.model) else []
    if not (kept.resumes and kept.path is not None and kept.path.parent == folder.path):
        folder.manifest.check_free([*early, *late])
    with folder.writing():
        folder.manifest.claim(early)


def checkpoints_of(current: Run) -> list[Path]:
    """The checkpoints in the output folder, which a resumed run writes again."""
    files = current.kept.files(len(current.histories) > 1)
    return [file for file in files if file.parent == current.folder.path and file.is_file()]


def save_run(
    current: Run,
    results: dict[str, Evaluation],
    shifts: ShiftTest | None,
    files: dict[Path, str],
    pending: Sequence[Path] = (),
) -> None:
    """Write the settings and metrics, and which files belong to this run, with those ``pending``."""
    options = current.options
    settings = {
        "recipe": current.recipe.as_dict(), "impl": options.impl, "seed": options.seed,
        "validation": options.validation,
    }  # fmt: skip
    rewritten = [*checkpoints_of(current), *pending]
    listing = current.folder.manifest.listing([file for file in files if file not in rewritten], rewritten)
    save_history(
        current.folder.history, current.data, settings, current.histories, results, shifts, listing, current.identity
    )


def files_so_far(current: Run, filters: KeptFilters | None) -> dict[Path, str]:
    """The files written until the evaluation, and what they are for."""
    folder, kept = current.folder, current.kept
    files: dict[Path, str] = {}
    if kept.path is not None and kept.path.parent == folder.path:
        files[kept.path] = "checkpoint for --resume"
    files[folder.model(current.model.name)] = (
        "the model; use it with `jitcnn play`, `jitcnn report` or `jitcnn predict`"
    )
    if len(current.histories) > 1:
        files[folder.model(BASELINE)] = "the baseline model"
    if filters is not None and filters.is_written:
        files[filters.path] = "filters of each epoch; plot them with `jitcnn plot evolution`"
    files |= log_paths(folder, current.options.log, len(current.histories) > 1)
    return files


def has_pictures(model: CNN) -> bool:
    """Whether the first layer is a convolution on greyscale or colour images."""
    first = model.layers[0]
    return isinstance(first, Conv2D) and first.in_channels in (1, 3)
