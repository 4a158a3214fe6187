"""Small, typical bugs to plant on purpose: a check that does not detect them proves nothing.

Each replaces one function or method. ``table`` lists them all; importing the other modules registers them.
"""

from . import convolution, dense, elementwise, learning, normalisation, pooling, state  # noqa: F401  (each registers its bugs)
from .table import BUGS, Bug, find_bug, planted

__all__ = ["BUGS", "Bug", "find_bug", "planted"]
