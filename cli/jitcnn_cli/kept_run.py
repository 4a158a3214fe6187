"""The checkpoints of ``jitcnn train``: a file for the net and one for its baseline, and the options they were begun with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from jitcnn.checkpoint import open_checkpoint
from jitcnn.checkpointing import Checkpoints, Every
from jitcnn.errors import CheckpointError, ConfigError
from jitcnn.history import History
from jitcnn.model import CNN
from jitcnn.resume import FinishedError, read_training, training_in

FILE = "checkpoint.npz"
MAY_DIFFER = ("data_dir", "threads", "output", "checkpoint_every", "resume")  # the bits do not hang on them


@dataclass(frozen=True)
class KeptRun:
    """Where the nets of one run are kept, if they are, and whether they are there already."""

    path: Path | None = None
    every: Every | None = None
    options: dict[str, Any] | None = None
    resumes: bool = False

    def file(self, is_baseline: bool) -> Path | None:
        """The net's checkpoint, or its baseline's beside it; one that an earlier version named ``…-rival`` keeps its name."""
        if self.path is None or not is_baseline:
            return self.path
        named = {
            name: self.path.with_name(f"{self.path.stem}-{name}{self.path.suffix}") for name in ("baseline", "rival")
        }
        return named["rival"] if named["rival"].is_file() and not named["baseline"].is_file() else named["baseline"]

    def check_unfinished(self, last_file: Path, has_baseline: bool) -> None:
        """CheckpointError if nothing is left to do: every net is trained, and the run's last file was written after that."""
        if not self.resumes or not last_file.is_file():
            return
        for file in [self.file(False)] + [self.file(True)] * has_baseline:
            if file is None or not file.is_file() or file.stat().st_mtime > last_file.stat().st_mtime:
                return
            if not read_training(file)[0].finished:
                return
        raise CheckpointError(
            f"{self.path} is the checkpoint of a finished run: nothing is left to resume; evaluate it with "
            "`jitcnn evaluate`, or train anew."
        )

    def train(self, net: CNN, is_baseline: bool, train: Callable[..., History]) -> tuple[CNN, History]:
        """Begin, go on with, or, if it is finished, fetch a net's training: the net and its history.

        ``train`` takes ``checkpoint`` and ``resume`` as ``fit`` does.
        """
        path = self.file(is_baseline)
        if path is None or self.every is None or self.options is None:
            return net, train(checkpoint=None, resume=None)
        begun = self.resumes and (not is_baseline or self._is_of_this_run(path))
        try:
            checkpoint = Checkpoints(path, self.every, {"options": self.options})
            return net, train(checkpoint=checkpoint, resume=path if begun else None)
        except FinishedError:
            return CNN.load(path, impl=self.options["impl"]), read_training(path)[1]

    def _is_of_this_run(self, path: Path) -> bool:
        """Whether a file is there, and was begun with the same options: it may be left from an earlier run."""
        try:
            return _notes(path).get("options") == self.options
        except CheckpointError:
            return False


def kept_run(context: click.Context, settings: dict[str, Any]) -> tuple[dict[str, Any], KeptRun]:
    """The settings of a run, those of an interrupted one where it is to go on, and how it is kept.

    Parameters
    ----------
    context : of the command, which knows which options were given
    settings : all its options

    Raises
    ------
    CheckpointError
        If what is to go on is no checkpoint that the command wrote.
    ConfigError
        If an option was given that it was not begun with, or ``--checkpoint-every`` says nothing.
    """
    text, resume = settings.pop("checkpoint_every"), settings.pop("resume")
    every = None if text is None else Every.parse(text)
    if resume is None:
        run = KeptRun() if every is None else KeptRun(Path(settings["output"]) / FILE, every, _flat(settings))
        return settings, run
    notes = _notes(resume)
    begun = notes.get("options")
    if not isinstance(begun, dict):
        raise CheckpointError(
            f"{resume} was not written by `jitcnn train`: resume it in Python, with the `fit` it is from."
        )
    known = {param.name: param for param in context.command.params if param.name not in MAY_DIFFER}
    begun = {name: known[name].type_cast_value(context, value) for name, value in begun.items() if name in known}
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    asked = _flat(settings)
    for name in sorted(given & set(begun)):
        if asked[name] != begun[name]:
            raise ConfigError(
                f"{known[name].opts[0]} {asked[name]} is not what {resume} was begun with, {begun[name]}: leave the option "
                "out, or train anew without --resume."
            )
    if "output" not in given:
        settings["output"] = str(Path(resume).parent)
    for name in settings["pictures"]:
        settings["pictures"][name] = begun.pop(name, settings["pictures"][name])
    settings |= begun
    return settings, KeptRun(Path(resume), every or Every.parse(notes.get("every", "1epoch")), _flat(settings), True)


def _notes(path: str | Path) -> dict[str, Any]:
    with open_checkpoint(path) as file:
        notes = training_in(file).get("notes")
    return notes if isinstance(notes, dict) else {}


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """The options that decide a training, by name."""
    flat = {**settings, **settings["pictures"]}
    return {name: value for name, value in flat.items() if name not in (*MAY_DIFFER, "pictures")}
