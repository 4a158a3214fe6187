"""Transposed convolution: the backward pass of a convolution with respect to its input, as a forward pass.

So each pass runs the kernels of another pass of ``conv2d``, in any of its implementations:

    forward    conv2d_backward_input     of a convolution from C_out to C_in channels
    d_x        conv2d
    d_weights  conv2d_backward_weights
"""

from functools import lru_cache

from ..errors import ConfigError
from ..kernels.engine.plan import Plan
from ..kernels.memory import empty
from ..kernels.types import DType
from ..shapes import IntOrPair, Pair, Shape, pair, span
from ..support.arrays import Array
from .calls import call
from .checks import check_groups, float_arrays, has_shape
from .conv import conv2d, conv2d_backward_weights
from .conv_setup import Prepared, conv_kernels, prepare

Settings = tuple[Pair, Pair, Pair, Pair, int]
"""Stride, padding, output padding, dilation, groups."""


def conv_transpose2d(
    x: Array,
    weights: Array,
    bias: Array | None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    impl: str = "auto",
) -> Array:
    """Add every input pixel, times a filter, to a window of the output.

    out[n, co, ih·stride + kh·dilation - padding, iw·stride + kw·dilation - padding] += weights[ci, co, kh, kw] · x[n, ci, ih, iw]

    Parameters
    ----------
    x : ndarray of shape (N, C_in, H, W), float32 or float64
    weights : ndarray of shape (C_in, C_out / groups, K_h, K_w)
    bias : ndarray of shape (C_out,), or None for zeros
    stride, dilation : int or pair, in output pixels
    padding : int or pair, in output pixels cut off on each side
    output_padding : int or pair, in output pixels added below and to the right; less than the stride
    groups : int, number of groups; must divide C_in and C_out
    impl : as for ``conv2d``

    Returns
    -------
    ndarray of shape (N, C_out, H_out, W_out), H_out = (H - 1)·stride - 2·padding + dilation·(K_h - 1) + output_padding + 1

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the arrays do not fit together, or a setting is out of range.

    References
    ----------
    Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, chapter 4.

    Examples
    --------
    >>> from jitcnn.functional import conv_transpose2d
    >>> x, weights = np.array([[[[1.0, 2.0]]]]), np.array([[[[1.0, 10.0, 100.0]]]])
    >>> conv_transpose2d(x, weights, None, stride=(1, 2)).tolist()
    [[[[1.0, 10.0, 102.0, 20.0, 200.0]]]]
    """
    x, weights = float_arrays("conv_transpose2d", x=x, weights=weights)
    settings = conv_transpose_settings(stride, padding, output_padding, dilation, groups)
    shape, prepared = _prepare(x.shape, weights.shape, settings, x.dtype, impl)
    out = empty(shape, x.dtype)
    grid, _, problem, plan = prepared
    kernel = conv_kernels(plan).conv2d_backward_input
    shown = problem._replace(C_in=problem.C_out, C_out=problem.C_in, size=problem.size_out, size_out=problem.size)
    call("conv_transpose2d", shown, plan, kernel, x, weights, grid, out)
    if bias is not None:
        (bias,) = float_arrays("conv_transpose2d", bias=bias)
        has_shape("conv_transpose2d", "bias", bias, shape[1])
        out += bias[:, None, None]
    return out


