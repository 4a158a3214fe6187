"""The product of a fully connected layer, and its gradients."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import numpy as np

from ..kernels.engine.matmul import matmul, multiply_and_add
from ..kernels.engine.plan import Plan, Problem, plan
from ..kernels.memory import empty
from ..kernels.types import DType
from ..shapes import Shape
from ..support.arrays import Array
from .calls import call
from .checks import float_arrays, has_shape

ROW_BY_ROW = Plan("direct", "a row has the same bits wherever it is in a batch", "tiles")
_rows_are_equal: ContextVar[bool] = ContextVar("rows are equal", default=False)


@contextmanager
def equal_rows() -> Iterator[None]:
    """Inside, a row of ``dense`` has the same bits wherever it is in a batch; a BLAS may sum its last rows in another order.

    Examples
    --------
    >>> from jitcnn.functional.dense import dense, equal_rows
    >>> x, weights = np.ones((5, 3), np.float32), np.full((3, 2), 0.1, np.float32)
    >>> with equal_rows():
    ...     out = dense(x, weights, np.zeros(2, np.float32))
    >>> bool((out == out[0]).all())
    True
    """
    token = _rows_are_equal.set(True)
    try:
        yield
    finally:
        _rows_are_equal.reset(token)


def rows_are_equal() -> bool:
    """Whether the caller is inside ``equal_rows``."""
    return _rows_are_equal.get()


def dense(x: Array, weights: Array, bias: Array) -> Array:
    """out = x · weights + bias.

    Parameters
    ----------
    x : ndarray of shape (N, in_features), float32 or float64
    weights : ndarray of shape (in_features, out_features)
    bias : ndarray of shape (out_features,)

    Returns
    -------
    ndarray of shape (N, out_features)

    Raises
    ------
    ShapeError, DTypeError
        If the array shapes do not match, or an array is not float.

    Examples
    --------
    >>> from jitcnn.functional import dense
    >>> weights, bias = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]), np.array([0.5, 0.0, -1.0])
    >>> dense(np.array([[1.0, 2.0]]), weights, bias).tolist()
    [[21.5, 42.0, 62.0]]
    """
    return _forward("dense", x, weights, bias, -np.inf)


def dense_relu(x: Array, weights: Array, bias: Array) -> Array:
    """``dense`` followed by ``relu``, in one array; parameters and errors as in ``dense``.

    Examples
    --------
    >>> from jitcnn.functional import dense_relu
    >>> dense_relu(np.array([[2.0]]), np.array([[1.0, -1.0]]), np.zeros(2)).tolist()
    [[2.0, 0.0]]
    """
    return _forward("dense_relu", x, weights, bias, 0)


def _forward(operation: str, x: Array, weights: Array, bias: Array, floor: float) -> Array:
    """x · weights + bias, clipped from below at floor; checks the array shapes."""
    x, weights, bias = float_arrays("dense", x=x, weights=weights, bias=bias)
    problem, chosen = _forward_plan(x.shape, weights.shape, bias.shape, x.dtype)
    if rows_are_equal():
        chosen = ROW_BY_ROW
    out = empty((len(x), weights.shape[1]), x.dtype)
    call(operation, problem, chosen, multiply_and_add, x, weights, bias, chosen, floor, out)
    return out


@lru_cache(maxsize=1024)
def _forward_plan(x: Shape, weights: Shape, bias: Shape, dtype: DType) -> tuple[Problem, Plan]:
    """``dense_plan`` of the forward pass; ShapeError if the array shapes do not match."""
    has_shape("dense", "weights", weights, "in_features", "out_features")
    has_shape("dense", "x", x, "N", weights[0])
    has_shape("dense", "bias", bias, weights[1])
    return dense_plan("dense", *x, weights[1], dtype)


@lru_cache(maxsize=1024)
def dense_plan(operation: str, rows: int, terms: int, columns: int, dtype: DType) -> tuple[Problem, Plan]:
    """The problem and the plan of a dense layer's matrix product (rows, terms) · (terms, columns)."""
    problem = Problem(rows, terms, columns, dtype=dtype)
    return problem, plan(operation, problem)


def _product(operation: str, a: Array, b: Array) -> Array:
    """The matrix product a · b."""
    out = empty((len(a), b.shape[1]), a.dtype)
    problem, chosen = dense_plan(operation, *a.shape, b.shape[1], a.dtype)
    call(operation, problem, chosen, matmul, a, b, chosen, out)
    return out


def dense_backward_weights(d_out: Array, x: Array) -> tuple[Array, Array]:
    """Gradients of ``dense`` with respect to the weights and the bias: xᵀ · d_out and Σ_n d_out.

    Parameters
    ----------
    d_out : ndarray of shape (N, out_features), float32 or float64
    x : ndarray of shape (N, in_features)

    Returns
    -------
    d_weights : ndarray of shape (in_features, out_features)
    d_bias : ndarray of shape (out_features,)

    Raises
    ------
    ShapeError, DTypeError
        If the array shapes do not match, or an array is not float.

    Examples
    --------
    >>> from jitcnn.functional import dense_backward_weights
    >>> d_out, x = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]]), np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> d_weights, d_bias = dense_backward_weights(d_out, x)
    >>> d_weights.tolist(), d_bias.tolist()
    ([[1.0, 2.0, 3.0], [2.0, 4.0, 7.0]], [1.0, 2.0, 4.0])
    """
    d_out, x = float_arrays("dense_backward", d_out=d_out, x=x)
    has_shape("dense_backward", "x", x, "N", "in_features")
    has_shape("dense_backward", "d_out", d_out, x.shape[0], "out_features")
    return _product("dense_backward_weights", x.T, d_out), d_out.sum(axis=0)


def dense_backward_input(d_out: Array, weights: Array) -> Array:
    """Gradient of ``dense`` with respect to the input: d_out · weightsᵀ.

    Parameters
    ----------
    d_out : ndarray of shape (N, out_features), float32 or float64
    weights : ndarray of shape (in_features, out_features)

    Returns
    -------
    d_x : ndarray of shape (N, in_features)

    Raises
    ------
    ShapeError, DTypeError
        If the array shapes do not match, or an array is not float.

    Examples
    --------
    >>> from jitcnn.functional import dense_backward_input
    >>> d_out, weights = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    >>> dense_backward_input(d_out, weights).tolist()
    [[14.0, 140.0]]
    """
    d_out, weights = float_arrays("dense_backward", d_out=d_out, weights=weights)
    has_shape("dense_backward", "weights", weights, "in_features", "out_features")
    has_shape("dense_backward", "d_out", d_out, "N", weights.shape[1])
    return _product("dense_backward_input", d_out, weights.T)


def dense_plans(rows: int, in_features: int, out_features: int, dtype: DType) -> dict[str, Plan]:
    """The plan of each pass of a dense layer for a batch of ``rows``."""
    passes = {
        "forward": ("dense", rows, in_features, out_features),
        "d_weights": ("dense_backward_weights", in_features, rows, out_features),
        "d_x": ("dense_backward_input", rows, out_features, in_features),
    }
    return {name: dense_plan(*sizes, dtype)[1] for name, sizes in passes.items()}
