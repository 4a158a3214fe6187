"""Run ``jitcnn train`` and print its output."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from jitcnn.data import Dataset, choose_recipe, load_dataset
from jitcnn.history import History
from jitcnn.layers import Conv2D
from jitcnn.metrics import evaluate
from jitcnn.models import MODELS
from jitcnn.net.model import CNN
from jitcnn.recipes import Recipe
from jitcnn.shift import shift_test
from jitcnn.support.interrupts import HeldInterrupts
from jitcnn.training import Checkpoints, fit_by, model_by, prepare
from jitcnn.training.resume import Progress, read_training
from jitcnn_cli import options as cli_options
from jitcnn_cli.console import DownloadBar, headline, machine_line, model_table, stdout, working
from jitcnn_cli.kept_filters import KeptFilters
from jitcnn_cli.kept_run import KeptRun
from jitcnn_cli.results_screen import save_curves, save_filters, save_history, show_files, show_results, show_shifts
from jitcnn_cli.run_folder import BASELINE, RunFolder
from jitcnn_cli.training_progress import EpochLines


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
    validation: int | None
    no_baseline: bool
    snapshots: bool

    @property
    def overrides(self) -> dict[str, Any]:
        """The settings of the recipe that options replace."""
        given = {
            "model": self.model_name, "epochs": self.epochs, "batch_size": self.batch_size, "learning_rate": self.lr,
            "momentum": self.momentum,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value is not None}


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
    histories: dict[str, History] = field(default_factory=dict)

    @property
    def model(self) -> CNN:
        """The model, not the baseline."""
        return next(iter(self.models.values()))

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C or SIGTERM ended a training."""
        return any(history.interrupted for history in self.histories.values())


def run(options: TrainOptions, kept: KeptRun) -> bool:
    """Train, evaluate, and write all files; False if the training was interrupted."""
    console = stdout()
    folder = RunFolder.create(options.output)
    _show_header(console, options.impl)
    data, note = _load_data(options)
    current = _new_run(console, options, folder, kept, data)
    filters = KeptFilters(current.model, folder, console) if options.snapshots else None
    _show_plan(current, note)
    with working("preparing"):
        prepare(current.model, current.recipe.batch_size, current.recipe)
    kept.check_unfinished(folder.history, len(current.models) > 1)
    _train_all(current, filters)
    _save_models(current)
    results = {name: evaluate(current.models[name], data.x_test, data.y_test) for name in current.histories}
    show_results(console, current.models, current.histories, results, data.evaluated_on)
    files = _files_so_far(current, filters)
    with folder.writing():
        files |= _save_pictures(current)
        shifts = None
        if not current.interrupted:
            shifts = shift_test(current.models, data.x_test, data.y_test)
            show_shifts(console, shifts, data)
        if save_curves(current.histories, folder.curves):
            files[folder.curves] = "loss and accuracy per epoch"
        settings = {
            "recipe": current.recipe.as_dict(), "impl": options.impl, "seed": options.seed, "validation": options.validation,
        }  # fmt: skip
        save_history(folder.history, data, settings, current.histories, results, shifts)
        files[folder.history] = "settings and metrics of this run"
        show_files(console, files)
    return not current.interrupted


def _show_header(console: Console, impl: str) -> None:
    import jitcnn

    chosen = "auto (the fastest algorithm for each layer)" if impl == "auto" else impl
    headline(console, f"jitcnn {jitcnn.__version__}", ": a convolutional neural network from scratch")
    console.print(f"implementation {chosen} · {machine_line()}\n", soft_wrap=True)


def _load_data(options: TrainOptions) -> tuple[Dataset, str]:
    """The data set, and a note to print, such as why another one is used."""
    wanted = cli_options.dataset_for(options.dataset, options.recipe)
    data, note = load_dataset(wanted, options.data_dir, DownloadBar(), seed=options.seed, **options.pictures)
    data = data if options.limit is None else data.limited(options.limit)
    return data if options.validation is None else data.validation(options.validation), note


