"""Run ``jitcnn shift``: print its progress, table and conclusion, and write its plots."""

import json
from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path
from time import perf_counter
from typing import Any

import click
from rich import box
from rich.console import Console

from jitcnn.benchmark.machine import environment, processor
from jitcnn.data import Dataset, load_dataset
from jitcnn.errors import ConfigError
from jitcnn.kernels import runtime
from jitcnn.net.model import CNN
from jitcnn.plots import save_figure, shift_lines_figure, shift_maps_figure
from jitcnn.shift import LAB_NETS, Lab, LabNet, ShiftMap, shift_map, summarise_lab, translation_lab
from jitcnn.support.files import atomic_write
from jitcnn.support.text import count_of
from jitcnn_cli import options
from jitcnn_cli.console import NOTE, cell, data_bar, headline, stdout, table, working

ACCURACY_AT, AGREEMENT_AT = (0, 2, 4, 8), (1, 2, 4)


def run(
    *,
    dataset: str,
    data_dir: str | None,
    limit: int,
    epochs: int,
    seed: int,
    threads: int | None,
    images: int,
    reach: int,
    nets: tuple[str, ...],
    model_file: str | None,
    json_file: str | None,
    output: str,
) -> bool:
    """Run ``jitcnn shift`` with these option values; False if it was interrupted."""
    console = Console(stderr=True, quiet=True) if json_file == "-" else stdout()
    _check_writable(output)
    saved = None if model_file is None else CNN.load(model_file)
    if saved is None:
        data, note = load_dataset(dataset, data_dir, data_bar(dataset), seed=seed)
        data = data.limited(limit)
    else:
        as_it_takes = {"channels": None, "image_size": None}  # for an image folder: as the model requires
        data, note = options.data_for(saved, dataset, data_dir, as_it_takes, seed, limit)
    if note:
        console.print(note, style="yellow", soft_wrap=True)
    start, figures = perf_counter(), dict[Path, Callable[[], Any]]()
    if saved is not None:
        record, interrupted = _map_one(console, saved, data, images, reach, output, figures), False
    else:
        lab = _train_all(console, data, epochs, seed, images, reach, tuple(dict.fromkeys(nets)) or tuple(LAB_NETS))
        record, interrupted = _show_lab(console, lab, output, figures), lab.interrupted
    seconds = perf_counter() - start
    console.print(f"total time {seconds:.0f} s, {runtime.thread_count()} threads, {processor()}", soft_wrap=True)
    if json_file is not None:
        record = {**record, "total_seconds": seconds, **environment()}
        text = json.dumps(record, indent=2)
        if json_file == "-":
            click.echo(text)
        else:
            with atomic_write(json_file) as file:
                file.write(text.encode())
            console.print(f"results written to {json_file}", soft_wrap=True)
    for path, draw in figures.items():
        _save(console, draw, path)
    return not interrupted


def _check_writable(output: str) -> None:
    """ConfigError if the output folder is missing; raised before the training, not after."""
    if not Path(output).absolute().parent.is_dir():
        raise ConfigError(
            f"--output {output} cannot be written: the folder does not exist; create it or choose another."
        )


def _train_all(
    console: Console, data: Dataset, epochs: int, seed: int, images: int, reach: int, nets: tuple[str, ...]
) -> Lab:
    """Train and measure the models; print one line for each."""
    console.print(
        f"data set {data.name}: {count_of(len(data.x_train), 'training image')}, {count_of(epochs, 'epoch')} per model, "
        f"{count_of(min(images, len(data.x_test)), 'test image')}, shifts up to ±{count_of(reach, 'pixel')} ({data.source})\n",
        soft_wrap=True,
    )
    doing = ""

    def on_start(model: CNN, augmented: bool) -> None:
        nonlocal doing
        doing = f"{LAB_NETS[model.name]} on {_trained(augmented)} images"
        bar.show(0, doing)

    def on_net(net: LabNet) -> None:
        shifts, seconds = (2 * net.shifts.reach + 1) ** 2, max(net.map_seconds, 1e-9)
        console.print(
            f"{net.title:<22} on {_trained(net.augmented)} images: {net.seconds:5.1f} s "
            f"({epochs * len(data.x_train) / net.seconds:7,.0f} images/s), evaluation {seconds:5.1f} s "
            f"({shifts * net.shifts.image_count / seconds:7,.0f} images/s)",
            soft_wrap=True,
        )

    with working("training and evaluating", None, NOTE) as bar:
        lab = translation_lab(
            data, epochs, seed, images, reach, nets, on_start=on_start, on_net=on_net,
            on_batch=lambda batch, batches, _: bar.show(batch, f"{doing}: batch {batch} of {batches}"),
            on_shift=lambda shift, shifts: bar.show(shift, f"{doing}: shift {shift} of {shifts}"),
        )  # fmt: skip
    console.print()
    if lab.interrupted:
        console.print("interrupted: showing and saving the results so far\n")
    return lab


