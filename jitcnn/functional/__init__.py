"""Stateless operations on arrays: check, allocate, pick the implementation, call the kernel.

"Convolution" here is what the field calls by that name: cross-correlation, the filter is not flipped.
An operation computes in numpy's common dtype of its arguments: float64 images through float32 weights
give float64. Integers are refused.
"""

from .activations import (
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from .blur import BLUR_IMPLEMENTATIONS, blur_pool2d, blur_pool2d_backward
from .clipped import (
    ACTIVATION_IMPLEMENTATIONS,
    clip,
    clip_backward,
    hard_sigmoid,
    hard_sigmoid_backward,
    hard_swish,
    hard_swish_backward,
)
from .columns import col2im, im2col
from .conv import (
    conv2d,
    conv2d_backward,
    conv2d_backward_input,
    conv2d_backward_weights,
    conv2d_forward_fast,
    conv2d_forward_naive,
    conv2d_relu,
)
from .conv_setup import CONV_IMPLEMENTATIONS
from .conv_transpose import conv_transpose2d, conv_transpose2d_backward
from .dense import dense, dense_backward_input, dense_backward_weights, dense_relu
from .dropout import dropout
from .erf import erf, erf_backward
from .fused import (
    conv2d_relu_pool,
    conv2d_relu_pool_backward_input,
    conv2d_relu_pool_backward_weights,
)
from .gelu import GELU_IMPLEMENTATIONS, gelu, gelu_backward
from .global_pool import (
    global_avg_pool2d,
    global_avg_pool2d_backward,
    global_max_pool2d,
    global_max_pool2d_backward,
)
from .group_norm import GROUP_NORM_IMPLEMENTATIONS, group_norm, group_norm_backward
from .lrn import LRN_IMPLEMENTATIONS, lrn, lrn_backward
from .norm import NORM_IMPLEMENTATIONS, batch_norm2d, batch_norm2d_backward
from .pad import PAD_IMPLEMENTATIONS, pad2d, pad2d_backward
from .pool import (
    POOL_IMPLEMENTATIONS,
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from .prelu import prelu, prelu_backward
from .softmax import log_softmax, log_softmax_backward, softmax, softmax_backward

__all__ = [
    "ACTIVATION_IMPLEMENTATIONS",
    "BLUR_IMPLEMENTATIONS",
    "CONV_IMPLEMENTATIONS",
    "GELU_IMPLEMENTATIONS",
    "GROUP_NORM_IMPLEMENTATIONS",
    "LRN_IMPLEMENTATIONS",
    "NORM_IMPLEMENTATIONS",
    "PAD_IMPLEMENTATIONS",
    "POOL_IMPLEMENTATIONS",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm2d",
    "batch_norm2d_backward",
    "blur_pool2d",
    "blur_pool2d_backward",
    "clip",
    "clip_backward",
    "col2im",
    "conv2d",
    "conv2d_backward",
    "conv2d_backward_input",
    "conv2d_backward_weights",
    "conv2d_forward_fast",
    "conv2d_forward_naive",
    "conv2d_relu",
    "conv2d_relu_pool",
    "conv2d_relu_pool_backward_input",
    "conv2d_relu_pool_backward_weights",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "dense",
    "dense_backward_input",
    "dense_backward_weights",
    "dense_relu",
    "dropout",
    "erf",
    "erf_backward",
    "gelu",
    "gelu_backward",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "global_max_pool2d",
    "global_max_pool2d_backward",
    "group_norm",
    "group_norm_backward",
    "hard_sigmoid",
    "hard_sigmoid_backward",
    "hard_swish",
    "hard_swish_backward",
    "im2col",
    "leaky_relu",
    "leaky_relu_backward",
    "log_softmax",
    "log_softmax_backward",
    "lrn",
    "lrn_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "pad2d",
    "pad2d_backward",
    "prelu",
    "prelu_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "tanh",
    "tanh_backward",
]
