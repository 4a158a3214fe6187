"""Small, likely mistakes, to be planted on purpose: a check that does not turn red at one of them proves nothing.

Each spoils one function or method. ``table`` holds them all; the other files, entered here, fill it.
"""

from . import convolution, dense, learning, normalisation, pooling  # noqa: F401  (each enters its mistakes)
from .table import BUGS, Bug, find_bug, planted

__all__ = ["BUGS", "Bug", "find_bug", "planted"]
