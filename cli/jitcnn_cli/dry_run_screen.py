"""Output of ``jitcnn train --dry-run``: memory, time, and the files that a run would write."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from jitcnn.support.text import count_of
from jitcnn.training import Estimate, Memory, TrainingSettings, estimate_training
from jitcnn_cli.console import cell, headline, table, working
from jitcnn_cli.kept_filters import KeptFilters
from jitcnn_cli.resuming import Standing
from jitcnn_cli.run_folder import BASELINE
from jitcnn_cli.run_logs import log_paths
from jitcnn_cli.training_run import Run, has_pictures

MEANINGS = {
    "weights": "weights",
    "gradients": "gradients",
    "optimizer": "optimizer, averaged and best weights",
    "activations": "activations of a batch",
    "passing": "gradients of activations",
    "images": "images of the data set",
    "reserve": "reserve for the next step",
}


def show_dry_run(current: Run, filters: KeptFilters | None) -> None:
    """Estimate the training of each model, and print memory, time and files; ConfigError if a file would be refused."""
    console, files = current.console, _files(current, filters)
    current.folder.manifest.check_free(files)
    settings = TrainingSettings.from_recipe(current.recipe, seed=current.options.seed)
    found = {}
    for name, net in current.models.items():
        with working(f"timing {name}"):
            found[name] = estimate_training(net, current.data, settings)
    standings = {
        name: Standing.read(current.kept.begun(net is not current.model), current.recipe)
        for name, net in current.models.items()
    }
    _show_memory(console, found, current.recipe.batch_size)
    _show_time(console, found, standings, len(current.data.x_train))
    console.print("files that a run would write:", style="bold")
    for file, meaning in files.items():
        console.print(f"  {file}  {meaning}", soft_wrap=True)
    console.print("dry run: nothing was trained or written")


def _show_memory(console: Console, found: dict[str, Estimate], batch_size: int) -> None:
    headline(
        console,
        "memory",
        f": arrays, with {count_of(batch_size, 'image')} per batch; Python and compiled kernels come on top",
    )
    shown = table(None, "", *map(cell, found))
    for name, meaning in MEANINGS.items():
        shown.add_row(meaning, *(_part(one.memory, name) for one in found.values()))
    shown.add_section()
    shown.add_row("peak", *(_bytes(one.memory.peak) for one in found.values()))
    console.print(shown)


def _part(memory: Memory, name: str) -> str:
    """One part of the memory; images that stay in their file count as none."""
    size = _bytes(asdict(memory)[name])
    if name != "images" or not memory.mapped:
        return size
    return f"{size}, {_bytes(memory.mapped)} in its file" if memory.images else "in its file"


def _show_time(console: Console, found: dict[str, Estimate], standings: dict[str, Standing], images: int) -> None:
    steps = max(one.steps for one in found.values())
    counted = f"the median of {steps} training steps" if steps > 1 else "one training step"
    headline(console, "time", f": estimated from {counted} on a copy of the model, after a first one")
    shown = table(None, "", *map(cell, found))
    for meaning, values in {
        "step": [one.step_seconds for one in found.values()],
        "steps of an epoch": [one.training_seconds for one in found.values()],
        "evaluation after it": [one.evaluation_seconds for one in found.values()],
        "epoch": [one.epoch_seconds for one in found.values()],
    }.items():
        shown.add_row(meaning, *map(_duration, values))
    shown.add_section()
    epochs = next(iter(found.values())).epochs
    left = [standings[name].seconds_left(one, images) for name, one in found.items()]
    if any(each.checkpoint for each in standings.values()):
        shown.add_row("epochs left", *(f"{each.epochs_left} of {epochs}" for each in standings.values()))
        shown.add_row("time left", *map(_duration, left))
    else:
        shown.add_row(f"all {epochs} epochs" if epochs > 1 else "1 epoch", *map(_duration, left))
    console.print(shown)
    if len(found) > 1:
        console.print(f"together {_duration(sum(left))}\n")
    for name, each in standings.items():
        if each.checkpoint is not None:
            headline(console, f"training {name}", f": {each.describe()}\n")


def _files(current: Run, filters: KeptFilters | None) -> dict[Path, str]:
    """The files that the run would write, and what they are for."""
    folder, has_baseline = current.folder, len(current.models) > 1
    files = dict.fromkeys(current.kept.files(has_baseline), "checkpoint for --resume")
    files[folder.model(current.model.name)] = "the model"
    if has_baseline:
        files[folder.model(BASELINE)] = "the baseline model"
    if filters is not None:
        files[filters.path] = "filters of each epoch"
    files |= log_paths(folder, current.options.log, has_baseline)
    if has_pictures(current.model):
        files[folder.filters] = "filters of the first layer"
    return files | {folder.curves: "loss and accuracy per epoch", folder.history: "settings and metrics of this run"}


def _bytes(count: int) -> str:
    """Such as ``3.9 MB``."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _duration(seconds: float) -> str:
    """Such as ``12 ms``, ``3.4 s``, ``2 min 05 s`` or ``1 h 20 min``."""
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
