"""Bugs in dense layers, activations, dropout and flattening."""

from typing import Any

import numpy as np

from ... import functional
from ...layers import Dropout, Flatten
from .table import Function, bug


@bug("dense-untransposed", "Dense", "d_x with weights not transposed", functional, "dense_backward_input")
def _dense_untransposed(right: Function) -> Function:
    def wrong(d_out: Any, weights: Any) -> Any:
        return right(d_out, weights.T.reshape(weights.shape))

    return wrong


@bug("dense-bias-averaged", "Dense", "d_bias is the mean instead of the sum", functional, "dense_backward_weights")
def _dense_bias_averaged(right: Function) -> Function:
    def wrong(d_out: Any, x: Any) -> Any:
        d_weights, d_bias = right(d_out, x)
        return d_weights, d_bias / len(x)

    return wrong


@bug("relu-mask-inverted", "ReLU", "the gradient passes where the output is zero", functional, "relu_backward")
def _relu_mask_inverted(right: Function) -> Function:
    def wrong(d_out: Any, out: Any) -> Any:
        return d_out - right(d_out, out)

    return wrong


@bug("leaky-relu-slope-forgotten", "LeakyReLU", "no gradient for negative inputs", functional, "leaky_relu_backward")
def _leaky_relu_slope_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, out: Any, slope: float) -> Any:
        return right(d_out, out, 0.0)

    return wrong


@bug("tanh-not-squared", "Tanh", "1 - out instead of 1 - out²", functional, "tanh_backward")
def _tanh_not_squared(right: Function) -> Function:
    def wrong(d_out: Any, out: Any) -> Any:
        return d_out * (1 - out)

    return wrong


@bug("sigmoid-half", "Sigmoid", "out instead of out · (1 - out)", functional, "sigmoid_backward")
def _sigmoid_half(right: Function) -> Function:
    def wrong(d_out: Any, out: Any) -> Any:
        return d_out * out

    return wrong


@bug("softmax-diagonal", "Softmax", "no off-diagonal terms in the Jacobian", functional, "softmax_backward")
def _softmax_diagonal(right: Function) -> Function:
    def wrong(d_out: Any, out: Any) -> Any:
        return d_out * out * (1 - out)

    return wrong


@bug("dropout-without-scale", "Dropout", "kept values are not divided by 1 - rate", functional, "dropout")
def _dropout_without_scale(right: Function) -> Function:
    def wrong(x: Any, kept: Any, rate: float) -> Any:
        return right(x, kept, rate) * x.dtype.type(1 - rate)

    return wrong


@bug("dropout-without-mask", "Dropout", "the gradient passes through dropped values", Dropout, "pullback")
def _dropout_without_mask(right: Function) -> Function:
    def wrong(self: Dropout, d_out: Any, saved: Any, need_d_x: bool = True) -> Any:
        everything = right(self, np.ones_like(d_out), saved)[0].max()
        return d_out * everything, {}

    return wrong


@bug("flatten-by-columns", "Flatten", "d_x in column-major order", Flatten, "pullback")
def _flatten_by_columns(right: Function) -> Function:
    def wrong(self: Flatten, d_out: Any, saved: Any, need_d_x: bool = True) -> Any:
        d_x = right(self, d_out, saved)[0]
        return d_x.swapaxes(2, 3).reshape(d_x.shape), {}

    return wrong


@bug("gelu-without-density", "GELU", "gradient Φ(x) instead of Φ(x) + x · φ(x)", functional, "gelu_backward")
def _gelu_without_density(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, **how: Any) -> Any:
        density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
        return right(d_out, x, **how) - d_out * x * density

    return wrong
