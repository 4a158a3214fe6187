"""Convolutional neural networks from scratch: explicit loops, compiled by Numba.

Public names are imported on first use: ``import jitcnn`` is fast, and numba is loaded only when needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .support.home import ensure_home

ensure_home()

if TYPE_CHECKING:
    from .data import Augmentation, Dataset, load_dataset, load_digits, load_mnist
    from .errors import (
        CheckpointError,
        ConfigError,
        DataError,
        DTypeError,
        GradientError,
        JitCNNError,
        ShapeError,
        TrainingError,
    )
    from .functional import (
        col2im,
        conv2d_backward,
        conv2d_forward_fast,
        conv2d_forward_naive,
        im2col,
    )
    from .gradcheck import gradient_check
    from .graph import Graph
    from .layers import *
    from .losses import cross_entropy_gradient, cross_entropy_loss, softmax_cross_entropy
    from .metrics import evaluate
    from .models import MODELS, find_net
    from .net.architecture import NetDescription, parse_net
    from .net.model import CNN
    from .net.predictor import Predictor
    from .optim import SGD, Adam, AdamW, Lion, Optimizer, WeightAverage
    from .recipes import Recipe, load_recipe, recipe_names
    from .schedules import constant, cosine, one_cycle, stepwise, warmed_up
    from .shapes import output_size
    from .training import Callback, Checkpoints, Trainer, TrainingSettings, fit, fit_by, train_step

_HOMES = {
    "net.architecture": ("NetDescription", "parse_net"),
    "data": ("Augmentation", "Dataset", "load_dataset", "load_digits", "load_mnist"),
    "errors": (
        "CheckpointError",
        "ConfigError",
        "DTypeError",
        "DataError",
        "GradientError",
        "JitCNNError",
        "ShapeError",
        "TrainingError",
    ),
    "functional": ("col2im", "conv2d_backward", "conv2d_forward_fast", "conv2d_forward_naive", "im2col"),
    "gradcheck": ("gradient_check",),
    "graph": ("Graph",),
    "losses": ("cross_entropy_gradient", "cross_entropy_loss", "softmax_cross_entropy"),
    "metrics": ("evaluate",),
    "net.model": ("CNN",),
    "net.predictor": ("Predictor",),
    "models": ("MODELS", "find_net"),
    "optim": ("SGD", "Adam", "AdamW", "Lion", "Optimizer", "WeightAverage"),
    "recipes": ("Recipe", "load_recipe", "recipe_names"),
    "schedules": ("constant", "cosine", "one_cycle", "stepwise", "warmed_up"),
    "shapes": ("output_size",),
    "training": ("Callback", "Checkpoints", "Trainer", "TrainingSettings", "fit", "fit_by", "train_step"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def _layer_names() -> list[str]:
    """Public names of the layers, from their registry, and of their base classes; this imports all layers."""
    return ["Layer", "Merge", *import_module(".layers", __name__).LAYERS]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("jitcnn")
    if name == "__all__":
        return [*_HOME_OF, *_layer_names(), "__version__"]
    if name in _HOME_OF:
        return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    if name[0].isupper() and name in _layer_names():  # layer names are capitalised: looking up a module loads no layers
        return getattr(import_module(".layers", __name__), name)
    raise AttributeError(f"module 'jitcnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__getattr__("__all__"))
