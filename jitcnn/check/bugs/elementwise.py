"""Bugs in clipping, the hard sigmoid and swish, PReLU, erf and log-softmax."""

from typing import Any

import numpy as np

from ... import functional
from .table import Function, bug


@bug("clip-gradient-everywhere", "Clip", "the gradient passes beyond the bounds", functional, "clip_backward")
def _clip_gradient_everywhere(right: Function) -> Function:
    def wrong(d_out: Any, out: Any, low: float, high: float, **how: Any) -> Any:
        return right(d_out, out, -np.inf, np.inf, **how)

    return wrong


@bug("hard-sigmoid-slope-forgotten", "HardSigmoid", "slope 1", functional, "hard_sigmoid_backward")
def _hard_sigmoid_slope_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, out: Any, slope: float, **how: Any) -> Any:
        return right(d_out, out, 1.0, **how)

    return wrong


@bug("hard-swish-as-sigmoid", "HardSwish", "gradient of one factor only", functional, "hard_swish_backward")
def _hard_swish_as_sigmoid(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, **how: Any) -> Any:
        return d_out * functional.hard_sigmoid(x)

    return wrong


@bug("prelu-slope-averaged", "PReLU", "d_slope is the mean over N instead of the sum", functional, "prelu_backward")
def _prelu_slope_averaged(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, slope: Any, **how: Any) -> Any:
        d_x, d_slope = right(d_out, x, slope, **how)
        return d_x, d_slope / len(x)

    return wrong


@bug("erf-of-half-x", "Erf", "e^(-x²/2) instead of e^(-x²)", functional, "erf_backward")
def _erf_of_half_x(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, **how: Any) -> Any:
        return right(d_out, x / np.sqrt(2), **how)

    return wrong


@bug("log-softmax-diagonal", "LogSoftmax", "no off-diagonal terms in the Jacobian", functional, "log_softmax_backward")
def _log_softmax_diagonal(right: Function) -> Function:
    def wrong(d_out: Any, out: Any) -> Any:
        return d_out * (1 - np.exp(out))

    return wrong
