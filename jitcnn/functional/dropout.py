"""Dropout with a given mask."""

from typing import Any

from numpy.typing import NDArray

from ..errors import DTypeError, ShapeError
from ..kernels.elementwise import dropout as kernels
from ..kernels.memory import empty
from ..support.arrays import Array
from .calls import call_single
from .checks import float_arrays


def dropout(x: Array, kept: NDArray[Any], rate: float) -> Array:
    """x / (1 - rate) where kept, otherwise 0. The backward pass is the same operation on the output gradient.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    kept : ndarray of bool, of the shape of x; or of shape (N, C) to keep or drop whole channels of x (N, C, …)
    rate : float in [0, 1), probability of dropping an element

    Returns
    -------
    ndarray of the shape and dtype of x

    Raises
    ------
    ShapeError, DTypeError
        If the shape of ``kept`` does not match x; if ``kept`` is not a boolean array or x not a float array.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), JMLR 15; "inverted": scaled during training.

    Examples
    --------
    >>> from jitcnn.functional import dropout
    >>> dropout(np.array([1.0, 2.0, 3.0, 4.0]), kept=np.array([True, False, True, True]), rate=0.75).tolist()
    [4.0, 0.0, 12.0, 16.0]
    """
    (x,) = float_arrays("dropout", x=x)
    if kept.dtype != bool:
        raise DTypeError(f"dropout expects kept to be a boolean array, got {kept.dtype}.")
    out = empty(x.shape, x.dtype)
    scale = x.dtype.type(1 / (1 - rate))
    if kept.shape == x.shape:
        call_single("dropout", x, kernels.drop, x.reshape(-1), kept.reshape(-1), scale, out.reshape(-1))
    elif kept.shape == x.shape[:2]:
        planes = kept.size, x.size // max(1, kept.size)
        call_single("dropout", x, kernels.drop_planes, x.reshape(planes), kept.reshape(-1), scale, out.reshape(planes))
    else:
        raise ShapeError(f"dropout expects kept of shape {x.shape} or {x.shape[:2]}, got {kept.shape}.")
    return out
