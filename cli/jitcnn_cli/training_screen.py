"""Run ``jitcnn train`` and print its output."""

from functools import partial
from pathlib import Path

from rich.console import Console

from jitcnn.data import Dataset, choose_recipe, load_dataset, repeated_images, trained_on_warning
from jitcnn.history import History
from jitcnn.metrics import evaluate
from jitcnn.net.model import CNN
from jitcnn.recipes import Recipe
from jitcnn.shift import shift_test
from jitcnn.support.interrupts import HeldInterrupts
from jitcnn.support.text import count_of
from jitcnn.training import Checkpoints, fit_by, model_by, prepare
from jitcnn_cli import options as cli_options
from jitcnn_cli.console import data_bar, headline, machine_line, model_table, stdout, working
from jitcnn_cli.data_shape import few_steps, fitting_pictures, has_baseline, resolved, slower_without_normalisation
from jitcnn_cli.dry_run_screen import show_dry_run
from jitcnn_cli.fine_tuning import built_from, freeze_layers, origin, plan_lines, start_of, with_its_pictures
from jitcnn_cli.kept_filters import KeptFilters
from jitcnn_cli.kept_run import KeptRun
from jitcnn_cli.manifest import RUN
from jitcnn_cli.results_screen import save_curves, save_filters, show_files, show_results, show_shifts
from jitcnn_cli.resuming import Standing
from jitcnn_cli.run_folder import BASELINE, RunFolder
from jitcnn_cli.run_logs import TENSORBOARD, logs, remove_stale_events
from jitcnn_cli.streams import keep_going
from jitcnn_cli.training_progress import EpochLines
from jitcnn_cli.training_run import (
    Run,
    TrainOptions,
    checkpoints_of,
    claim_files,
    files_so_far,
    has_pictures,
    identity_of,
    save_run,
)


def run(options: TrainOptions, kept: KeptRun, dry_run: bool = False) -> bool:
    """Train, evaluate, and write all files; False if the training was interrupted. A dry run only estimates time and memory."""
    keep_going()
    console = stdout()
    folder = RunFolder(options.output) if dry_run else RunFolder.create(options.output)
    _show_header(console, options.impl)
    start = start_of(options, kept)
    data, note = _load_data(options, start)
    current = _new_run(console, options, folder, kept, data, start)
    filters = KeptFilters(current.model, folder, console) if options.snapshots else None
    _show_plan(current, note)
    with working("preparing"):
        prepare(current.model, current.recipe.batch_size, current.recipe)
    if dry_run:
        show_dry_run(current, filters)
        return True
    if folder.is_complete():
        kept.check_unfinished(folder.history, len(current.models) > 1)
    claim_files(current, filters)
    _train_all(current, filters)
    _save_models(current, filters)
    results = {name: evaluate(current.models[name], data.x_test, data.y_test) for name in current.histories}
    files = files_so_far(current, filters)
    with folder.writing():
        save_run(current, results, None, files, [folder.filters, folder.curves])
        show_results(console, current.models, current.histories, results, data.evaluated_on)
        files |= _save_pictures(current)
        shifts = None
        if not current.interrupted:
            shifts = shift_test(current.models, data.x_test, data.y_test)
            show_shifts(console, shifts, data)
        if save_curves(console, current.histories, folder.curves):
            files[folder.curves] = "loss and accuracy per epoch"
        save_run(current, results, shifts, files)
        files[folder.history] = "settings and metrics of this run"
        show_files(console, files)
    return not current.interrupted


def _show_header(console: Console, impl: str) -> None:
    import jitcnn

    chosen = "auto (the fastest algorithm for each layer)" if impl == "auto" else impl
    headline(console, f"jitcnn {jitcnn.__version__}", ": a convolutional neural network from scratch")
    console.print(f"implementation {chosen} · {machine_line()}\n", soft_wrap=True)


def _load_data(options: TrainOptions, start: CNN | None) -> tuple[Dataset, str]:
    """The data set, and a note to print, such as why another one is used."""
    wanted = cli_options.dataset_for(options.dataset, options.recipe)
    options, of_start = with_its_pictures(options, wanted, start)
    pictures, resized = fitting_pictures(wanted, options.model_name, options.recipe, options.pictures)
    data, note = load_dataset(wanted, options.data_dir, data_bar(wanted), seed=options.seed, **pictures)
    data = data if options.limit is None else data.limited(options.limit)
    if options.validation is not None:
        data = data.validation(options.validation)
    elif data.x_validation is not None and _recipe_for(options, data).selects:
        data = data.validation()
    seen = "" if start is None else trained_on_warning(data.x_test, start)
    return data, "\n".join(filter(None, [note, resized, repeated_images(data), of_start, seen]))


