"""Load training histories from files."""

import json
import os
from pathlib import Path

from ..errors import DataError
from ..history import Epoch
from ..net.model import CNN
from ..training.record import read_training


def read_histories(path: str | os.PathLike[str]) -> dict[str, list[Epoch]]:
    """Load the epochs of each net, by name, from the ``history.json`` of a run or from a training checkpoint.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to list of Epoch

    Raises
    ------
    DataError, CheckpointError
        If the file is missing or damaged, or contains no epoch.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from jitcnn.history import Epoch, History
    >>> from jitcnn.inspection import read_histories
    >>> history = History([Epoch(1, 0.4, 0.88, 0.3, 0.91, 2.0, 700.0)])
    >>> _ = Path("history.json").write_text(json.dumps({"histories": {"lenet5": history.as_dict()}}))
    >>> read_histories("history.json")["lenet5"][0].test_accuracy
    0.91
    """
    path = Path(path)
    if path.suffix != ".json":
        histories = {CNN.load(path).name: read_training(path)[1].epochs}
    else:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))["histories"]
            histories = {str(name): [Epoch(**epoch) for epoch in told[name]["epochs"]] for name in told}
            _check_numbers(histories)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise DataError(
                f"{path} is not a training history ({error}): expected the history.json of `jitcnn train`."
            ) from error
    histories = {name: epochs for name, epochs in histories.items() if epochs}
    if not histories:
        raise DataError(f"{path} contains no completed epoch: train for at least one epoch, then plot the curves.")
    return histories


def _check_numbers(histories: dict[str, list[Epoch]]) -> None:
    names = ("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
    for epoch in [epoch for epochs in histories.values() for epoch in epochs]:
        if not all(isinstance(getattr(epoch, name), int | float) for name in names):
            raise ValueError(f"expected numbers, got {epoch}")
