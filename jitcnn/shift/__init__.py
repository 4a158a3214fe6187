"""Predictions under shifts of the input: the shift test after training, and the translation lab."""

from typing import Any

from ..support.renamed import warn_renamed
from .conclusion import conclude
from .equivariance import Commuting, equivariance
from .lab import translation_lab
from .lab_nets import LAB_NETS, lab_nets
from .maps import ShiftMap, shift_map
from .moving import shift_images
from .results import Lab, LabNet
from .walk import ShiftRow, ShiftTest, shift_test

_OLD_NAMES = {"RIVALS": "LAB_NETS", "rivals": "lab_nets"}

__all__ = [
    "LAB_NETS",
    "Commuting",
    "Lab",
    "LabNet",
    "ShiftMap",
    "ShiftRow",
    "ShiftTest",
    "conclude",
    "equivariance",
    "lab_nets",
    "shift_images",
    "shift_map",
    "shift_test",
    "translation_lab",
]


def __getattr__(name: str) -> Any:
    if name in _OLD_NAMES:
        warn_renamed(f"jitcnn.shift.{name}", _OLD_NAMES[name])
        return globals()[_OLD_NAMES[name]]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
