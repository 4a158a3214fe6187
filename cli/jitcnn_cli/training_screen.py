"""Run ``jitcnn train`` and print its output."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter
from typing import Any

from rich.console import Console

from jitcnn.data import Dataset, load_dataset
from jitcnn.errors import ConfigError
from jitcnn.history import Epoch, History
from jitcnn.interrupts import HeldInterrupts
from jitcnn.layers import Conv2D
from jitcnn.metrics import evaluate
from jitcnn.model import CNN
from jitcnn.models import MODELS
from jitcnn.recipes import Recipe, choose_recipe
from jitcnn.shift import shift_test
from jitcnn.training import fit_by, model_by, prepare
from jitcnn.training.checkpointing import Checkpoints
from jitcnn.training.resume import Progress, read_training
from jitcnn_cli import options
from jitcnn_cli.console import DownloadBar, batch_bar, headline, machine_line, model_table, stdout, working
from jitcnn_cli.kept_filters import KeptFilters
from jitcnn_cli.kept_run import KeptRun
from jitcnn_cli.results_screen import save_curves, save_filters, save_history, show_files, show_results, show_shifts
from jitcnn_cli.run_folder import BASELINE, HISTORY_FILE, model_file

FILTERS_FILE, CURVES_FILE = "learned_filters_conv1.png", "training_curves.png"


def run(
    *,
    dataset: str,
    data_dir: str | None,
    pictures: dict[str, Any],
    model_name: str | None,
    impl: str,
    recipe: str,
    epochs: int | None,
    batch_size: int | None,
    lr: float | None,
    momentum: float | None,
    seed: int,
    threads: int | None,
    output: str,
    limit: int | None,
    validation: int | None,
    no_baseline: bool,
    snapshots: bool,
    kept: KeptRun,
) -> bool:
    """Run ``jitcnn train`` with these option values; False if the training was interrupted."""
    console = stdout()
    folder = _writable_folder(output)
    _show_what_runs(console, impl)

    data, note = load_dataset(options.dataset_for(dataset, recipe), data_dir, DownloadBar(), seed=seed, **pictures)
    data = data if limit is None else data.limited(limit)
    data = data if validation is None else data.validation(validation)
    given = {"model": model_name, "epochs": epochs, "batch_size": batch_size, "learning_rate": lr, "momentum": momentum}
    chosen = choose_recipe(recipe, data.name, data.channels).changed(**given)
    model = model_by(chosen, seed=seed, impl=impl, num_classes=data.num_classes)
    if no_baseline or model.name == BASELINE or model.input_shape != MODELS[BASELINE].input_shape:
        chosen = chosen.changed(baseline=False)
    models = {model.name: model}
    kept_filters = KeptFilters(model, folder, console) if snapshots else None
    console.print(model_table(model, chosen.batch_size))
    if chosen.baseline:
        models[BASELINE] = model_by(chosen.changed(model=BASELINE), seed=seed, impl=impl, num_classes=data.num_classes)
        console.print(f"baseline {BASELINE} (no convolution): {models[BASELINE].parameter_count:,} parameters\n")
    for net in models.values():
        data.check_fit(net)
    if note:
        console.print(note, style="yellow", soft_wrap=True)
    console.print(
        f"data set {data.name}: {len(data.x_train):,} training and {len(data.x_test):,} {data.evaluated_on} images "
        f"({data.source})",
        soft_wrap=True,
    )
    console.print("\n".join(chosen.lines()), soft_wrap=True)
    changes = [name.replace("_", " ") for name, value in given.items() if value is not None]
    if changes:
        console.print(f"  overrides  {', '.join(changes)}", soft_wrap=True)
    centred = ", normalised by mean and std of the training images" if chosen.normalise else ""
    console.print(f"  other      He initialisation, pixels / 255{centred}, seed {seed}\n", soft_wrap=True)

    with working("preparing"):
        prepare(model, chosen.batch_size, chosen)
    settings = {"recipe": chosen.as_dict(), "impl": impl, "seed": seed, "validation": validation}
    histories: dict[str, History] = {}
    kept.check_unfinished(folder / HISTORY_FILE, len(models) > 1)
    for name, net in [*models.items()]:
        train = partial(_train, console, net, data, chosen, seed, kept_filters if net is model else None)
        models[name], histories[name] = kept.train(net, name != model.name, train)
        if histories[name].interrupted:
            break
    model = models[model.name]
    stopped = any(history.interrupted for history in histories.values())
    if stopped:
        console.print("interrupted: saving the weights trained so far")
        if kept.path is not None:
            console.print(f"resume with: jitcnn train --resume {kept.path}", soft_wrap=True)
        console.print()

    with _writing(folder), HeldInterrupts() as held:  # an interrupt during the evaluation must not lose the weights
        model.save(folder / model_file(model.name))
        if len(histories) > 1:
            models[BASELINE].save(folder / model_file(BASELINE))
    held.obey()
    results = {name: evaluate(models[name], data.x_test, data.y_test) for name in histories}
    show_results(console, models, histories, results, data.evaluated_on)

    files: dict[str, str] = {}
    if kept.path is not None and kept.path.parent == folder:
        files[kept.path.name] = "checkpoint for --resume"
    files[model_file(model.name)] = "the model; use it with `jitcnn play`, `jitcnn report` or `jitcnn predict`"
    if len(histories) > 1:
        files[model_file(BASELINE)] = "the baseline model"
    if kept_filters is not None and kept_filters.is_written:
        files[kept_filters.path.name] = "filters of each epoch; plot them with `jitcnn plot evolution`"
    with _writing(folder):
        first = model.layers[0]
        if isinstance(first, Conv2D) and first.in_channels in (1, 3) and not stopped:
            save_filters(model, folder / FILTERS_FILE)
            console.print(f"learned filters of the first layer: {folder / FILTERS_FILE}\n", soft_wrap=True)
            files[FILTERS_FILE] = "filters of the first layer"
        shifts = None
        if not stopped:
            shifts = shift_test(models, data.x_test, data.y_test)
            show_shifts(console, shifts, data)
        if save_curves(histories, folder / CURVES_FILE):
            files[CURVES_FILE] = "loss and accuracy per epoch"
        save_history(folder / HISTORY_FILE, data, settings, histories, results, shifts)
        files[HISTORY_FILE] = "settings and metrics of this run"
        show_files(console, folder, files)
    return not stopped


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a write error into a ConfigError; existing files stay unchanged."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The files could not be written to {folder}: {error.strerror or error}; free disk space or choose another "
            "--output."
        ) from error


def _writable_folder(output: str) -> Path:
    """Create the output folder; fails before the training, not after it."""
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise ConfigError(
            f"--output {output} cannot be written: {error.strerror or error}; choose another folder."
        ) from error


def _show_what_runs(console: Console, impl: str) -> None:
    import jitcnn

    chosen = "auto (the fastest algorithm for each layer)" if impl == "auto" else impl
    headline(console, f"jitcnn {jitcnn.__version__}", ": a convolutional neural network from scratch")
    console.print(f"implementation {chosen} · {machine_line()}\n", soft_wrap=True)


def _train(
    console: Console,
    net: CNN,
    data: Dataset,
    recipe: Recipe,
    seed: int,
    kept_filters: KeptFilters | None,
    *,
    checkpoint: Checkpoints | None,
    resume: Path | None,
) -> History:
    """Train one model; print one line per epoch."""
    at = Progress() if resume is None else read_training(resume)[0]
    place = "already finished" if at.finished else f"resuming epoch {at.epoch} after {at.seen:,} images"
    headline(console, f"training {net.name}", "" if resume is None else f": {place} ({resume})")
    if kept_filters is not None:
        kept_filters.begin(net, resume, at.epoch - 1)
    batches = -(-len(data.x_train) // recipe.batch_size)
    begun: tuple[float, int] | None = None  # start time, and images of the epoch seen by then
    bar = batch_bar(f"epoch {at.epoch}", batches)

    def on_batch(batch: int, _: int, seen: int) -> None:
        nonlocal begun
        if begun is None:
            begun = perf_counter(), seen
        else:
            bar.show(batch, f"{(seen - begun[1]) / (perf_counter() - begun[0]):,.0f} images/s")

    def on_epoch(epoch: Epoch) -> None:
        nonlocal bar, begun
        begun = None
        bar.__exit__()
        console.print(
            f"epoch {epoch.epoch:>2}/{recipe.epochs}   "
            f"train loss {epoch.train_loss:.4f}, accuracy {epoch.train_accuracy:7.2%}   "
            f"{data.evaluated_on} loss {epoch.test_loss:.4f}, accuracy {epoch.test_accuracy:7.2%}   {epoch.seconds:5.1f} s",
            soft_wrap=True,
        )
        for remark in epoch.remarks:
            console.print(f"  {remark}", style="yellow", soft_wrap=True)
        if kept_filters is not None:
            kept_filters.take(net, epoch.epoch)
        bar = batch_bar(f"epoch {epoch.epoch + 1}", batches)
        if epoch.epoch < recipe.epochs:
            bar.__enter__()

    try:
        bar.__enter__()
        return fit_by(
            recipe, net, data, seed=seed, checkpoint=checkpoint, resume=resume, on_batch=on_batch, on_epoch=on_epoch
        )
    finally:
        bar.__exit__()
        console.print()