def _recipe_for(options: TrainOptions, data: Dataset) -> Recipe:
    return choose_recipe(options.recipe, data.name, data.channels).changed(**options.overrides)


def _new_run(
    console: Console, options: TrainOptions, folder: RunFolder, kept: KeptRun, data: Dataset, start: CNN | None
) -> Run:
    """Choose the recipe, and build the model and its baseline."""
    recipe, why = resolved(_recipe_for(options, data), data)
    build = partial(
        model_by, seed=options.seed, impl=options.impl, num_classes=data.num_classes, input_shape=data.image_shape
    )
    if start is None:
        model, taken = build(recipe), ""
    else:
        model, recipe, taken = built_from(start, build, recipe, options, kept, data)
    own = choose_recipe(options.recipe, data.name, data.channels)
    recipe, slower = slower_without_normalisation(recipe, own, model, options.lr)
    freeze_layers(model, recipe)
    is_alone = options.no_baseline or start is not None or bool(recipe.freeze or recipe.rate_factors)
    if is_alone or not has_baseline(recipe, model, data.image_shape):
        recipe = recipe.changed(baseline=False)
    models = {model.name: model}
    if recipe.baseline:
        models[BASELINE] = build(recipe.changed(model=BASELINE))
    for net in models.values():
        data.check_fit(net)
    identity = identity_of(options, recipe, data)
    return Run(
        console,
        options,
        folder,
        kept,
        data,
        recipe,
        models,
        identity,
        why="\n".join(filter(None, [why, slower])),
        start=taken,
    )


def _show_plan(current: Run, note: str) -> None:
    """Print the model, the data and the recipe."""
    console, data, recipe = current.console, current.data, current.recipe
    console.print(model_table(current.model, recipe.batch_size))
    if recipe.baseline:
        parameters = current.models[BASELINE].parameter_count
        console.print(f"baseline {BASELINE} (no convolution): {parameters:,} parameters\n")
    if current.why:
        console.print(current.why, soft_wrap=True)
    for line in filter(None, [note, few_steps(recipe, data)]):
        console.print(line, style="yellow", soft_wrap=True)
    console.print(
        f"data set {data.name}: {len(data.x_train):,} training and "
        f"{count_of(len(data.x_test), f'{data.evaluated_on} image')} ({data.source})",
        soft_wrap=True,
    )
    console.print("\n".join([*plan_lines(current), *recipe.lines()]), soft_wrap=True)
    changes = [name.replace("_", " ") for name in current.options.overrides]
    if changes:
        console.print(f"  overrides  {', '.join(changes)}", soft_wrap=True)
    seed, weights, normalised = current.options.seed, *origin(current)
    console.print(f"  other      {weights}, pixels / 255{normalised}, seed {seed}\n", soft_wrap=True)


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
    place = Standing.read(resume, current.recipe).describe()
    headline(current.console, f"training {net.name}", f": {place}" if place else "")
    callbacks = [EpochLines(current.console), *([] if filters is None else [filters])]
    callbacks += logs(current.folder, current.options.log, net.name, net is not current.model, resume)
    if filters is not None:
        filters.resume = resume
    return fit_by(
        current.recipe, net, current.data, seed=current.options.seed, checkpoint=checkpoint, resume=resume,
        callbacks=callbacks,
    )  # fmt: skip


def _save_models(current: Run, filters: KeptFilters | None) -> None:
    """Write the models; an interrupt from here to the end of the evaluation does not lose the weights.

    Then remove what an earlier run left in the folder, unless this run goes on with it.
    """
    with current.folder.writing(), HeldInterrupts() as held:
        for name in current.histories:
            current.models[name].save(current.folder.model(name), notes={RUN: current.identity})
        if not current.kept.resumes:
            remove_stale_events(current.folder, current.histories if TENSORBOARD in current.options.log else ())
            current.folder.manifest.remove_except([*files_so_far(current, filters), *checkpoints_of(current)])
    held.obey()


def _save_pictures(current: Run) -> dict[Path, str]:
    """Plot the filters of the first layer, if it is a convolution on images."""
    file = current.folder.filters
    if not has_pictures(current.model) or current.interrupted:
        return {}
    if not save_filters(current.console, current.model, file):
        return {}
    current.console.print(f"learned filters of the first layer: {file}\n", soft_wrap=True)
    return {file: "filters of the first layer"}