def conv_transpose2d_backward(
    d_out: Array,
    x: Array,
    weights: Array,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    need_d_x: bool = True,
    impl: str = "auto",
) -> tuple[Array | None, Array, Array]:
    """The gradients of ``conv_transpose2d``.

    Parameters
    ----------
    d_out : ndarray of shape (N, C_out, H_out, W_out), float32 or float64
    x, weights, stride, padding, output_padding, dilation, groups, impl : as for ``conv_transpose2d``
    need_d_x : bool; if False, d_x is None and not computed

    Returns
    -------
    d_x : ndarray of x's shape, or None
    d_weights : ndarray of the shape of weights
    d_bias : ndarray of shape (C_out,)

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``conv_transpose2d``; also if ``d_out`` does not have the shape of its output.

    Examples
    --------
    >>> from jitcnn.functional import conv_transpose2d_backward
    >>> x, weights = np.array([[[[1.0, 2.0]]]]), np.array([[[[1.0, 10.0, 100.0]]]])
    >>> d_out = np.array([[[[1.0, 2.0, 3.0, 4.0, 5.0]]]])
    >>> d_x, d_weights, d_bias = conv_transpose2d_backward(d_out, x, weights, stride=(1, 2))
    >>> d_x.tolist(), d_weights.tolist(), d_bias.tolist()
    ([[[[321.0, 543.0]]]], [[[[7.0, 10.0, 13.0]]]], [15.0])
    """
    d_out, x, weights = float_arrays("conv_transpose2d_backward", d_out=d_out, x=x, weights=weights)
    settings = conv_transpose_settings(stride, padding, output_padding, dilation, groups)
    shape, _ = _prepare(x.shape, weights.shape, settings, x.dtype, impl)
    has_shape("conv_transpose2d_backward", "d_out", d_out, *shape)
    stride, padding, _, dilation, groups = settings
    grid = stride, padding, dilation, groups
    d_x = conv2d(d_out, weights, None, *grid, impl=impl) if need_d_x else None
    d_weights, _ = conv2d_backward_weights(x, d_out, weights, *grid, impl=impl)
    return d_x, d_weights, d_out.sum(axis=(0, 2, 3))


def conv_transpose_settings(
    stride: IntOrPair, padding: IntOrPair, output_padding: IntOrPair, dilation: IntOrPair, groups: int
) -> Settings:
    """The settings as pairs; ConfigError if one is out of range."""
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    padding, output_padding = pair(padding, "padding", 0), pair(output_padding, "output_padding", 0)
    if output_padding[0] >= stride[0] or output_padding[1] >= stride[1]:
        raise ConfigError(f"output_padding must be less than the stride {stride}, got {output_padding}.")
    return stride, padding, output_padding, dilation, groups


def transposed_size(size: Pair, kernel_size: Pair, settings: Settings) -> Pair:
    """(H_out, W_out) for an input of (H, W); ConfigError if the padding leaves no pixel."""
    stride, padding, output_padding, dilation, _ = settings
    found = [
        (n - 1) * s - 2 * p + span(k, d) + o
        for n, k, s, p, o, d in zip(size, kernel_size, stride, padding, output_padding, dilation, strict=True)
    ]
    if min(found) < 1:
        raise ConfigError(
            f"A padding of {padding} leaves no pixel of the output for an input of {size}; use less padding."
        )
    return found[0], found[1]


@lru_cache(maxsize=1024, typed=True)
def _prepare(x: Shape, weights: Shape, settings: Settings, dtype: DType, impl: str) -> tuple[Shape, Prepared]:
    """The output's shape, and the plan of the convolution whose backward pass this is."""
    has_shape("conv_transpose2d", "weights", weights, "C_in", "C_out", "K_h", "K_w")
    has_shape("conv_transpose2d", "x", x, "N", weights[0], "H", "W")
    stride, padding, _, dilation, groups = settings
    C_out = weights[1] * check_groups(groups, weights[0], weights[0])
    size_out = transposed_size((x[2], x[3]), (weights[2], weights[3]), settings)
    shape = (x[0], C_out, *size_out)
    return shape, prepare("conv2d_backward_input", shape, weights, (stride, padding, dilation, groups), dtype, impl)


def conv_transpose_plans(x: Shape, weights: Shape, settings: Settings, dtype: DType, impl: str) -> dict[str, Plan]:
    """The plan of each pass for arrays of these shapes."""
    shape, prepared = _prepare(x, weights, settings, dtype, impl)
    stride, padding, _, dilation, groups = settings
    passes = {"d_weights": "conv2d_backward_weights", "d_x": "conv2d"}
    around = (stride, padding, dilation, groups), dtype, impl
    return {"forward": prepared.plan} | {
        name: prepare(each, shape, weights, *around).plan for name, each in passes.items()
    }
