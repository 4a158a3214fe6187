"""Local response normalisation: each pixel is divided by a mean of squares over neighbouring channels."""

from math import isfinite
from types import ModuleType

import numpy as np

from ..errors import ConfigError
from ..kernels.lrn import loops, naive
from ..kernels.memory import empty
from ..support.arrays import Array
from .calls import Windows, call_on_planes
from .checks import float_arrays, has_shape

LRN_IMPLEMENTATIONS: dict[str, ModuleType] = {"loops": loops, "naive": naive}


def lrn(
    x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, *, impl: str = "auto"
) -> tuple[Array, Array]:
    """x[n, c] / (k + alpha / size · Σ_j x[n, j]²)^beta, with j in c - ⌊size / 2⌋ … c + ⌊size / 2⌋.

    Channels that do not exist count as zeros.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    size : int, odd; number of channels in the sum, centred on c
    alpha, beta : float, at least 0
    k : float, above 0
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Returns
    -------
    out : ndarray of x's shape
    base : ndarray of x's shape; what is raised to beta, needed by the backward pass

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If x is not an array (N, C, H, W) of floats; if a setting is out of range.

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks", section 3.3.
    There the sum is not divided by ``size``; here it is, as in torch and ONNX.

    Examples
    --------
    Three channels of one pixel: the sums of squares are 1 + 4, 1 + 4 + 4 and 4 + 4.

    >>> from jitcnn.functional import lrn
    >>> out, base = lrn(np.array([1.0, 2.0, 2.0]).reshape(1, 3, 1, 1), size=3, alpha=3.0, beta=1.0, k=1.0)
    >>> base.ravel().tolist(), out.ravel().round(4).tolist()
    ([6.0, 10.0, 9.0], [0.1667, 0.2, 0.2222])
    """
    (x,) = float_arrays("lrn", x=x)
    has_shape("lrn", "x", x, "N", "C", "H", "W")
    size, alpha, beta, k = check_lrn(size, alpha, beta, k)
    base, out = empty(x.shape, x.dtype), empty(x.shape, x.dtype)
    arguments, windows = (x, size, alpha, beta, k, base, out), Windows((x.shape[2], x.shape[3]))
    call_on_planes("lrn", LRN_IMPLEMENTATIONS, "lrn_forward", x, windows, impl, *arguments)
    return out, base


def lrn_backward(
    d_out: Array, x: Array, base: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, *, impl: str = "auto"
) -> Array:
    """Gradient of ``lrn`` with respect to x.

    d_x[j] = d_out[j] · base[j]^-beta - 2 · alpha · beta / size · x[j] · Σ_c d_out[c] · x[c] · base[c]^(-beta - 1), with c in
    j - ⌊size / 2⌋ … j + ⌊size / 2⌋: x[j] is also in the sums of its neighbours.

    Parameters
    ----------
    d_out, x : ndarray of shape (N, C, H, W), float32 or float64
    base : ndarray of x's shape, from ``lrn``
    size, alpha, beta, impl : as passed to ``lrn``

    Returns
    -------
    d_x : ndarray of x's shape

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the shapes differ, an array is not a float array, or a setting is out of range.

    Examples
    --------
    One channel with base 1 + 2² = 5: the derivative of x / (1 + x²) is (1 - x²) / (1 + x²)².

    >>> from jitcnn.functional import lrn, lrn_backward
    >>> x = np.array([[[[2.0]]]])
    >>> out, base = lrn(x, size=1, alpha=1.0, beta=1.0)
    >>> lrn_backward(np.array([[[[25.0]]]]), x, base, size=1, alpha=1.0, beta=1.0).round(6).tolist()
    [[[[-3.0]]]]
    """
    d_out, x, base = float_arrays("lrn_backward", d_out=d_out, x=x, base=base)
    has_shape("lrn_backward", "x", x, "N", "C", "H", "W")
    has_shape("lrn_backward", "d_out", d_out, *x.shape)
    has_shape("lrn_backward", "base", base, *x.shape)
    size, alpha, beta, _ = check_lrn(size, alpha, beta)
    d_x = empty(x.shape, x.dtype)
    arguments, windows = (d_out, x, base, size, alpha, beta, d_x), Windows((x.shape[2], x.shape[3]))
    call_on_planes("lrn_backward", LRN_IMPLEMENTATIONS, "lrn_backward", x, windows, impl, *arguments)
    return d_x


def check_lrn(size: int, alpha: float, beta: float, k: float = 1.0) -> tuple[int, float, float, float]:
    """The settings as int and floats; ConfigError if one is out of range."""
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if not whole or size < 1 or size % 2 == 0:
        raise ConfigError(
            f"size of local response normalisation must be an odd integer of at least 1, got {size!r}: a window of even size "
            "is not centred, and libraries place it differently."
        )
    for name, value, least in (("alpha", alpha, "at least 0"), ("beta", beta, "at least 0"), ("k", k, "more than 0")):
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool) and isfinite(value)
        if not number or value < 0 or (value == 0 and name == "k"):
            raise ConfigError(f"{name} of local response normalisation must be a number of {least}, got {value!r}.")
    return int(size), float(alpha), float(beta), float(k)
