"""``jitcnn race``: training time to a target accuracy, with a JSON record."""

from typing import Any

import click

from jitcnn_cli import options


@click.command("race")
@click.option(
    "--target",
    type=click.FloatRange(0, 100, min_open=True),
    default=99.0,
    show_default=True,
    help="Test accuracy to reach, in percent.",
)
@click.option(
    "--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Number of runs, with seeds 0, 1, 2, …"
)
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
    help="JSON file for the command, environment, settings and results.",
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
    """Train to a target accuracy with several seeds, and report the training time.

    The time excludes compilation and the evaluation after each epoch. Exits with code 1 if a run does not reach the
    target.

    \b
    Example:
      jitcnn race --dataset digits --target 90 --seeds 1
    """
    import json
    import sys

    from jitcnn.benchmark import race as races
    from jitcnn.benchmark.machine import processor
    from jitcnn.data import choose_recipe, load_dataset
    from jitcnn.kernels import runtime
    from jitcnn.support.files import atomic_write
    from jitcnn_cli.console import data_bar, stdout, table, working
    from jitcnn_cli.main import INTERRUPTED

    console = stdout()
    wanted = options.dataset_for(dataset, recipe)
    data, note = load_dataset(wanted, data_dir, data_bar(wanted), **pictures)
    if note:
        console.print(note, style="yellow", soft_wrap=True)
    data = data if limit is None else data.limited(limit)
    chosen = choose_recipe(recipe, data.name, data.channels)
    console.print(
        f"target {target:g} % test accuracy on {data.name}: {impl}, {runtime.thread_count()} threads, {processor()}",
        soft_wrap=True,
    )
    console.print("\n".join(chosen.lines()), soft_wrap=True)
    with working("training"):
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
            f"{target:g} % after {found[0]:.2f} s of training "
            f"(mean of {len(runs)} run{'s' * (len(runs) > 1)}, std {found[1]:.2f} s)"
        )
    else:
        console.print(f"{sum(run.seconds is None for run in runs)} of {len(runs)} runs did not reach {target:g} %")
    line = " ".join(["jitcnn", *sys.argv[1:]])
    with atomic_write(receipt) as file:
        file.write(json.dumps(races.receipt(line, data, chosen, target / 100, runs), indent=2).encode())
    console.print(f"receipt written to {receipt}", soft_wrap=True)
    if runs[-1].interrupted:
        click.get_current_context().exit(INTERRUPTED)
    if not found:
        click.get_current_context().exit(1)
