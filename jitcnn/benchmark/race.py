"""How long until a net reads so many test images correctly, with a receipt that a stranger can repeat."""

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
    """One seed: ``seconds`` of training (compiling and evaluating apart) until the target, or None if it was not reached.

    ``weights_sha256`` is over all parameters in order, as bytes: the same on every run of the same code, whatever the
    number of threads.
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
    """Train with seeds 0, 1, 2, … until the test accuracy reaches ``target``, or the recipe ends.

    Parameters
    ----------
    data : Dataset; its test images are looked at after every epoch, and decide nothing but when to stop
    recipe : Recipe, which names the net too
    target : float, 0 … 1
    seeds : int, how many
    impl : how the net is computed
    on_batch : as ``fit``'s
    on_epoch : called with the seed and the Epoch just ended

    Returns
    -------
    list of Run
        Ctrl-C ends the race: the run it stopped is the last, and says so.
    """
    runs: list[Run] = []
    for seed in range(seeds):
        net = model_by(recipe, seed=seed, impl=impl, num_classes=data.num_classes)
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
    """Mean and standard deviation of the seconds; None unless every run reached the target."""
    seconds = [run.seconds for run in runs if run.seconds is not None]
    if not seconds or len(seconds) < len(runs):
        return None
    return mean(seconds), stdev(seconds) if len(seconds) > 1 else 0.0


def receipt(command: str, data: Dataset, recipe: Recipe, target: float, runs: list[Run]) -> dict[str, Any]:
    """Everything a stranger needs to repeat the race, and what came out here, as plain values."""
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
