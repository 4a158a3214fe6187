"""Trace the layers inside a residual block."""

import numpy as np

from ..layers import BottleneckBlock, Layer, ResidualBlock
from ..support.arrays import Array
from .trace import Stage


def trace_block(stage: Stage) -> dict[str, Stage]:
    """Trace the inner layers of a residual block.

    The block runs normalisation, sum and ReLU in one pass. Here each layer runs separately on the recorded input and, if
    present, the recorded output gradient of the block.

    Parameters
    ----------
    stage : Stage, recorded by ``trace``

    Returns
    -------
    dict of str to Stage
        By name of the inner layer; empty for any other layer.

    Examples
    --------
    >>> from jitcnn import CNN
    >>> from jitcnn.layers import ResidualBlock
    >>> from jitcnn.inspection import trace, trace_block
    >>> model = CNN([ResidualBlock(2, 2)], input_shape=(2, 8, 8))
    >>> list(trace_block(trace(model, np.ones((1, 2, 8, 8), np.float32))[0]))
    ['conv1', 'norm1', 'conv2', 'norm2']
    """
    block = stage.layer
    if not isinstance(block, ResidualBlock | BottleneckBlock):
        return {}
    found: dict[str, Stage] = {}
    x, last = stage.x, len(block.branch)
    for k, (conv, norm) in enumerate(block.branch, start=1):
        x = np.maximum(_pair(found, f"conv{k}", conv, f"norm{k}", norm, x), 0)
    if block.shortcut is not None:
        _pair(found, "shortcut_conv", block.shortcut[0], "shortcut_norm", block.shortcut[1], stage.x)
    if stage.d_out is None:
        return found
    d_sum = stage.d_out * (stage.out > 0)  # through the final ReLU to both branches
    if block.shortcut is not None:
        _pair_back(found, "shortcut_conv", "shortcut_norm", d_sum)
    d_branch = d_sum
    for k in range(last, 0, -1):
        d_branch = _pair_back(found, f"conv{k}", f"norm{k}", d_branch)
        d_branch = d_branch * (found[f"conv{k}"].x > 0)  # the input is the output of a ReLU
    return found


def _pair(found: dict[str, Stage], conv_name: str, conv: Layer, norm_name: str, norm: Layer, x: Array) -> Array:
    middle, conv_saved = conv.apply(x, training=False)
    out, norm_saved = norm.apply(middle, training=False)
    found[conv_name] = Stage(conv, x, middle, saved=conv_saved)
    found[norm_name] = Stage(norm, middle, out, saved=norm_saved)
    return out


def _pair_back(found: dict[str, Stage], conv_name: str, norm_name: str, d_out: Array) -> Array:
    for name in (norm_name, conv_name):
        found[name] = stage = found[name].back(d_out)
        assert stage.d_x is not None
        d_out = stage.d_x
    return d_out
