"""Predictions under shifts of the input: the shift test after training, and the translation lab."""

from ..support.renamed import old_names
from .conclusion import summarise_lab
from .equivariance import Equivariance, equivariance
from .lab import translation_lab
from .lab_nets import LAB_NETS, lab_nets
from .maps import ShiftMap, shift_map
from .moving import shift_images
from .results import Lab, LabNet
from .walk import ShiftRow, ShiftTest, shift_test

_OLD_NAMES = {
    "RIVALS": "LAB_NETS",
    "rivals": "lab_nets",
    "Commuting": "Equivariance",
    "conclude": "summarise_lab",
}

__all__ = [
    "LAB_NETS",
    "Equivariance",
    "Lab",
    "LabNet",
    "ShiftMap",
    "ShiftRow",
    "ShiftTest",
    "equivariance",
    "lab_nets",
    "shift_images",
    "shift_map",
    "shift_test",
    "summarise_lab",
    "translation_lab",
]

__getattr__ = old_names(__name__, globals(), _OLD_NAMES)