def _new_run(console: Console, options: TrainOptions, folder: RunFolder, kept: KeptRun, data: Dataset) -> Run:
    """Choose the recipe, and build the model and its baseline."""
    recipe = choose_recipe(options.recipe, data.name, data.channels).changed(**options.overrides)
    build = partial(model_by, seed=options.seed, impl=options.impl, num_classes=data.num_classes)
    model = build(recipe)
    if options.no_baseline or model.name == BASELINE or model.input_shape != MODELS[BASELINE].input_shape:
        recipe = recipe.changed(baseline=False)
    models = {model.name: model}
    if recipe.baseline:
        models[BASELINE] = build(recipe.changed(model=BASELINE))
    for net in models.values():
        data.check_fit(net)
    return Run(console, options, folder, kept, data, recipe, models)


def _show_plan(current: Run, note: str) -> None:
    """Print the model, the data and the recipe."""
    console, data, recipe = current.console, current.data, current.recipe
    console.print(model_table(current.model, recipe.batch_size))
    if recipe.baseline:
        parameters = current.models[BASELINE].parameter_count
        console.print(f"baseline {BASELINE} (no convolution): {parameters:,} parameters\n")
    if note:
        console.print(note, style="yellow", soft_wrap=True)
    console.print(
        f"data set {data.name}: {len(data.x_train):,} training and {len(data.x_test):,} {data.evaluated_on} images "
        f"({data.source})",
        soft_wrap=True,
    )
    console.print("\n".join(recipe.lines()), soft_wrap=True)
    changes = [name.replace("_", " ") for name in current.options.overrides]
    if changes:
        console.print(f"  overrides  {', '.join(changes)}", soft_wrap=True)
    centred = ", normalised by mean and std of the training images" if recipe.normalise else ""
    seed = current.options.seed
    console.print(f"  other      He initialisation, pixels / 255{centred}, seed {seed}\n", soft_wrap=True)


def _train_all(current: Run, filters: KeptFilters | None) -> None:
    """Train the model, then the baseline, unless interrupted; then say how to resume."""
    model, console, kept = current.model, current.console, current.kept
    for name, net in [*current.models.items()]:
        train = partial(_train, current, net, filters if net is model else None)
        current.models[name], current.histories[name] = kept.train(net, net is not model, train)
        if current.interrupted:
            console.print("interrupted: saving the weights trained so far")
            if kept.path is not None:
                console.print(f"resume with: jitcnn train --resume {kept.path}", soft_wrap=True)
            console.print()
            return


def _train(
    current: Run, net: CNN, filters: KeptFilters | None, *, checkpoint: Checkpoints | None, resume: Path | None
) -> History:
    """Train one model; print one line per epoch."""
    at = Progress() if resume is None else read_training(resume)[0]
    place = "already finished" if at.finished else f"resuming epoch {at.epoch} after {at.seen:,} images"
    headline(current.console, f"training {net.name}", "" if resume is None else f": {place} ({resume})")
    callbacks = [EpochLines(current.console), *([] if filters is None else [filters])]
    if filters is not None:
        filters.resume = resume
    return fit_by(
        current.recipe, net, current.data, seed=current.options.seed, checkpoint=checkpoint, resume=resume,
        callbacks=callbacks,
    )  # fmt: skip


def _save_models(current: Run) -> None:
    """Write the models; an interrupt from here to the end of the evaluation does not lose the weights."""
    with current.folder.writing(), HeldInterrupts() as held:
        for name in current.histories:
            current.models[name].save(current.folder.model(name))
    held.obey()


def _files_so_far(current: Run, filters: KeptFilters | None) -> dict[Path, str]:
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
    return files


def _save_pictures(current: Run) -> dict[Path, str]:
    """Plot the filters of the first layer, if it is a convolution on images."""
    first, file = current.model.layers[0], current.folder.filters
    if not isinstance(first, Conv2D) or first.in_channels not in (1, 3) or current.interrupted:
        return {}
    save_filters(current.model, file)
    current.console.print(f"learned filters of the first layer: {file}\n", soft_wrap=True)
    return {file: "filters of the first layer"}
