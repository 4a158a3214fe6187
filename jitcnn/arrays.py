"""The two kinds of array that everything here is made of."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""float32 (to train) or float64 (to check gradients)."""

IntArray = NDArray[np.integer[Any]]
"""Labels, positions, pixels."""
