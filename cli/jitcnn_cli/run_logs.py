"""Logs of ``jitcnn train --log``: their files in the output folder, and the callbacks that write them."""

import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from jitcnn.training import Callback, CSVLog, JSONLog, TensorBoardLog
from jitcnn.training.logs import EVENTS
from jitcnn_cli.run_folder import RunFolder

TENSORBOARD = "tensorboard"
WRITERS: dict[str, Callable[[Path], Callback]] = {
    "csv": CSVLog,
    "jsonl": JSONLog,
    TENSORBOARD: lambda folder: TensorBoardLog(folder, histograms=True, filters=True),
}


def log_paths(folder: RunFolder, kinds: Collection[str], has_baseline: bool) -> dict[Path, str]:
    """The files of the logs of a run, or the folder, and what they are for."""
    paths: dict[Path, str] = {}
    for kind in dict.fromkeys(kinds):
        paths[_path(folder, kind, "")] = (
            f"metrics of each epoch{': `tensorboard --logdir` shows them' * (kind == TENSORBOARD)}"
        )
        if has_baseline and kind != TENSORBOARD:
            paths[_path(folder, kind, "-baseline")] = "those of the baseline"
    return paths


def logs(
    folder: RunFolder, kinds: Collection[str], name: str, is_baseline: bool, resume: Path | None
) -> list[Callback]:
    """The callbacks for one model; a run that is resumed in another folder goes on with copies of its logs.

    In the folder ``tensorboard`` each model has its own folder, as TensorBoard shows them side by side.
    """
    callbacks = []
    for kind in dict.fromkeys(kinds):
        path = _path(folder, kind, "-baseline" * is_baseline)
        if kind == TENSORBOARD:
            path = _events(folder, name)
        if resume is not None and resume.parent.resolve() != folder.path.resolve():
            _copy(resume.parent / path.relative_to(folder.path), path)
        callbacks.append(WRITERS[kind](path))
    return callbacks


def remove_stale_events(folder: RunFolder, names: Collection[str]) -> None:
    """Remove the event files of an earlier run, but not those of the models ``names`` of this one."""
    parent = folder.path / TENSORBOARD
    if TENSORBOARD not in folder.manifest.files or not parent.is_dir():
        return
    kept = {_events(folder, name) for name in names}
    with suppress(OSError):
        for old in [each for each in parent.iterdir() if each.is_dir() and each not in kept]:
            for file in old.iterdir():
                if EVENTS.fullmatch(file.name):
                    file.unlink()
            if not any(old.iterdir()):
                old.rmdir()
        if not any(parent.iterdir()):
            parent.rmdir()


def _events(folder: RunFolder, name: str) -> Path:
    """The folder of the event files of a model."""
    return folder.path / TENSORBOARD / folder.model(name).stem.removesuffix("_model")


def _path(folder: RunFolder, kind: str, suffix: str) -> Path:
    return folder.path / (TENSORBOARD if kind == TENSORBOARD else f"log{suffix}.{kind}")


def _copy(source: Path, target: Path) -> None:
    """Copy a log, if there is one."""
    with suppress(OSError):
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
