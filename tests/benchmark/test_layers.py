"""Layer benchmark: timings, and agreement of the implementations."""

import pytest

from jitcnn import CNN, Conv2D, Dense, MaxPool2D, ReLU
from jitcnn.benchmark.contests import IMPLEMENTATIONS, model_contests, zoo_contests
from jitcnn.benchmark.layers import bench_layers, multiply_adds
from jitcnn.benchmark.zoo import ZOO, ZooLayer
from jitcnn.errors import ConfigError, DisagreementError
from jitcnn.functional import CONV_IMPLEMENTATIONS
from jitcnn.kernels.conv import loops
from jitcnn.kernels.engine import winograd


@pytest.fixture
def net():
    return CNN([Conv2D(1, 2, 3), ReLU(), MaxPool2D()], input_shape=(1, 6, 6))


def bench(net, impls, **settings):
    rounds = settings.pop("rounds", 1)
    return bench_layers(model_contests(net, impls, **settings), rounds=rounds)


def test_every_layer_pass_and_algorithm_is_timed(net):
    timings = bench(net, IMPLEMENTATIONS, batch_size=3)
    conv, pool, block = "Conv2D 1→2 3×3", "MaxPool2D 2×2/2", "Conv2D 1→2 3×3 + ReLU + MaxPool2D"
    every = ["naive", "loops", "im2col", "direct", "winograd"]
    assert [(t.layer, t.direction, t.impl) for t in timings] == [
        *[(conv, direction, impl) for direction in ("forward", "d_weights", "d_x") for impl in every],
        *[(pool, direction, impl) for direction in ("forward", "backward") for impl in every[:-1]],
        *[(block, direction, impl) for direction in ("forward", "backward") for impl in [*every, "fused"]],
    ]
    assert all(t.milliseconds > 0 and t.images == 3 for t in timings)
    assert [t.gflops is None for t in timings] == [False] * 15 + [True] * 8 + [False] * 12
    assert {t.impl for t in timings if t.buffer_bytes} == {"im2col"}
    assert all(t.speedup == 1 for t in timings if t.impl == "naive")
    assert [t.algorithm for t in timings[:5]] == ["naive", "loops", "im2col", "direct (over pixels)", "winograd"]
    assert [t.algorithm for t in timings[-2:]] == ["winograd, direct", "fused (winners)"]


def test_unsupported_implementation_shows_the_algorithm_used():
    net = CNN([Conv2D(3, 14, 5), ReLU(), MaxPool2D()], input_shape=(3, 8, 8))
    algorithms = {
        (t.layer, t.direction): t.algorithm for t in bench(net, ["naive", "winograd"]) if t.impl == "winograd"
    }
    assert algorithms["Conv2D 3→14 5×5", "forward"] == "direct (over channels)"
    assert algorithms["Conv2D 3→14 5×5", "d_x"] == "direct (over pixels)"
    assert algorithms["MaxPool2D 2×2/2", "forward"] == "direct"


def test_net_is_unchanged(net):
    bench(net, ["loops", "im2col"], batch_size=1)
    assert [net.layers[0].impl, net.layers[2].impl] == ["auto", "auto"]


def test_gflops_are_operations_over_time(net, dtype):
    timing = bench(net, ["loops"], batch_size=3, dtype=dtype)[0]
    adds = 3 * 2 * 4 * 4 * 9
    assert multiply_adds(net.layers[0], (1, 6, 6)) * 3 == adds
    assert multiply_adds(Dense(3, 5), (3,)) == 15
    assert timing.gflops == pytest.approx(2 * adds / timing.milliseconds / 1e6)
    assert timing.bytes == (3 * 36 + 3 * 2 * 16) * dtype().itemsize + 20 * 4  # the weights are float32


def test_im2col_buffers_are_counted(net):
    (timing,) = [
        t for t in bench(net, ["im2col"], batch_size=3) if t.layer == "Conv2D 1→2 3×3" and t.direction == "d_x"
    ]
    assert timing.buffer_bytes == 3 * 9 * 16 * 4


@pytest.mark.parametrize("image", [0, 1], ids=["first image", "last image"])
@pytest.mark.parametrize("impl", ["im2col", "direct", "winograd"])
def test_wrong_result_anywhere_in_the_batch_raises(impl, image, net, monkeypatch):
    kernels = CONV_IMPLEMENTATIONS[impl]
    right = kernels.conv2d_forward

    def wrong(*arguments):
        right(*arguments)
        arguments[-1][image, 0, 0, 0] += 0.01

    monkeypatch.setattr(kernels, "conv2d_forward", wrong)
    with pytest.raises(DisagreementError, match=rf"Conv2D 1→2 3×3, forward: {impl} \({impl}.*\) differs from loops by"):
        bench(net, IMPLEMENTATIONS, batch_size=2)


def test_loops_are_compared_with_naive(net, monkeypatch):
    right = loops.conv2d_forward

    def wrong(*arguments):
        right(*arguments)
        arguments[-1][...] *= 1.001

    monkeypatch.setattr(loops, "conv2d_forward", wrong)
    with pytest.raises(DisagreementError, match=r"Conv2D 1→2 3×3, forward: naive \(naive\) differs from loops by"):
        bench(net, ["naive", "loops"], batch_size=2)


def test_comparison_uses_the_timed_algorithm(monkeypatch):
    """The comparison uses the whole batch, because a single image selects another algorithm."""
    ran = []
    right = winograd.conv2d_forward
    monkeypatch.setattr(winograd, "conv2d_forward", lambda *a: (ran.append(len(a[0])), right(*a)))
    net = CNN([Conv2D(32, 32, 3)], input_shape=(32, 6, 6))
    timings = bench(net, ["naive", "auto"], batch_size=10)
    assert {t.algorithm for t in timings if t.impl == "auto"} == {"winograd"}
    assert ran == [10, 10, 10]  # comparison, warm-up, timing
    assert {t.algorithm for t in bench(net, ["naive", "auto"], batch_size=1) if t.impl == "auto"} == {
        "direct (over channels)"
    }


def test_net_without_input_shape_raises():
    with pytest.raises(ConfigError, match="expects a net with an input shape, got cnn without: pass"):
        bench(CNN([ReLU()]), ["loops"])


def test_zoo_layers_use_their_own_images():
    small = ZooLayer("small", 2, 3, 3, 2, 1, 5, 4)
    timings = bench_layers(zoo_contests([small], ["loops", "im2col"]), rounds=1)
    assert [(t.layer, t.images) for t in timings] == [("small Conv2D 2→3 3×3/2 pad 1, 4×5²", 4)] * 6


def test_zoo_covers_common_layer_settings():
    assert {z.kernel_size for z in ZOO} == {1, 3, 5, 7, 11}
    assert {z.stride for z in ZOO} == {1, 2, 4}
    assert {z.images for z in ZOO} >= {1, 64, 256}
    assert {z.size for z in ZOO} >= {4, 224}
    assert {z.in_channels for z in ZOO} >= {1, 512}
    for z in ZOO:
        assert min(z.layer().output_shape(z.input_shape)) >= 1
