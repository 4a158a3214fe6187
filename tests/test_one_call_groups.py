"""Convolutions with groups in a compiled call: what is summed, on any number of threads, and a net of them."""

import numpy as np
from nets import as_if_trained, one_by_one, one_call_of

from jitcnn import CNN, BatchNorm2D, Conv2D, Dense, GlobalAvgPool2D, ReLU, Softmax
from jitcnn.kernels.whole_net import entry
from jitcnn.kernels.whole_net.table import CONVOLVE, DEPTHWISE
from jitcnn.net import one_call, tabulating


def test_groups_read_no_more_channels_than_their_blocks_of_filters(rng):
    """The kind of each row, and the sums of direct ones: channels of a block times pixels of the kernel."""
    layers = [
        Conv2D(6, 64, 3, groups=2),
        ReLU(),
        Conv2D(64, 64, 3, padding=1, groups=64),
        Conv2D(64, 64, 3, padding=1, groups=2),
        Conv2D(64, 64, 3, padding=1, groups=16),
        Conv2D(64, 128, 1, groups=64),
        Conv2D(128, 70, 1, groups=2),
    ]
    table = one_call_of(layers, (6, 8, 8))._table
    steps = table.steps
    assert steps[1:, entry.KIND].tolist() == [CONVOLVE, DEPTHWISE, CONVOLVE, CONVOLVE, CONVOLVE, CONVOLVE]
    assert steps[1:, entry.COUNT].tolist() == [27, 9, 288, 144, 8, 128]
    assert steps[[1, 3, 4, 5, 6], entry.BLOCK].tolist() == [32, 32, 16, 16, 16]
    first = [table.tables.offsets[at:][:4].tolist() for at in steps[4:, entry.CHANNEL_STEPS]]
    assert first == [[0, 16, 32, 48], [0, 8, 16, 24], [0, 0, 0, 0]]


def test_groups_give_the_same_bits_on_any_number_of_threads(monkeypatch, rng):
    """Alone, in a batch, and with the rows of an image shared."""
    layers = as_if_trained(
        [Conv2D(2, 12, 3), Conv2D(12, 12, 3, padding=1, groups=12), ReLU(), Conv2D(12, 20, 3, groups=4)], rng
    )
    x = rng.standard_normal((5, 2, 9, 11)).astype(np.float32)
    expected = one_call_of(layers, x.shape[1:])(x)
    monkeypatch.setattr(tabulating, "SHARED", 1)
    for threads in (1, 2, 3):
        monkeypatch.setattr(one_call, "most_threads", lambda threads=threads: threads)
        first = one_call_of(layers, x.shape[1:])
        for N in (1, 5):
            np.testing.assert_array_equal(first(x[:N]), expected[:N])


def mobilenet():
    """A chain as in MobileNet: depthwise and pointwise convolutions in turn."""
    layers, channels = [Conv2D(3, 8, 3, 2, 1, use_bias=False), BatchNorm2D(8), ReLU()], 8
    for filters, stride in ((16, 1), (32, 2), (32, 1), (64, 2)):
        layers += [
            Conv2D(channels, channels, 3, stride, 1, groups=channels, use_bias=False),
            BatchNorm2D(channels),
            ReLU(),
        ]
        layers += [Conv2D(channels, filters, 1, use_bias=False), BatchNorm2D(filters), ReLU()]
        channels = filters
    return CNN([*layers, GlobalAvgPool2D(), Dense(channels, 10), Softmax()], input_shape=(3, 32, 32))


def test_mobilenet_runs_in_one_call(rng):
    net = mobilenet()
    as_if_trained(net.layers, rng)
    compiled, x = net.compile(), rng.standard_normal((2, 3, 32, 32)).astype(np.float32)
    assert repr(compiled) == "<Predictor of cnn: the first 28 of 30 layers in one call>"
    expected = one_by_one(net.layers[:-1], x)
    np.testing.assert_allclose(compiled.logits(x), expected, rtol=0, atol=1e-5 * abs(expected).max())
