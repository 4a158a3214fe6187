"""The race is only run by implementations that agree."""

import pytest

from jitcnn import CNN, Conv2D, MaxPool2D, ReLU
from jitcnn.benchmark import IMPLEMENTATIONS, bench_layers, multiply_adds
from jitcnn.errors import ConfigError, DisagreementError
from jitcnn.kernels import conv_im2col


@pytest.fixture
def net():
    return CNN([Conv2D(1, 2, 3), ReLU(), MaxPool2D()], input_shape=(1, 6, 6))


def test_every_layer_pass_and_implementation_is_timed(net):
    timings = bench_layers(net, IMPLEMENTATIONS, batch_size=3, rounds=1)
    assert [(t.layer, t.direction, t.impl) for t in timings[-8:]] == [
        ("Conv2D 1→2 3×3 + ReLU + MaxPool2D", direction, impl)
        for direction in ("forward", "backward")
        for impl in IMPLEMENTATIONS
    ]
    assert len(timings) == 2 * 2 * 3 + 2 * 4
    assert all(t.milliseconds > 0 and t.images == 3 for t in timings)
    assert [t.gflops is None for t in timings] == [False] * 6 + [True] * 6 + [False] * 8


def test_the_net_is_left_as_it_was(net):
    bench_layers(net, ["loops", "im2col"], batch_size=1, rounds=1)
    assert [net.layers[0].impl, net.layers[2].impl] == ["auto", "auto"]


def test_gflops_are_arithmetic_over_time(net):
    timing = bench_layers(net, ["loops"], batch_size=3, rounds=1)[0]
    adds = 3 * 2 * 4 * 4 * 9
    assert multiply_adds(net.layers[0], (1, 6, 6)) * 3 == adds
    assert timing.gflops == pytest.approx(2 * adds / timing.milliseconds / 1e6)


def test_an_implementation_that_is_wrong_is_found_out(net, monkeypatch):
    right = conv_im2col.conv2d_forward

    def wrong(*arguments):
        right(*arguments)
        arguments[-1][0, 0, 0, 0] += 0.01

    monkeypatch.setattr(conv_im2col, "conv2d_forward", wrong)
    with pytest.raises(DisagreementError, match=r"Conv2D 1→2 3×3, forward: im2col differs from naive by"):
        bench_layers(net, IMPLEMENTATIONS, batch_size=2, rounds=1)


def test_a_net_without_an_input_shape_is_told():
    with pytest.raises(ConfigError, match="expects a net that knows its input shape, got cnn"):
        bench_layers(CNN([ReLU()]), ["loops"])
