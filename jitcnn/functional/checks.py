"""What every operation asks of its arguments before a kernel sees them."""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import ConfigError, DTypeError, ShapeError

FUSING = ("auto", "fused")  # values of ``impl`` that let a layer run as one pass with its neighbours
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_arrays(operation: str, **arrays: Any) -> tuple[Array, ...]:
    """The arrays in their common dtype and in C order.

    Raises
    ------
    DTypeError
        If one is no numpy array, or neither float32 nor float64.
    """
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise DTypeError(f"{operation} expects {name} to be a numpy array, got {type(array).__name__}.")
        if array.dtype not in FLOATS:
            hint = "; scale images with x / np.float32(255)" if array.dtype.kind in "iub" else ""
            raise DTypeError(f"{operation} expects {name} in float32 or float64, got {array.dtype}{hint}.")
    dtype = np.result_type(*arrays.values())
    return tuple(np.ascontiguousarray(array, dtype) for array in arrays.values())


def has_shape(operation: str, name: str, array: NDArray[Any], *expected: int | str) -> None:
    """Raise ShapeError unless ``array`` has this shape; a word like "N" or "H" stands for any size."""
    fits = array.ndim == len(expected) and all(
        isinstance(e, str) or e == size for e, size in zip(expected, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "")
        raise ShapeError(f"{operation} expects {name} of shape ({wanted}), got {array.shape}.")


def alone(impl: str) -> str:
    """By what a layer runs that no neighbour joins: the loops, unless its ``impl`` names something else."""
    return "loops" if impl in FUSING else impl


def pick(implementations: dict[str, ModuleType], impl: str) -> ModuleType:
    """The kernel module by which an operation with this ``impl`` runs on its own."""
    try:
        return implementations[alone(impl)]
    except (KeyError, TypeError):
        names = ", ".join(["auto", *implementations, "fused"])
        raise ConfigError(f"impl must be one of {names}, got {impl!r}.") from None
