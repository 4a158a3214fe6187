"""Batch normalisation of images, optionally fused with an addend and ReLU."""

from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..errors import ShapeError
from ..kernels.memory import empty
from ..kernels.norm import groups, loops, naive
from ..support.arrays import Array
from .calls import Windows, call_on_planes
from .checks import check_eps, float_arrays, has_shape

NORM_IMPLEMENTATIONS: dict[str, ModuleType] = {"loops": loops, "naive": naive}


class Statistics(NamedTuple):
    """Mean and variance of each channel (C,), and whether they are those of the current batch."""

    mean: Array
    variance: Array
    of_batch: bool


def batch_norm2d(
    x: Array,
    scale: Array,
    shift: Array,
    running: Statistics | None = None,
    epsilon: float = 1e-5,
    *,
    addend: Array | None = None,
    relu: bool = False,
    impl: str = "auto",
) -> tuple[Array, Statistics]:
    """out[:, c] = scale[c] · (x[:, c] - mean[c]) / √(variance[c] + ε) + shift[c], then + addend, then max(·, 0).

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    scale, shift : ndarray of shape (C,)
    running : Statistics, running statistics for evaluation; by default those of the batch are used
    epsilon : float, > 0, added to the variance
    addend : ndarray of the shape of x, or None
    relu : bool, whether to apply ReLU to the output
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Returns
    -------
    out : ndarray of the shape of x
    statistics : Statistics
        The statistics used, with the biased variance; those of the batch are in float64.

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the array shapes do not match, a channel of the batch has a single value, or epsilon is not positive.

    References
    ----------
    Ioffe and Szegedy (2015), arXiv:1502.03167.

    Examples
    --------
    A channel with mean 5 and variance 1; with epsilon = 3 it is divided by √(1 + 3) = 2.

    >>> from jitcnn.functional import batch_norm2d
    >>> x = np.array([4.0, 6.0]).reshape(2, 1, 1, 1)
    >>> out, statistics = batch_norm2d(x, np.array([6.0]), np.array([1.0]), epsilon=3)
    >>> out.ravel().round(4).tolist(), statistics.mean.tolist(), statistics.variance.tolist()
    ([-2.0, 4.0], [5.0], [1.0])
    """
    check_eps(epsilon, "epsilon")
    x, scale, shift = float_arrays("batch_norm2d", x=x, scale=scale, shift=shift)
    has_shape("batch_norm2d", "x", x, "N", len(scale), "H", "W")
    has_shape("batch_norm2d", "shift", shift, len(scale))
    if addend is not None:
        addend, _ = float_arrays("batch_norm2d", addend=addend, x=x)
        has_shape("batch_norm2d", "addend", addend, *x.shape)
    if running is None:
        if x.size == x.shape[1]:
            raise ShapeError(
                f"batch_norm2d expects more than one value per channel in training, got x of shape {x.shape}: "
                "a single value has no variance; use a larger batch."
            )
        running = Statistics(np.empty(len(scale)), np.empty(len(scale)), of_batch=True)
    out = empty(x.shape, x.dtype)
    more = np.empty((0, 0, 0, 0), x.dtype) if addend is None else addend
    settings = groups.Settings(scale, shift, epsilon, running.of_batch, relu)
    statistics = _in_double_precision(running)
    windows, arguments = Windows((x.shape[2], x.shape[3])), (x, more, settings, statistics, out)
    call_on_planes("batch_norm2d", NORM_IMPLEMENTATIONS, "batch_norm_forward", x, windows, impl, *arguments)
    return out, running


def batch_norm2d_backward(
    d_out: Array,
    x: Array,
    out: Array,
    scale: Array,
    statistics: Statistics,
    epsilon: float = 1e-5,
    *,
    added: bool = False,
    relu: bool = False,
    impl: str = "auto",
) -> tuple[Array, Array | None, Array, Array]:
    """The gradients of ``batch_norm2d``.

    Parameters
    ----------
    d_out, x, out : ndarray of shape (N, C, H, W), float32 or float64; out as returned by ``batch_norm2d``
    scale : ndarray of shape (C,)
    statistics : as returned by ``batch_norm2d``; the gradient includes the dependence of batch statistics on x
    epsilon, relu, impl : as passed to ``batch_norm2d``
    added : bool, whether there was an addend

    Returns
    -------
    d_x : ndarray of the shape of x
    d_addend : ndarray of the shape of x, or None without an addend
    d_scale, d_shift : ndarray of shape (C,)

    Raises
    ------
    ShapeError, DTypeError
        If the array shapes do not match, or an array is not a float array.

    Examples
    --------
    >>> from jitcnn.functional import batch_norm2d, batch_norm2d_backward
    >>> x, d_out, scale = np.array([[[[4.0]]], [[[6.0]]]]), np.array([[[[1.0]]], [[[0.0]]]]), np.array([6.0])
    >>> out, statistics = batch_norm2d(x, scale, np.array([1.0]), epsilon=3)
    >>> d_x, _, d_scale, d_shift = batch_norm2d_backward(d_out, x, out, scale, statistics, epsilon=3)
    >>> d_x.ravel().round(4).tolist(), d_scale.round(4).tolist(), d_shift.tolist()
    ([1.125, -1.125], [-0.5], [1.0])
    """
    d_out, x, out, scale = float_arrays("batch_norm2d_backward", d_out=d_out, x=x, out=out, scale=scale)
    has_shape("batch_norm2d_backward", "x", x, "N", len(scale), "H", "W")
    has_shape("batch_norm2d_backward", "d_out", d_out, *x.shape)
    has_shape("batch_norm2d_backward", "out", out, *x.shape)
    d_x, d_addend = empty(x.shape, x.dtype), empty(x.shape if added else (0, 0, 0, 0), x.dtype)
    d_scale, d_shift = np.empty_like(scale), np.empty_like(scale)
    settings = groups.Settings(scale, scale, epsilon, statistics.of_batch, relu)  # the shift is not needed
    found, gradients = _in_double_precision(statistics), groups.Gradients(d_x, d_addend, d_scale, d_shift)
    windows, arguments = Windows((x.shape[2], x.shape[3])), (d_out, x, out, settings, found, gradients)
    name = "batch_norm2d_backward"
    call_on_planes(name, NORM_IMPLEMENTATIONS, "batch_norm_backward", x, windows, impl, *arguments)
    return d_x, d_addend if added else None, d_scale, d_shift


def _in_double_precision(statistics: Statistics) -> groups.Statistics:
    """In float32 the mean of a channel far from 0 would be rounded by more than its deviations."""
    return groups.Statistics(
        statistics.mean.astype(np.float64, copy=False), statistics.variance.astype(np.float64, copy=False)
    )
