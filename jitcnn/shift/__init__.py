"""What happens to an answer when the image moves: the shift test of a training, and the translation lab."""

from .conclusion import conclude
from .equivariance import Commuting, equivariance
from .lab import translation_lab
from .maps import ShiftMap, shift_map
from .moving import shift_images
from .results import Lab, LabNet
from .rivals import RIVALS, rivals
from .walk import ShiftRow, ShiftTest, shift_test

__all__ = [
    "RIVALS",
    "Commuting",
    "Lab",
    "LabNet",
    "ShiftMap",
    "ShiftRow",
    "ShiftTest",
    "conclude",
    "equivariance",
    "rivals",
    "shift_images",
    "shift_map",
    "shift_test",
    "translation_lab",
]
