"""Checkpoints of ``jitcnn train``: one file each for model and baseline, with the options of the run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from jitcnn.errors import CheckpointError, ConfigError
from jitcnn.history import History
from jitcnn.net.checkpoint import open_checkpoint
from jitcnn.net.model import CNN
from jitcnn.training.checkpointing import Checkpoints, Every
from jitcnn.training.record import FinishedError, read_training, training_in
from jitcnn_cli.options import DATASETS
from jitcnn_cli.run_folder import OLD_BASELINE, RunFolder

RECIPE_KEYS = {"model_name": "model"}  # of options that are called otherwise
MAY_DIFFER = ("data_dir", "threads", "output", "checkpoint_every", "resume")  # these do not affect the result


@dataclass(frozen=True)
class KeptRun:
    """Checkpoint settings of one run: path, interval, options, and whether it resumes, and goes on past its end."""

    path: Path | None = None
    every: Every | None = None
    options: dict[str, Any] | None = None
    resumes: bool = False
    goes_on: bool = False

    def file(self, is_baseline: bool) -> Path | None:
        """The checkpoint of the model, or of its baseline; a file of an earlier version keeps its name."""
        if self.path is None or not is_baseline:
            return self.path
        current, old = (
            self.path.with_name(f"{self.path.stem}-{name}{self.path.suffix}") for name in ("baseline", OLD_BASELINE)
        )
        return old if old.is_file() and not current.is_file() else current

    def files(self, has_baseline: bool) -> list[Path]:
        """The checkpoints of the model and, if it is trained, of its baseline."""
        return [file for file in map(self.file, [False, True][: 1 + has_baseline]) if file is not None]

    def check_unfinished(self, last_file: Path, has_baseline: bool) -> None:
        """CheckpointError if the run is finished: all models are trained, and ``last_file`` is newer than the checkpoints."""
        if not self.resumes or self.goes_on or not last_file.is_file():
            return
        for file in [self.file(False)] + [self.file(True)] * has_baseline:
            if file is None or not file.is_file() or file.stat().st_mtime > last_file.stat().st_mtime:
                return
            if not read_training(file)[0].finished:
                return
        raise CheckpointError(
            f"{self.path} is the checkpoint of a finished run: evaluate it with `jitcnn evaluate`, go on with more --epochs, or "
            "start a new run without --resume."
        )

    def train(self, net: CNN, is_baseline: bool, train: Callable[..., History]) -> tuple[CNN, History]:
        """Start or resume the training of a model, or load it if finished; return the model and its history.

        ``train`` takes ``checkpoint`` and ``resume`` like ``fit``.
        """
        path = self.file(is_baseline)
        if path is None or self.every is None or self.options is None:
            return net, train(checkpoint=None, resume=None)
        try:
            checkpoint = Checkpoints(path, self.every, {"options": self.options})
            return net, train(checkpoint=checkpoint, resume=self.begun(is_baseline))
        except FinishedError:
            return CNN.load(path, impl=self.options["impl"]), read_training(path)[1]

    def begun(self, is_baseline: bool) -> Path | None:
        """The checkpoint from which the training of the model, or of its baseline, is resumed; None if it begins."""
        path = self.file(is_baseline)
        if path is None or not self.resumes or (is_baseline and not self._is_of_this_run(path)):
            return None
        return path

    def _is_of_this_run(self, path: Path) -> bool:
        """Whether the file exists, with the options and the data of this run; it may be left from an earlier one."""
        assert self.path is not None
        try:
            theirs, main = _training(path), _training(self.path)
        except CheckpointError:
            return False
        options = _notes(theirs).get("options")
        same = isinstance(options, dict) and _comparable(options) == _comparable(self.options or {})
        continued = main.get("continued")
        planned = [_epochs_of(main), *(continued if isinstance(continued, list) else [])]
        return same and _epochs_of(theirs) in planned and _images_of(theirs) == _images_of(main)


def kept_run(context: click.Context, settings: dict[str, Any]) -> tuple[dict[str, Any], KeptRun]:
    """Return the settings of a run, restored from the checkpoint on ``--resume``, and its checkpoint settings.

    Parameters
    ----------
    context : click.Context of the command, with the source of each option
    settings : dict, all options of the command

    Raises
    ------
    CheckpointError
        If the file to resume was not written by ``jitcnn train``.
    ConfigError
        If a given option differs from the checkpoint, or ``--checkpoint-every`` cannot be parsed.
    """
    text, resume = settings.pop("checkpoint_every"), settings.pop("resume")
    every = None if text is None else Every.parse(text)
    if resume is None:
        run = KeptRun() if every is None else KeptRun(RunFolder(settings["output"]).checkpoint, every, _flat(settings))
        return settings, run
    training = _training(resume)
    notes = _notes(training)
    begun = notes.get("options")
    if not isinstance(begun, dict):
        raise CheckpointError(
            f"{resume} was not written by `jitcnn train`: resume it in Python with the `fit` call that wrote it."
        )
    known = {param.name: param for param in context.command.params if param.name not in MAY_DIFFER}
    begun = {name: known[name].type_cast_value(context, value) for name, value in begun.items() if name in known}
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    asked = _flat(settings)
    for name in sorted(given & set(begun)):
        may_differ = name == "epochs" or (name == "dataset" and _are_folders(asked[name], begun[name]))
        if asked[name] != begun[name] and not may_differ:
            raise ConfigError(
                f"{known[name].opts[0]} {asked[name]} differs from {_value_of(name, begun[name], resume)} in {resume}: leave "
                "the option out, or start a new run without --resume."
            )
    if "dataset" in given:  # a folder or file may have moved; its images are compared with those of the checkpoint
        begun["dataset"] = settings["dataset"]
    elif _are_folders(path := begun.get("dataset", DATASETS[0])) and not _is_there(path):
        kind = "file" if Path(path).suffix else "folder"
        raise ConfigError(
            f"The images of this run were in the {kind} {path}, which does not exist: pass their present {kind} with --dataset."
        )
    goes_on = "epochs" in given and settings["epochs"] > (_epochs_of(training) or 0)
    if "epochs" in given:  # a finished run goes on to more; otherwise they must be the same
        begun["epochs"] = settings["epochs"]
    if "output" not in given:
        settings["output"] = str(Path(resume).parent)
    for name in settings["pictures"]:
        settings["pictures"][name] = begun.pop(name, settings["pictures"][name])
    settings |= begun
    every = every or Every.parse(notes.get("every", "1epoch"))
    return settings, KeptRun(Path(resume), every, _flat(settings), resumes=True, goes_on=goes_on)


def _training(path: str | Path) -> dict[str, Any]:
    """What a checkpoint records of its training, as plain values."""
    with open_checkpoint(path) as file:
        return training_in(file)


def _value_of(name: str, value: Any, path: str) -> str:
    """The value of an option in a checkpoint; of one that was not given, that of the recipe."""
    if value is not None:
        return str(value)
    with open_checkpoint(path) as file:
        recipe = file.header.get("recipe") or {}
    optimizer = {"lr": "learning_rate", "momentum": "momentum"}
    of_recipe = (
        recipe.get("optimizer", {}).get(optimizer[name])
        if name in optimizer
        else recipe.get(RECIPE_KEYS.get(name, name))
    )
    return "the default" if of_recipe in (None, "", [], {}) else f"{of_recipe} of the recipe"


def _notes(training: dict[str, Any]) -> dict[str, Any]:
    notes = training.get("notes")
    return notes if isinstance(notes, dict) else {}


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the options that affect the result, by name; the data folder as an absolute path."""
    flat = {**settings, **settings["pictures"]}
    if _are_folders(flat["dataset"]):
        flat["dataset"] = str(Path(flat["dataset"]).absolute())
    return {name: value for name, value in flat.items() if name not in (*MAY_DIFFER, "pictures")}


def _are_folders(*datasets: str) -> bool:
    """Whether none of these values of ``--dataset`` names a known data set: all are folders or data files."""
    return not any(name in DATASETS for name in datasets)


def _is_there(path: str) -> bool:
    """Whether a path leads to data; ``folder/emnist-letters`` selects a split and need not exist itself."""
    from jitcnn.data.formats import find_format

    return Path(path).exists() or find_format(path) is not None


def _comparable(options: dict[str, Any]) -> dict[str, Any]:
    """Options without the data folder, which may have moved, and the epochs, to which a run may have been extended.

    Those that may be repeated are lists, as a checkpoint stores them.
    """
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if name != "epochs" and (name != "dataset" or value in DATASETS)
    }


def _epochs_of(training: dict[str, Any]) -> int | None:
    """The number of epochs that a training was last planned for."""
    epochs = _settings(training).get("epochs")
    return epochs if isinstance(epochs, int) else None


def _images_of(training: dict[str, Any]) -> Any:
    """Checksum of the images of a training."""
    return _settings(training).get("checksum of the images")


def _settings(training: dict[str, Any]) -> dict[str, Any]:
    settings = training.get("settings")
    return settings if isinstance(settings, dict) else {}
