"""A convolutional neural network from scratch: explicit loops, compiled.

The names below are loaded when they are first used, so that ``import jitcnn`` costs nothing and only
what computes loads numba.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .architecture import NetDescription, parse_net
    from .data import Dataset, load_dataset, load_digits, load_mnist
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
    from .layers import Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Softmax
    from .losses import cross_entropy_gradient, cross_entropy_loss, softmax_cross_entropy
    from .metrics import evaluate
    from .model import CNN
    from .models import MODELS, find_net
    from .optim import SGD
    from .shapes import output_size
    from .training import fit, train_step

_HOMES = {
    "architecture": ("NetDescription", "parse_net"),
    "data": ("Dataset", "load_dataset", "load_digits", "load_mnist"),
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
    "layers": ("Conv2D", "Dense", "Flatten", "Layer", "MaxPool2D", "ReLU", "Softmax"),
    "losses": ("cross_entropy_gradient", "cross_entropy_loss", "softmax_cross_entropy"),
    "metrics": ("evaluate",),
    "model": ("CNN",),
    "models": ("MODELS", "find_net"),
    "optim": ("SGD",),
    "shapes": ("output_size",),
    "training": ("fit", "train_step"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: PLE0604 (built from the table, so that no name stands twice)
    *_HOME_OF,
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("jitcnn")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'jitcnn' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
