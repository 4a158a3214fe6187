"""``jitcnn race``: seconds until the target, and a receipt."""

from typing import Any

import click

from jitcnn_cli import options


@click.command("race")
@click.option(
    "--target",
    type=click.FloatRange(0, 100, min_open=True),
    default=99.0,
    show_default=True,
    help="Test accuracy to reach, in per cent.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Runs, with seeds 0, 1, 2, …")
@options.recipe_option("fast")
@options.dataset_option
@options.data_dir_option
@options.picture_options
@options.impl_option
@options.threads_option
@options.limit_option
@click.option(
    "--receipt",
    type=click.Path(dir_okay=False),
    default="race.json",
    show_default=True,
    help="File that says what ran, on what, and what came out.",
)
def command(
    target: float,
    seeds: int,
    recipe: str,
    dataset: str,
    data_dir: str | None,
    pictures: dict[str, Any],
    impl: str,
    threads: int | None,
    limit: int | None,
    receipt: str,
) -> None:
    """Train until a target is reached, several times, and tell how long it took.

    Compiling and the evaluation after each epoch are not counted. Exit code 1 if a run ends without
    reaching the target.

    \b
    Example:
      jitcnn race --dataset digits --target 90 --seeds 1
    """
    import json
    import sys

    from jitcnn.benchmark import race as races
    from jitcnn.benchmark.machine import processor
    from jitcnn.data import load_dataset
    from jitcnn.files import atomic_write
    from jitcnn.kernels import runtime
    from jitcnn.recipes import choose_recipe
    from jitcnn_cli.console import DownloadBar, stdout, table, working
    from jitcnn_cli.main import INTERRUPTED

    console = stdout()
    data, note = load_dataset(options.dataset_for(dataset, recipe), data_dir, DownloadBar(), **pictures)
    if note:
        console.print(note, style="yellow", soft_wrap=True)
    data = data if limit is None else data.limited(limit)
    chosen = choose_recipe(recipe, data.name, data.channels)
    console.print(
        f"race to {target:g} % on {data.name}: {impl}, {runtime.thread_count()} threads, {processor()}", soft_wrap=True
    )
    console.print("\n".join(chosen.lines()), soft_wrap=True)
    with working("racing"):
        runs = races.race(
            data, chosen, target=target / 100, seeds=seeds, impl=impl,
            on_epoch=lambda seed, epoch: console.print(
                f"seed {seed}, epoch {epoch.epoch}: test accuracy {epoch.test_accuracy:.2%}, {epoch.seconds:.1f} s",
                soft_wrap=True,
            ),
        )  # fmt: skip
    shown = table(None, "seed", "epochs", "test accuracy", "seconds to target", "SHA-256 of the weights")
    for run in runs:
        seconds = "not reached" if run.seconds is None else f"{run.seconds:.2f}"
        shown.add_row(str(run.seed), str(run.epochs), f"{run.accuracy:.2%}", seconds, run.weights_sha256[:16] + "…")
    console.print(shown)
    found = races.summary(runs)
    if found:
        console.print(
            f"{target:g} % after {found[0]:.2f} s of training (mean of {len(runs)}, standard deviation {found[1]:.2f} s)"
        )
    else:
        console.print(f"{sum(run.seconds is None for run in runs)} of {len(runs)} runs did not reach {target:g} %")
    line = " ".join(["jitcnn", *sys.argv[1:]])
    with atomic_write(receipt) as file:
        file.write(json.dumps(races.receipt(line, data, chosen, target / 100, runs), indent=2).encode())
    console.print(f"receipt: {receipt}", soft_wrap=True)
    if runs[-1].interrupted:
        click.get_current_context().exit(INTERRUPTED)
    if not found:
        click.get_current_context().exit(1)