def _show_lab(console: Console, lab: Lab, output: str, figures: dict[Path, Callable[[], Any]]) -> dict[str, Any]:
    """Print the table and conclusion, note the figures to draw, by path; return everything as plain values."""
    if lab.nets:
        headline(
            console,
            "translation lab",
            f": {lab.dataset}, {count_of(lab.test_images, 'test image')}, one run per model, seed {lab.seed}",
        )
        _show_table(console, [(net.title, _trained(net.augmented), net.parameters, net.shifts) for net in lab.nets])
        console.print(summarise_lab(lab) + "\n", soft_wrap=True)
        maps: dict[str, list[tuple[str, ShiftMap]]] = {}
        for net in lab.nets:
            maps.setdefault(net.title, []).append((f"trained on {_trained(net.augmented)} images", net.shifts))
        title = f"Accuracy on shifted images, models with equal parameter count ({lab.dataset})"
        figures[Path(output)] = lambda: shift_maps_figure([*maps.items()], title)
        if len(lab.nets) > 1:
            path = Path(output)
            beside = path.with_name(f"{path.stem}_lines{path.suffix}")
            figures[beside] = lambda: shift_lines_figure(lab.nets, title)
    return {**lab.as_dict(), "conclusion": summarise_lab(lab)}


def _map_one(
    console: Console, model: CNN, data: Dataset, images: int, reach: int, output: str,
    figures: dict[Path, Callable[[], Any]],
) -> dict[str, Any]:  # fmt: skip
    """Measure a saved model; print the table and note the figure to draw, by path."""
    tested, labels = data.x_test[:images], data.y_test[:images]
    with working("evaluating", (2 * reach + 1) ** 2) as bar:
        shifts = shift_map(model, tested, labels, reach, on_shift=lambda shift, _: bar.show(shift))
    headline(console, model.name, f": {data.name}, {count_of(len(tested), 'test image')} ({data.source})")
    _show_table(console, [(model.name, "as saved", model.parameter_count, shifts)])
    title = f"Accuracy of {model.name} on shifted images ({data.name})"
    figures[Path(output)] = lambda: shift_maps_figure([(model.name, [("", shifts)])], title)
    return {"dataset": data.name, "model": model.name, "parameters": model.parameter_count, **shifts.as_dict()}


def _show_table(console: Console, rows: Sequence[tuple[str, str, int, ShiftMap]]) -> None:
    columns = [f"acc.\nat {ACCURACY_AT[0]}", *(f"\nat {distance}" for distance in ACCURACY_AT[1:])]
    columns += [f"same\nat {AGREEMENT_AT[0]}", *(f"\nat {distance}" for distance in AGREEMENT_AT[1:])]
    shown = table(None, "model", "trained\non", "para-\nmeters", *columns, left=2)
    shown.box, shown.padding, shown.pad_edge = box.HORIZONTALS, 0, False  # fits 80 columns
    for name, how, parameters, shifts in rows:
        shares = [shifts.accuracy_at(d) for d in ACCURACY_AT] + [shifts.agreement_at(d) for d in AGREEMENT_AT]
        shown.add_row(
            cell(name), how, f"{parameters:,}", *("–" if isnan(share) else f"{100 * share:.1f}" for share in shares)
        )
    console.print(shown)
    console.print(
        "acc. at d: accuracy in percent, averaged over all shifts with max(|dx|, |dy|) = d pixels; same at d: images with the "
        "same prediction as unshifted, in percent.\n",
        soft_wrap=True,
    )


def _save(console: Console, draw: Callable[[], Any], path: Path) -> None:
    try:
        save_figure(draw(), path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}; choose another --output.") from error
    console.print(f"plot written to {path}", soft_wrap=True)


def _trained(augmented: bool) -> str:
    return "shifted" if augmented else "unshifted"
