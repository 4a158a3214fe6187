"""Global average and max pooling, with their gradients: one number per channel."""

from ..errors import ShapeError
from ..kernels.memory import empty
from ..kernels.pool import plane_means
from ..support.arrays import Array, IntArray
from .calls import call_single
from .checks import float_arrays, has_shape
from .pool import max_pool2d, max_pool2d_backward


def global_avg_pool2d(x: Array) -> Array:
    """Mean over each channel.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64

    Returns
    -------
    ndarray of shape (N, C), dtype of x

    Raises
    ------
    ShapeError, DTypeError
        If x has another shape or no pixels; if x is not a float array.

    Examples
    --------
    >>> from jitcnn.functional import global_avg_pool2d
    >>> global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
    [[1.5, 5.5]]
    """
    (x,) = float_arrays("global_avg_pool2d", x=x)
    has_shape("global_avg_pool2d", "x", x, "N", "C", "H", "W")
    N, C, H, W = _with_pixels("global_avg_pool2d", x)
    out = empty((N, C), x.dtype)
    planes = x.reshape(N * C, H * W), out.reshape(-1)
    call_single("global_avg_pool2d", x, plane_means.mean_of_planes, *planes)
    return out


def global_avg_pool2d_backward(d_out: Array, x_shape: tuple[int, ...]) -> Array:
    """Gradient of ``global_avg_pool2d`` with respect to x: each d_out is divided equally over its channel.

    Parameters
    ----------
    d_out : ndarray of shape (N, C), float32 or float64
    x_shape : tuple (N, C, H, W)

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError
        If the shapes do not match, or d_out is not a float array.

    Examples
    --------
    >>> from jitcnn.functional import global_avg_pool2d_backward
    >>> global_avg_pool2d_backward(np.array([[4.0, 8.0]]), (1, 2, 2, 2)).tolist()
    [[[[1.0, 1.0], [1.0, 1.0]], [[2.0, 2.0], [2.0, 2.0]]]]
    """
    (d_out,) = float_arrays("global_avg_pool2d_backward", d_out=d_out)
    has_shape("global_avg_pool2d_backward", "x_shape", x_shape, "N", "C", "H", "W")
    has_shape("global_avg_pool2d_backward", "d_out", d_out, *x_shape[:2])
    d_x = empty(x_shape, d_out.dtype)
    planes = d_out.reshape(-1), d_x.reshape(d_out.size, x_shape[2] * x_shape[3])
    call_single("global_avg_pool2d_backward", d_x, plane_means.share_among_planes, *planes)
    return d_x


def global_max_pool2d(x: Array, *, impl: str = "auto") -> tuple[Array, IntArray]:
    """Maximum of each channel, and its position: max pooling whose only window is the whole channel.

    Ties go to the first pixel in row-major order; NaN counts as the maximum.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    impl : as for ``max_pool2d``

    Returns
    -------
    out : ndarray of shape (N, C), dtype of x
    max_indices : ndarray of shape (N, C), int32; position in the flattened H·W plane

    Raises
    ------
    ShapeError, DTypeError
        If x has another shape or no pixels; if x is not a float array.

    Examples
    --------
    >>> from jitcnn.functional import global_max_pool2d
    >>> out, max_indices = global_max_pool2d(np.array([[[[1.0, 4.0], [3.0, 4.0]]]]))
    >>> out.tolist(), max_indices.tolist()
    ([[4.0]], [[1]])
    """
    (x,) = float_arrays("global_max_pool2d", x=x)
    has_shape("global_max_pool2d", "x", x, "N", "C", "H", "W")
    N, C, H, W = _with_pixels("global_max_pool2d", x)
    out, max_indices = max_pool2d(x, (H, W), (H, W), impl=impl)
    return out.reshape(N, C), max_indices.reshape(N, C)


def global_max_pool2d_backward(
    d_out: Array, max_indices: IntArray, x_shape: tuple[int, ...], *, impl: str = "auto"
) -> Array:
    """Gradient of ``global_max_pool2d`` with respect to x: each d_out goes to the position of the maximum.

    Parameters
    ----------
    d_out : ndarray of shape (N, C), float32 or float64
    max_indices : ndarray of shape (N, C), int32, from ``global_max_pool2d``
    x_shape : tuple (N, C, H, W)
    impl : as for ``max_pool2d_backward``

    Returns
    -------
    d_x : ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError
        If the shapes do not match, or d_out is not a float array.

    Examples
    --------
    >>> from jitcnn.functional import global_max_pool2d, global_max_pool2d_backward
    >>> out, max_indices = global_max_pool2d(np.array([[[[1.0, 4.0], [3.0, 4.0]]]]))
    >>> global_max_pool2d_backward(np.array([[5.0]]), max_indices, (1, 1, 2, 2)).tolist()
    [[[[0.0, 5.0], [0.0, 0.0]]]]
    """
    (d_out,) = float_arrays("global_max_pool2d_backward", d_out=d_out)
    has_shape("global_max_pool2d_backward", "x_shape", x_shape, "N", "C", "H", "W")
    has_shape("global_max_pool2d_backward", "d_out", d_out, *x_shape[:2])
    has_shape("global_max_pool2d_backward", "max_indices", max_indices, *x_shape[:2])
    window = x_shape[2], x_shape[3]
    return max_pool2d_backward(
        d_out[:, :, None, None], max_indices[:, :, None, None], x_shape, window, window, impl=impl
    )


def _with_pixels(operation: str, x: Array) -> tuple[int, ...]:
    """The shape of x; ShapeError if its images have no pixels."""
    if x.shape[2] * x.shape[3] == 0:
        raise ShapeError(f"{operation} expects at least one pixel per channel, got x of shape {x.shape}.")
    return x.shape
