"""Small, likely mistakes, to be planted on purpose: a check that does not turn red at one of them proves nothing.

Each spoils one function or method; ``planted`` puts the right one back whatever happens.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np

from .. import functional
from ..errors import ConfigError, did_you_mean
from ..functional.blur import binomial
from ..kernels import conv_fused, conv_im2col, conv_loops, losses, optim
from ..layers import Dropout, Flatten
from ..model import CNN

Function = Callable[..., Any]


@dataclass(frozen=True)
class Bug:
    """A mistake: ``spoil`` makes the wrong function out of the right one, ``owner.attribute``."""

    name: str
    topic: str
    what: str
    owner: Any
    attribute: str
    spoil: Callable[[Function], Function]


BUGS: dict[str, Bug] = {}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """While this is entered, the named mistake is made; None plants nothing.

    Raises
    ------
    ConfigError
        If there is no such bug.
    """
    if name is None:
        yield
        return
    bug = find_bug(name)
    right = vars(bug.owner)[bug.attribute]
    setattr(bug.owner, bug.attribute, wraps(right)(bug.spoil(right)))
    try:
        yield
    finally:
        setattr(bug.owner, bug.attribute, right)


def find_bug(name: str) -> Bug:
    """The bug of that name; ConfigError with all names if there is none."""
    if name not in BUGS:
        raise ConfigError(
            f"There is no bug named {name!r} to plant{did_you_mean(name, BUGS)}: choose one of {', '.join(BUGS)}."
        )
    return BUGS[name]


def _bug(
    name: str, topic: str, what: str, owner: Any, attribute: str
) -> Callable[[Callable[[Function], Function]], Any]:
    """Enter the decorated ``spoil`` into the table."""

    def enter(spoil: Callable[[Function], Function]) -> Callable[[Function], Function]:
        BUGS[name] = Bug(name, topic, what, owner, attribute, spoil)
        return spoil

    return enter


# --- convolution --------------------------------------------------------------------------------------


@_bug("conv-taps-transposed", "Conv2D", "d_weights written column by column", functional, "conv2d_backward_weights")
def _conv_taps_transposed(right: Function) -> Function:
    def wrong(*arguments: Any, **how: Any) -> Any:
        d_weights, d_bias = right(*arguments, **how)
        return d_weights.swapaxes(2, 3).reshape(d_weights.shape), d_bias

    return wrong


@_bug("conv-bias-missing", "Conv2D", "d_bias stays zero", functional, "conv2d_backward_weights")
def _conv_bias_missing(right: Function) -> Function:
    def wrong(*arguments: Any, **how: Any) -> Any:
        d_weights, d_bias = right(*arguments, **how)
        return d_weights, np.zeros_like(d_bias)

    return wrong


@_bug("conv-input-not-flipped", "Conv2D", "d_x takes the filters mirrored", functional, "conv2d_backward_input")
def _conv_input_not_flipped(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, weights: Any, *grid: Any, **how: Any) -> Any:
        return right(d_out, x, weights[:, :, ::-1, ::-1], *grid, **how)

    return wrong


@_bug("conv-groups-mixed", "Conv2D", "d_weights of a group goes to the next", functional, "conv2d_backward_weights")
def _conv_groups_mixed(right: Function) -> Function:
    def wrong(
        d_out: Any, x: Any, weights: Any, stride: Any, padding: Any, dilation: Any, groups: int, **how: Any
    ) -> Any:
        d_weights, d_bias = right(d_out, x, weights, stride, padding, dilation, groups, **how)
        return np.roll(d_weights, len(d_weights) // groups, axis=0), d_bias

    return wrong


@_bug("conv-loops-last-column", "Conv2D", "the loops forget d_x's last column", conv_loops, "conv2d_backward_input")
def _conv_loops_last_column(right: Function) -> Function:
    def wrong(*arguments: Any) -> None:
        right(*arguments)
        arguments[-1][..., -1] = 0

    return wrong


@_bug("conv-im2col-overlap", "Conv2D", "col2im overwrites where windows overlap", conv_im2col, "col2im")
def _conv_im2col_overlap(right: Function) -> Function:
    def wrong(col: Any, K_h: int, K_w: int, s_h: int, s_w: int, top: int, left: int, x: Any, *dilation: Any) -> None:
        last, tap = np.zeros_like(x), np.empty_like(x)
        for kh, kw in np.ndindex(K_h, K_w):
            alone = np.zeros_like(col)
            alone[:, kh, kw] = col[:, kh, kw]
            right(alone, K_h, K_w, s_h, s_w, top, left, tap, *dilation)
            last = np.where(tap != 0, tap, last)
        x[...] = last

    return wrong


@_bug(
    "fused-bias-of-the-silent", "fused", "d_bias counts windows that a ReLU silenced",
    conv_fused, "conv2d_relu_pool_backward_weights",
)  # fmt: skip
def _fused_bias_of_the_silent(right: Function) -> Function:
    def wrong(x: Any, d_out: Any, *others: Any) -> None:
        right(x, d_out, *others)
        others[-1][...] = d_out.sum(axis=(0, 2, 3))

    return wrong


# --- pooling ------------------------------------------------------------------------------------------


@_bug("max-pool-last-tie", "MaxPool2D", "of equal numbers the last takes the gradient", functional, "max_pool2d")
def _max_pool_last_tie(right: Function) -> Function:
    def wrong(x: Any, *grid: Any, **how: Any) -> Any:
        ramp = 1e-9 * np.arange(x[0, 0].size).reshape(x.shape[2:])
        return right(x, *grid, **how)[0], right(x + ramp, *grid, **how)[1]

    return wrong


@_bug("max-pool-overwrites", "MaxPool2D", "who wins twice takes the last gradient", functional, "max_pool2d_backward")
def _max_pool_overwrites(right: Function) -> Function:
    def wrong(d_out: Any, max_indices: Any, x_shape: Any, *grid: Any, **how: Any) -> Any:
        planes = d_out.shape[0] * d_out.shape[1]
        d_x = np.zeros((planes, x_shape[2] * x_shape[3]), d_out.dtype)
        np.put_along_axis(d_x, max_indices.reshape(planes, -1), d_out.reshape(planes, -1), axis=1)
        return d_x.reshape(x_shape)

    return wrong


@_bug("avg-pool-not-divided", "AvgPool2D", "every pixel takes the whole gradient", functional, "avg_pool2d_backward")
def _avg_pool_not_divided(right: Function) -> Function:
    def wrong(d_out: Any, x_shape: Any, pool_size: Any, *grid: Any, **how: Any) -> Any:
        return right(d_out, x_shape, pool_size, *grid, **how) * np.prod(pool_size)

    return wrong


@_bug(
    "blur-border-forgotten", "BlurPool2D", "what was mirrored at the border takes no gradient",
    functional, "blur_pool2d_backward",
)  # fmt: skip
def _blur_border_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, x_shape: Any, kernel_size: Any, stride: Any, **how: Any) -> Any:
        down, along = (np.zeros((size_out, size)) for size_out, size in zip(d_out.shape[2:], x_shape[2:], strict=True))
        for weights, step in zip((down, along), stride, strict=True):
            for place, row in enumerate(weights):
                for k, tap in enumerate(binomial(kernel_size), place * step - (kernel_size - 1) // 2):
                    row[k : k + 1] += tap if k >= 0 else 0
        return (down.T @ d_out @ along).astype(d_out.dtype)

    return wrong


@_bug(
    "global-avg-pool-not-divided", "GlobalAvgPool2D", "every pixel takes the whole gradient",
    functional, "global_avg_pool2d_backward",
)  # fmt: skip
def _global_avg_pool_not_divided(right: Function) -> Function:
    def wrong(d_out: Any, x_shape: Any) -> Any:
        return right(d_out, x_shape) * (x_shape[2] * x_shape[3])

    return wrong


# --- normalisation and residual blocks ----------------------------------------------------------------


@_bug("batch-norm-mean-forgotten", "BatchNorm2D", "d_x without the mean term", functional, "batch_norm2d_backward")
def _batch_norm_mean_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, out: Any, scale: Any, statistics: Any, epsilon: float, **how: Any) -> Any:
        d_x, d_addend, d_scale, d_shift = right(d_out, x, out, scale, statistics, epsilon, **how)
        mean = scale / np.sqrt(statistics.variance + epsilon) * d_shift / (x.size / len(scale))
        return d_x + mean[:, None, None] * statistics.of_batch, d_addend, d_scale, d_shift

    return wrong


@_bug(
    "batch-norm-constant",
    "BatchNorm2D",
    "the batch's statistics taken as constants",
    functional,
    "batch_norm2d_backward",
)
def _batch_norm_constant(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, out: Any, scale: Any, statistics: Any, *others: Any, **how: Any) -> Any:
        return right(d_out, x, out, scale, statistics._replace(of_batch=False), *others, **how)

    return wrong


@_bug(
    "batch-norm-always-training", "BatchNorm2D", "the running statistics taken as the batch's",
    functional, "batch_norm2d_backward",
)  # fmt: skip
def _batch_norm_always_training(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, out: Any, scale: Any, statistics: Any, *others: Any, **how: Any) -> Any:
        return right(d_out, x, out, scale, statistics._replace(of_batch=True), *others, **how)

    return wrong


@_bug("batch-norm-scale-forgotten", "BatchNorm2D", "d_x without the scale", functional, "batch_norm2d_backward")
def _batch_norm_scale_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, out: Any, scale: Any, *others: Any, **how: Any) -> Any:
        return right(d_out, x, out, np.ones_like(scale), *others, **how)

    return wrong


@_bug("shortcut-dropped", "ResidualBlock", "no gradient through the shortcut", functional, "batch_norm2d_backward")
def _shortcut_dropped(right: Function) -> Function:
    def wrong(*arguments: Any, **how: Any) -> Any:
        d_x, d_addend, d_scale, d_shift = right(*arguments, **how)
        return d_x, None if d_addend is None else np.zeros_like(d_addend), d_scale, d_shift

    return wrong


# --- dense layers, activations, dropout ---------------------------------------------------------------


@_bug("dense-untransposed", "Dense", "d_x through untransposed weights", functional, "dense_backward_input")
def _dense_untransposed(right: Function) -> Function:
    def wrong(d_out: Any, weights: Any) -> Any:
        return right(d_out, weights.T.reshape(weights.shape))

    return wrong


@_bug("dense-bias-averaged", "Dense", "d_bias is the mean instead of the sum", functional, "dense_backward_weights")
def _dense_bias_averaged(right: Function) -> Function:
    def wrong(d_out: Any, x: Any) -> Any:
        d_weights, d_bias = right(d_out, x)
        return d_weights, d_bias / len(x)

    return wrong


@_bug("relu-mask-inverted", "ReLU", "the gradient passes where nothing went through", functional, "relu_backward")
def _relu_mask_inverted(right: Function) -> Function:
    def wrong(d_out: Any, out: Any) -> Any:
        return d_out - right(d_out, out)

    return wrong


@_bug("leaky-relu-slope-forgotten", "LeakyReLU", "no gradient below zero", functional, "leaky_relu_backward")
def _leaky_relu_slope_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, out: Any, slope: float) -> Any:
        return right(d_out, out, 0.0)

    return wrong


@_bug("tanh-not-squared", "Tanh", "1 - out instead of 1 - out²", functional, "tanh_backward")
def _tanh_not_squared(right: Function) -> Function:
    def wrong(d_out: Any, out: Any) -> Any:
        return d_out * (1 - out)

    return wrong


@_bug("sigmoid-half", "Sigmoid", "out instead of out · (1 - out)", functional, "sigmoid_backward")
def _sigmoid_half(right: Function) -> Function:
    def wrong(d_out: Any, out: Any) -> Any:
        return d_out * out

    return wrong


@_bug("softmax-diagonal", "Softmax", "each class as if it were alone", functional, "softmax_backward")
def _softmax_diagonal(right: Function) -> Function:
    def wrong(d_out: Any, out: Any) -> Any:
        return d_out * out * (1 - out)

    return wrong


@_bug("dropout-without-scale", "Dropout", "what is kept is not divided by 1 - rate", functional, "dropout")
def _dropout_without_scale(right: Function) -> Function:
    def wrong(x: Any, kept: Any, rate: float) -> Any:
        return right(x, kept, rate) * x.dtype.type(1 - rate)

    return wrong


@_bug("dropout-without-mask", "Dropout", "the gradient passes through what was dropped", Dropout, "backward")
def _dropout_without_mask(right: Function) -> Function:
    def wrong(self: Dropout, d_out: Any) -> Any:
        everything = right(self, np.ones_like(d_out)).max()
        return d_out * everything

    return wrong


@_bug("flatten-by-columns", "Flatten", "d_x filled column by column", Flatten, "backward")
def _flatten_by_columns(right: Function) -> Function:
    def wrong(self: Flatten, d_out: Any) -> Any:
        d_x = right(self, d_out)
        return d_x.swapaxes(2, 3).reshape(d_x.shape)

    return wrong


# --- loss, optimisers, net ----------------------------------------------------------------------------


@_bug("loss-not-averaged", "loss", "softmax-cross-entropy without 1/N", losses, "softmax_cross_entropy")
def _loss_not_averaged(right: Function) -> Function:
    def wrong(logits: Any, y: Any, label_smoothing: float, d_logits: Any) -> Any:
        loss = right(logits, y, label_smoothing, d_logits)
        d_logits *= len(logits)
        return loss

    return wrong


@_bug("loss-smoothing-forgotten", "loss", "the gradient knows no label smoothing", losses, "softmax_cross_entropy")
def _loss_smoothing_forgotten(right: Function) -> Function:
    def wrong(logits: Any, y: Any, label_smoothing: float, d_logits: Any) -> Any:
        right(logits, y, 0.0, d_logits)
        return right(logits, y, label_smoothing, np.empty_like(d_logits))

    return wrong


@_bug("momentum-sign", "optimiser", "SGD brakes where it should run on", optim, "momentum_step")
def _momentum_sign(right: Function) -> Function:
    def wrong(parameter: Any, gradient: Any, velocity: Any, rate: Any, momentum: Any, *others: Any) -> None:
        right(parameter, gradient, velocity, rate, -momentum, *others)

    return wrong


@_bug("adam-betas-swapped", "optimiser", "Adam takes the one beta for the other", optim, "adam_step")
def _adam_betas_swapped(right: Function) -> Function:
    def wrong(*arguments: Any) -> None:
        *arrays, rate, share_1, share_2 = arguments[:7]
        right(*arrays, rate, share_2, share_1, *arguments[7:])

    return wrong


@_bug("first-layer-forgotten", "net", "the way back ends before the first layer", CNN, "backward_logits")
def _first_layer_forgotten(right: Function) -> Function:
    def wrong(self: CNN, d_logits: Any) -> None:
        right(self, d_logits)
        for layer in self.layers:
            if layer.parameters():
                for name, array in layer.parameters().items():
                    layer.set_array(name, array)  # which sets its gradient to zero
                return

    return wrong
