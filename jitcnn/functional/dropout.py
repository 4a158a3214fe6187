"""Dropout for a given mask; as a product with it, its gradient is the same operation."""

from typing import Any

from numpy.typing import NDArray

from ..arrays import Array
from ..errors import DTypeError, ShapeError
from ..kernels.elementwise import dropout as kernels
from ..kernels.memory import empty
from .calls import call_the_only_form
from .checks import float_arrays


def dropout(x: Array, kept: NDArray[Any], rate: float) -> Array:
    """What is kept becomes x / (1 - rate), the rest zero; also the gradient for x, given that for the output.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    kept : ndarray of bool: of the shape of x, or (N, C) for an x of shape (N, C, …), where it stands for whole planes
    rate : float from 0 to below 1, how likely a number is dropped

    Returns
    -------
    ndarray of the shape and dtype of x

    Raises
    ------
    ShapeError, DTypeError
        If ``kept`` does not fit x or is no array of bool; if x is no float array.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), JMLR 15; scaled while training ("inverted").
    """
    (x,) = float_arrays("dropout", x=x)
    if kept.dtype != bool:
        raise DTypeError(f"dropout expects kept to be an array of bool, got {kept.dtype}.")
    out = empty(x.shape, x.dtype)
    scale = x.dtype.type(1 / (1 - rate))
    if kept.shape == x.shape:
        call_the_only_form("dropout", x, kernels.drop, x.reshape(-1), kept.reshape(-1), scale, out.reshape(-1))
    elif kept.shape == x.shape[:2]:
        planes = kept.size, x.size // max(1, kept.size)
        call_the_only_form(
            "dropout", x, kernels.drop_planes, x.reshape(planes), kept.reshape(-1), scale, out.reshape(planes)
        )
    else:
        raise ShapeError(f"dropout expects kept of shape {x.shape} or {x.shape[:2]}, got {kept.shape}.")
    return out
