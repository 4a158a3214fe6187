"""Argument checks shared by all operations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, DTypeError, ShapeError
from ..kernels.engine.plan import IMPLEMENTATIONS
from ..shapes import Shape
from ..support.arrays import Array

FUSING = ("auto", "fused")  # values of ``impl`` that allow layer fusion
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_arrays(operation: str, **arrays: Any) -> tuple[Array, ...]:
    """The arrays in their common dtype and in C order.

    Raises
    ------
    DTypeError
        If one is not a numpy array, or is neither float32 nor float64.
    """
    for array in arrays.values():  # fast path: arrays inside a net need no conversion
        if array.__class__ is not np.ndarray or array.dtype is not FLOATS[0] or not array.flags.c_contiguous:
            break
    else:
        return tuple(arrays.values())
    dtype = None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise DTypeError(f"{operation} expects {name} to be a numpy array, got {type(array).__name__}.")
        if array.dtype is dtype:
            continue
        if array.dtype not in FLOATS:
            hint = "; scale images with x / np.float32(255)" if array.dtype.kind in "iub" else ""
            raise DTypeError(f"{operation} expects {name} in float32 or float64, got {array.dtype}{hint}.")
        dtype = array.dtype if dtype is None or dtype == array.dtype else FLOATS[1]
    return tuple(
        array if array.dtype is dtype and array.flags.c_contiguous else np.ascontiguousarray(array, dtype)
        for array in arrays.values()
    )


def has_shape(operation: str, name: str, array: NDArray[Any] | Shape, *expected: int | str) -> None:
    """Raise ShapeError unless ``array`` (an array or a shape) has the expected shape; a string such as "N" matches any size."""
    shape = array if isinstance(array, tuple) else array.shape
    if shape != expected and not fits_shape(shape, expected):
        wanted = ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "")
        raise ShapeError(f"{operation} expects {name} of shape ({wanted}), got {shape}.")


def fits_shape(shape: Shape, expected: tuple[int | str, ...]) -> bool:
    """Whether ``shape`` matches the expected one; a string matches any size."""
    if len(shape) != len(expected):
        return False
    for size, wanted in zip(shape, expected, strict=True):
        if wanted.__class__ is not str and wanted != size:
            return False
    return True


def check_groups(groups: int, C_in: int, C_out: int) -> int:
    """``groups`` as an int; ConfigError unless it divides C_in and C_out."""
    whole = isinstance(groups, int | np.integer) and not isinstance(groups, bool)
    if not whole or groups < 1 or C_in % groups or C_out % groups:
        raise ConfigError(
            f"groups must be a positive integer that divides the {C_in} input channels and the {C_out} output channels, "
            f"got {groups!r}."
        )
    return int(groups)


def check_impl(impl: str) -> str:
    """``impl``; ConfigError unless it is one of ``IMPLEMENTATIONS``."""
    if not isinstance(impl, str) or impl not in IMPLEMENTATIONS:
        raise ConfigError(f"impl must be one of {', '.join(IMPLEMENTATIONS)}, got {impl!r}.")
    return impl


def check_eps(eps: float, name: str = "eps") -> float:
    """``eps`` as a float; ConfigError unless it is positive."""
    if not eps > 0:
        raise ConfigError(f"{name} must be a positive number, got {eps}.")
    return float(eps)
