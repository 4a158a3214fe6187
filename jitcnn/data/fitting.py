"""Images on this machine that a net can be examined on."""

from ..errors import JitCNNError
from ..model import CNN
from .cifar10 import find_cifar10, load_cifar10
from .dataset import Dataset
from .digits import load_digits
from .idx_sets import IDX_SETS


def fitting_dataset(model: CNN) -> Dataset | None:
    """The data set that the model learnt from, or else one of the same shape and number of classes, without a network.

    Where its recipe names none, MNIST comes before the embedded digits; None if nothing on disk fits.
    """
    learnt = [str(name) for name in (model.recipe or {}).get("dataset", ()) if isinstance(name, str)]
    for name in dict.fromkeys([*learnt, "mnist", "cifar10", "digits", *IDX_SETS]):
        try:
            data = _on_disk(name)
            if data is not None:
                data.check_fit(model)
                return data
        except JitCNNError:  # damaged, or for another net
            continue
    return None


def _on_disk(name: str) -> Dataset | None:
    if name == "digits":
        return load_digits()
    if name == "cifar10":
        return None if (folder := find_cifar10()) is None else load_cifar10(folder)
    if name in IDX_SETS and (folder := IDX_SETS[name].find()) is not None:
        return IDX_SETS[name].load(folder)
    return None
