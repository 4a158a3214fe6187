"""Group normalisation of images."""

from types import ModuleType

import numpy as np

from ..errors import ConfigError
from ..kernels.group_norm import loops, naive
from ..kernels.memory import empty
from ..support.arrays import Array
from .calls import Windows, call_on_planes
from .checks import check_eps, float_arrays, has_shape

GROUP_NORM_IMPLEMENTATIONS: dict[str, ModuleType] = {"loops": loops, "naive": naive}


def group_norm(
    x: Array, num_groups: int, gamma: Array, beta: Array, eps: float = 1e-5, *, impl: str = "auto"
) -> tuple[Array, Array, Array]:
    """gamma[c] · (x[n, c] - mean[n, g]) / √(variance[n, g] + eps) + beta[c], where g is the group of channel c.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    num_groups : int, number of groups of consecutive channels; must divide C
    gamma, beta : ndarray of shape (C,)
    eps : float, > 0, added to the variance
    impl : "auto", "naive" or "loops"; the other names are treated as "auto"

    Returns
    -------
    out : ndarray of x's shape
    mean, scale : ndarray of shape (N, num_groups)
        Needed by the backward pass; scale is 1 / √(variance + eps), with the biased variance.

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the arrays do not fit together, or a setting is out of range.

    References
    ----------
    Wu and He (2018), "Group Normalization", arXiv:1803.08494.

    Examples
    --------
    >>> from jitcnn.functional import group_norm
    >>> x = np.array([1.0, 3.0, 10.0, 30.0]).reshape(1, 4, 1, 1)
    >>> out, mean, scale = group_norm(x, 2, np.ones(4), np.zeros(4), eps=1e-12)
    >>> out.ravel().round(6).tolist(), mean.tolist()
    ([-1.0, 1.0, -1.0, 1.0], [[2.0, 20.0]])
    """
    check_num_groups(num_groups, len(gamma))
    eps = check_eps(eps)
    x, gamma, beta = float_arrays("group_norm", x=x, gamma=gamma, beta=beta)
    has_shape("group_norm", "x", x, "N", len(gamma), "H", "W")
    has_shape("group_norm", "beta", beta, len(gamma))
    out = empty(x.shape, x.dtype)
    mean, scale = np.empty((len(x), num_groups), x.dtype), np.empty((len(x), num_groups), x.dtype)
    arguments, windows = (x, gamma, beta, eps, mean, scale, out), Windows((x.shape[2], x.shape[3]))
    call_on_planes("group_norm", GROUP_NORM_IMPLEMENTATIONS, "group_norm_forward", x, windows, impl, *arguments)
    return out, mean, scale


def group_norm_backward(
    d_out: Array, x: Array, gamma: Array, mean: Array, scale: Array, *, impl: str = "auto"
) -> tuple[Array, Array, Array]:
    """The gradients of ``group_norm``.

    Parameters
    ----------
    d_out, x : ndarray of shape (N, C, H, W), float32 or float64
    gamma : ndarray of shape (C,)
    mean, scale : ndarray of shape (N, num_groups), as returned by ``group_norm``
    impl : as for ``group_norm``

    Returns
    -------
    d_x : ndarray of x's shape
    d_gamma, d_beta : ndarray of shape (C,)

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the arrays do not fit together, or impl is unknown.

    Examples
    --------
    Two channels with mean 5 and variance 1; with eps = 3 they are divided by √(1 + 3) = 2.

    >>> from jitcnn.functional import group_norm, group_norm_backward
    >>> x, d_out, gamma = np.array([[[[4.0]], [[6.0]]]]), np.array([[[[1.0]], [[0.0]]]]), np.array([6.0, 6.0])
    >>> out, mean, scale = group_norm(x, 1, gamma, np.ones(2), eps=3)
    >>> d_x, d_gamma, d_beta = group_norm_backward(d_out, x, gamma, mean, scale)
    >>> d_x.ravel().round(4).tolist(), d_gamma.round(4).tolist(), d_beta.tolist()
    ([1.125, -1.125], [-0.5, 0.0], [1.0, 0.0])
    """
    name = "group_norm_backward"
    d_out, x, gamma, mean, scale = float_arrays(name, d_out=d_out, x=x, gamma=gamma, mean=mean, scale=scale)
    has_shape(name, "x", x, "N", len(gamma), "H", "W")
    has_shape(name, "d_out", d_out, *x.shape)
    has_shape(name, "mean", mean, len(x), "num_groups")
    has_shape(name, "scale", scale, *mean.shape)
    check_num_groups(mean.shape[1], len(gamma))
    d_x, d_gamma, d_beta = empty(x.shape, x.dtype), np.empty_like(gamma), np.empty_like(gamma)
    arguments, windows = (d_out, x, gamma, mean, scale, d_x, d_gamma, d_beta), Windows((x.shape[2], x.shape[3]))
    call_on_planes(name, GROUP_NORM_IMPLEMENTATIONS, name, x, windows, impl, *arguments)
    return d_x, d_gamma, d_beta


def check_num_groups(num_groups: int, channels: int) -> int:
    """``num_groups`` as an int; ConfigError unless it divides the number of channels."""
    whole = isinstance(num_groups, int | np.integer) and not isinstance(num_groups, bool)
    if not whole or num_groups < 1 or channels % num_groups:
        raise ConfigError(
            f"num_groups must be an integer of at least 1 that divides {channels} channels, got {num_groups!r}."
        )
    return int(num_groups)
