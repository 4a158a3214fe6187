"""The race is only run by implementations that agree."""

import pytest

from jitcnn import CNN, Conv2D, MaxPool2D
from jitcnn.benchmark import IMPLEMENTATIONS, bench_layers, disagreements, multiply_adds
from jitcnn.kernels import conv_im2col


@pytest.fixture
def net():
    return CNN([Conv2D(1, 2, 3), MaxPool2D()], input_shape=(1, 6, 6))


def test_every_layer_pass_and_implementation_is_timed(net):
    timings = bench_layers(net, IMPLEMENTATIONS, batch_size=3, rounds=1)
    assert len(timings) == 2 * 2 * 3
    assert all(t.milliseconds > 0 and t.images == 3 for t in timings)
    assert [t.gflops is None for t in timings] == [False] * 6 + [True] * 6
    assert disagreements(timings) == []


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
    found = disagreements(bench_layers(net, IMPLEMENTATIONS, batch_size=2, rounds=1))
    assert [(t.impl, t.direction) for t in found] == [("im2col", "forward")]
