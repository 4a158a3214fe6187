"""The race is only run by implementations that agree."""

import pytest

from jitcnn import CNN, Conv2D, Dense, MaxPool2D, ReLU
from jitcnn.benchmark.layers import IMPLEMENTATIONS, bench_layers, model_contests, multiply_adds, zoo_contests
from jitcnn.benchmark.zoo import ZOO, ZooLayer
from jitcnn.errors import ConfigError, DisagreementError
from jitcnn.kernels.conv import im2col as conv_im2col


@pytest.fixture
def net():
    return CNN([Conv2D(1, 2, 3), ReLU(), MaxPool2D()], input_shape=(1, 6, 6))


def bench(net, impls, **settings):
    rounds = settings.pop("rounds", 1)
    return bench_layers(model_contests(net, impls, **settings), rounds=rounds)


def test_every_layer_pass_and_implementation_is_timed(net):
    timings = bench(net, IMPLEMENTATIONS, batch_size=3)
    assert [(t.layer, t.direction, t.impl) for t in timings[-8:]] == [
        ("Conv2D 1→2 3×3 + ReLU + MaxPool2D", direction, impl)
        for direction in ("forward", "backward")
        for impl in IMPLEMENTATIONS
    ]
    assert [t.direction for t in timings[:9:3]] == ["forward", "d_weights", "d_x"]
    assert len(timings) == 3 * 3 + 2 * 3 + 2 * 4
    assert all(t.milliseconds > 0 and t.images == 3 for t in timings)
    assert [t.gflops is None for t in timings] == [False] * 9 + [True] * 6 + [False] * 8
    assert {t.impl for t in timings if t.buffer_bytes} == {"im2col"}
    assert all(t.speedup == 1 for t in timings if t.impl == "naive")


def test_the_net_is_left_as_it_was(net):
    bench(net, ["loops", "im2col"], batch_size=1)
    assert [net.layers[0].impl, net.layers[2].impl] == ["auto", "auto"]


def test_gflops_are_arithmetic_over_time(net, dtype):
    timing = bench(net, ["loops"], batch_size=3, dtype=dtype)[0]
    adds = 3 * 2 * 4 * 4 * 9
    assert multiply_adds(net.layers[0], (1, 6, 6)) * 3 == adds
    assert multiply_adds(Dense(3, 5), (3,)) == 15
    assert timing.gflops == pytest.approx(2 * adds / timing.milliseconds / 1e6)
    assert timing.bytes == (3 * 36 + 3 * 2 * 16) * dtype().itemsize + 20 * 4  # the weights of this net are float32


def test_the_copies_of_im2col_are_counted(net):
    (timing,) = [
        t for t in bench(net, ["im2col"], batch_size=3) if t.layer == "Conv2D 1→2 3×3" and t.direction == "d_x"
    ]
    assert timing.buffer_bytes == 3 * 9 * 16 * 4


def test_an_implementation_that_is_wrong_is_found_out(net, monkeypatch):
    right = conv_im2col.conv2d_forward

    def wrong(*arguments):
        right(*arguments)
        arguments[-1][0, 0, 0, 0] += 0.01

    monkeypatch.setattr(conv_im2col, "conv2d_forward", wrong)
    with pytest.raises(DisagreementError, match=r"Conv2D 1→2 3×3, forward: im2col differs from naive by"):
        bench(net, IMPLEMENTATIONS, batch_size=2)


def test_a_net_without_an_input_shape_is_told():
    with pytest.raises(ConfigError, match="expects a net that knows its input shape, got cnn"):
        bench(CNN([ReLU()]), ["loops"])


def test_layers_of_the_zoo_run_on_images_of_their_own():
    small = ZooLayer("small", 2, 3, 3, 2, 1, 5, 4)
    timings = bench_layers(zoo_contests([small], ["loops", "im2col"]), rounds=1)
    assert [(t.layer, t.images) for t in timings] == [("small Conv2D 2→3 3×3/2 pad 1, 4×5²", 4)] * 6


def test_the_zoo_holds_every_kind_of_layer():
    assert {z.kernel_size for z in ZOO} == {1, 3, 5, 7, 11}
    assert {z.stride for z in ZOO} == {1, 2, 4}
    assert {z.images for z in ZOO} >= {1, 64, 256}
    assert {z.size for z in ZOO} >= {4, 224}
    assert {z.in_channels for z in ZOO} >= {1, 512}
    for z in ZOO:
        assert min(z.layer().output_shape(z.input_shape)) >= 1
