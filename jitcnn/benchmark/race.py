"""Training time to a target accuracy, with a receipt to reproduce it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from statistics import mean, stdev
from typing import Any

from ..data import Dataset
from ..history import Epoch
from ..recipes import Recipe
from ..training import fit_by, model_by, prepare
from .machine import environment


@dataclass(frozen=True)
class Run:
    """Result of one seed.

    Attributes
    ----------
    seconds : float or None, training time to the target without compilation and evaluation; None if not reached
    weights_sha256 : str, SHA-256 of all parameters in order; reproducible with any number of threads
    """

    seed: int
    seconds: float | None
    epochs: int
    accuracy: float
    weights_sha256: str
    interrupted: bool


def race(
    data: Dataset,
    recipe: Recipe,
    *,
    target: float,
    seeds: int = 3,
    impl: str = "auto",
    on_batch: Callable[[int, int, int], object] | None = None,
    on_epoch: Callable[[int, Epoch], object] | None = None,
) -> list[Run]:
    """Train with seeds 0, 1, 2, … until the test accuracy reaches ``target`` or the recipe ends.

    Parameters
    ----------
    data : Dataset; the test images are evaluated after every epoch, only to decide when to stop
    recipe : Recipe, including the net
    target : float in [0, 1]
    seeds : int, number of runs
    impl : str, implementation of the layers
    on_batch : callable, see ``fit``
    on_epoch : callable, called with the seed and the completed Epoch

    Returns
    -------
    list of Run
        After Ctrl-C, the last run is the one stopped, with ``interrupted`` set.
    """
    runs: list[Run] = []
    for seed in range(seeds):
        net = model_by(
            recipe,
            seed=seed,
            impl=impl,
            num_classes=data.num_classes,
            input_shape=data.image_shape,
            images=len(data.x_train),
        )
        prepare(net, recipe.batch_size, recipe)
        report = None if on_epoch is None else partial(on_epoch, seed)
        history = fit_by(recipe, net, data, seed=seed, until=target, on_batch=on_batch, on_epoch=report)
        accuracy = history.epochs[-1].test_accuracy if history.epochs else 0.0
        reached = history.seconds if accuracy >= target else None
        runs.append(Run(seed, reached, len(history.epochs), accuracy, net.fingerprint(), history.interrupted))
        if history.interrupted:
            break
    return runs


def summary(runs: list[Run]) -> tuple[float, float] | None:
    """Mean and standard deviation of the seconds; None if any run missed the target."""
    seconds = [run.seconds for run in runs if run.seconds is not None]
    if not seconds or len(seconds) < len(runs):
        return None
    return mean(seconds), stdev(seconds) if len(seconds) > 1 else 0.0


def receipt(command: str, data: Dataset, recipe: Recipe, target: float, runs: list[Run]) -> dict[str, Any]:
    """Everything needed to reproduce the race, and its results, as JSON-serialisable values."""
    found = summary(runs)
    return {
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": data.name,
        "train_images": len(data.x_train),
        "test_images": len(data.x_test),
        "target": target,
        "recipe": recipe.as_dict(),
        "runs": [asdict(run) for run in runs],
        "mean_seconds": found and found[0],
        "standard_deviation": found and found[1],
        **environment(),
    }
