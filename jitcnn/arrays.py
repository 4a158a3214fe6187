"""Array types used throughout the package."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""float32 (training) or float64 (gradient checks)."""

IntArray = NDArray[np.integer[Any]]
"""Labels, indices, pixels."""
