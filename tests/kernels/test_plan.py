"""The plan: the algorithm on both sides of every threshold, and the reason given."""

import inspect
from dataclasses import fields

import numpy as np
import pytest

from jitcnn.kernels.engine.one_image import depthwise_for_one_image, tile_for_one_image
from jitcnn.kernels.engine.plan import IMPLEMENTATIONS, THRESHOLDS, Problem, Thresholds, can_fuse, plan
from jitcnn.kernels.simd.machine import Machine
from jitcnn.kernels.types import Grid

SAME = Grid(pad=(1, 1))
LARGE = "winograd", "4×4"


def conv(images=64, C_in=64, C_out=64, size=(32, 32), kernel_size=(3, 3), grid=SAME, groups=1, pool=(1, 1)):
    """A convolution with output as large as its input, followed by pooling."""
    size_out = size[0] // pool[0], size[1] // pool[1]
    return Problem(images, C_in, C_out, size, size_out, kernel_size, grid, groups, pool)


def chosen(operation, problem, impl="auto", **more):
    algorithm, _, variant = plan(operation, problem, impl, **more)
    return (algorithm, variant) if variant else algorithm


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (conv(C_out=12), ("direct", "over_pixels")),
        (conv(C_out=13), ("direct", "over_channels")),
        (conv(C_in=24, C_out=24, groups=2), ("direct", "depthwise")),
        (conv(C_in=26, C_out=26, groups=2), ("direct", "over_channels")),
        (conv(C_in=16, size=(10, 10)), ("direct", "over_channels")),
        (conv(C_in=32, size=(10, 10)), "winograd"),
        (conv(C_out=31, size=(10, 10)), ("direct", "over_channels")),
        (conv(C_out=32, size=(10, 10)), "winograd"),
        (conv(C_in=40), ("direct", "over_channels")),  # 40 channels do not fill vectors of 16
        (conv(C_in=16), LARGE),
        (conv(C_out=15), ("direct", "over_channels")),
        (conv(C_out=16), LARGE),
        (conv(C_in=256), LARGE),
        (conv(C_in=272), "winograd"),  # the rounding of more channels is too large
        (conv(images=16, size=(7, 8)), LARGE),  # 64 tiles of 4×4
        (conv(images=15, size=(7, 8)), "winograd"),
        (conv(size=(14, 14)), LARGE),  # 27 % fewer multiplications than with 2×2
        (conv(size=(9, 14)), "winograd"),  # 23 %
        (conv()._replace(dtype=np.dtype(np.float64)), "winograd"),
        (conv(images=39, size=(2, 2)), ("direct", "over_channels")),  # one tile per image
        (conv(images=40, size=(2, 2)), "winograd"),
        (conv(images=10, size=(3, 3)), "winograd"),  # four tiles per image, half of their area outside it
        (conv(kernel_size=(3, 2)), ("direct", "over_channels")),
        (conv(grid=Grid((1, 2), pad=(1, 1))), ("direct", "over_channels")),
        (conv(grid=Grid(dilation=(2, 1), pad=(1, 1))), ("direct", "over_channels")),
        (conv(grid=Grid(pad=(2, 2))), LARGE),
        (conv(grid=Grid(pad=(0, 3))), ("direct", "over_channels")),
        (conv(C_in=64, C_out=64, groups=2), LARGE),
    ],
)
def test_auto_switches_the_algorithm_at_each_threshold(problem, expected):
    assert chosen("conv2d", problem) == chosen("conv2d_relu", problem) == expected


@pytest.mark.parametrize(
    ("problem", "d_weights", "d_x"),
    [
        (conv(C_in=512), LARGE, LARGE),  # d_x sums over the 64 filters, d_weights over the tiles
        (conv(C_in=512, C_out=512), LARGE, "winograd"),
        (conv(C_in=40, C_out=48), ("direct", "over_channels"), LARGE),  # d_x sums over the 48 filters
        (conv(C_in=48, C_out=40), LARGE, ("direct", "over_channels")),
        (conv(images=32, size=(7, 8)), LARGE, LARGE),  # 128 tiles of 4×4
        (conv(images=31, size=(7, 8)), "winograd", LARGE),
        (conv(C_in=16, C_out=16), LARGE, LARGE),
        (conv(C_in=16, C_out=15), ("direct", "over_channels"), ("direct", "over_channels")),
        (conv(size=(9, 14)), "winograd", "winograd"),  # 23 % fewer multiplications than with 2×2
        (conv()._replace(dtype=np.dtype(np.float64)), "winograd", "winograd"),
        (conv(C_in=12, C_out=13), ("direct", "over_channels"), ("direct", "over_pixels")),
        (conv(C_in=13, C_out=12), ("direct", "over_pixels"), ("direct", "over_channels")),
        (conv(C_in=24, C_out=32, groups=2), ("direct", "over_channels"), ("direct", "depthwise")),
    ],
)
def test_backward_passes_are_planned_separately(problem, d_weights, d_x):
    assert chosen("conv2d_backward_weights", problem) == d_weights
    assert chosen("conv2d_backward_input", problem) == d_x


AVX2, AVX512 = Machine(16, 32), Machine(32, 64)


@pytest.mark.parametrize(
    ("problem", "machine", "variant"),
    [
        (conv(images=6, C_in=16, size=(8, 8), pool=(2, 2)), AVX2, "winograd"),  # 96 windows
        (conv(images=5, C_in=16, size=(8, 8), pool=(2, 2)), AVX2, "direct"),
        (conv(images=40, C_in=16, size=(8, 8), pool=(2, 2)), AVX512, "winograd"),  # 640
        (conv(images=39, C_in=16, size=(8, 8), pool=(2, 2)), AVX512, "direct"),
        (conv(C_in=15, pool=(2, 2)), AVX2, "direct"),
        (conv(pool=(2, 3)), AVX2, "direct"),
        (conv(kernel_size=(5, 5), pool=(2, 2)), AVX2, "direct"),
    ],
)
def test_fused_block_uses_direct_or_winograd(problem, machine, variant):
    assert plan("conv2d_relu_pool", problem, "auto", machine)[::2] == ("fused", variant)
    assert chosen("conv2d_relu_pool_backward_weights", problem) == ("fused", "winners")
    assert chosen("conv2d_relu_pool_backward_input", problem) == ("fused", "winners")


def test_blocks_are_fused_only_with_supported_windows():
    assert can_fuse(Grid(), 1, (32, 32), Grid((32, 32)))
    assert not can_fuse(Grid(), 1, (32, 33), Grid((32, 33)))
    assert not can_fuse(Grid(dilation=(2, 1)), 1, (2, 2), Grid((2, 2)))
    assert not can_fuse(Grid(), 2, (2, 2), Grid((2, 2)))
    assert not can_fuse(Grid(), 1, (2, 2), Grid((2, 1)))
    assert not can_fuse(Grid(), 1, (2, 2), Grid((2, 2), pad=(0, 1)))


@pytest.mark.parametrize(
    ("operation", "sizes", "expected"),
    [
        ("dense", (4, 1600, 128), ("direct", "rows")),
        ("dense", (5, 1600, 128), "blas"),
        ("dense", (4, 2048, 128), "blas"),  # few rows, but large
        ("dense", (15, 4096, 4096), "blas"),
        ("dense", (16, 4096, 4096), ("direct", "tiles")),
        ("dense", (16, 512, 128), ("direct", "tiles")),
        ("dense", (16, 511, 128), "blas"),
        ("dense", (64, 1600, 100), "blas"),
        ("dense_backward_weights", (1600, 64, 128), ("direct", "tiles")),
        ("dense_backward_weights", (4, 8, 8), "blas"),
        ("dense_backward_weights", (1600, 64, 100), "blas"),
        ("dense_backward_input", (64, 128, 1600), ("direct", "tiles")),
        ("dense_backward_input", (60, 128, 1600), "blas"),
        ("dense_backward_input", (64, 100, 1601), ("direct", "tiles")),
    ],
)
def test_dense_uses_tiles_rows_or_blas(operation, sizes, expected):
    assert chosen(operation, Problem(*sizes)) == expected


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
def test_requested_implementation_is_used_where_supported(impl):
    expected = {"auto": LARGE, "fused": ("direct", "over_channels"), "direct": ("direct", "over_channels")}
    assert chosen("conv2d", conv(), impl) == expected.get(impl, impl)
    forms = ("direct", "naive", "im2col")
    assert chosen("max_pool2d", conv(), impl, forms=forms) == (impl if impl in forms else "direct")


@pytest.mark.parametrize(
    ("operation", "problem", "impl", "reason"),
    [
        ("conv2d", conv(), "direct", "requested"),
        ("conv2d", conv(kernel_size=(5, 3)), "winograd", "Winograd not used: kernel 5×3 is not 3×3"),
        ("conv2d", conv(grid=Grid((2, 1), pad=(1, 1))), "auto", "Winograd not used: stride or dilation is not 1"),
        ("conv2d", conv(grid=Grid(pad=(3, 0))), "auto", "Winograd not used: padding exceeds 2"),
        ("conv2d", conv(C_in=16, size=(10, 10)), "auto", "Winograd not used: fewer than 32 channels"),
        ("conv2d", conv(C_in=40), "auto", "Winograd not used: 40 input channels are not a multiple of 16"),
        ("conv2d", conv(images=2, size=(4, 4)), "auto", "Winograd not used: fewer than 40 tiles"),
        ("conv2d", conv(), "auto", "2.25 instead of 9 multiplications: 64 and 64 channels"),
        ("conv2d", conv(size=(10, 10)), "auto", "4 instead of 9 multiplications: 64 and 64 channels, 1,600 tiles"),
        ("conv2d", conv(), "fused", "no layers to fuse"),
        ("conv2d_relu_pool", conv(pool=(3, 3)), "winograd", "Winograd not used: pool is not 2×2"),
        ("dense", Problem(2, 10, 10), "auto", "4 rows or fewer: faster than a BLAS call"),
        ("dense", Problem(20, 10, 10), "auto", "fewer than 1,048,576 multiply-adds: too small for multithreading"),
        ("dense", Problem(15, 1600, 128), "auto", "fewer than 16 rows: reading the weights takes most of the time"),
        ("dense", Problem(64, 1600, 100), "auto", "100 columns are not a multiple of 16"),
        ("dense_backward_input", Problem(60, 128, 1600), "auto", "60 rows are not a multiple of 16"),
        ("relu", Problem(20, 10, 10), "auto", "the only implementation"),
    ],
)
def test_reason(operation, problem, impl, reason):
    assert plan(operation, problem, impl).reason == reason


def test_every_threshold_has_a_comment_with_its_measurement():
    """A comment with the measured speed-up stands above each threshold or pair of thresholds."""
    lines = [line.strip() for line in inspect.getsource(Thresholds).splitlines()]
    for field in fields(Thresholds):
        (at,) = (k for k, line in enumerate(lines) if line.startswith(f"{field.name}:"))
        assert any(line.startswith("#") for line in lines[at - 2 : at])
    assert Thresholds() == THRESHOLDS


def test_plan_depends_only_on_problem_and_machine():
    for machine in (AVX2, AVX512):
        assert plan("conv2d", conv(), "auto", machine) == plan("conv2d", conv(), "auto")
    few = conv(images=2, size=(4, 4), pool=(2, 2))
    assert plan("conv2d_relu_pool", few, "auto", AVX2).reason == "Winograd not used: fewer than 96 windows"
    assert plan("conv2d_relu_pool", few, "auto", AVX512).reason == "Winograd not used: fewer than 640 windows"
    assert str(plan("conv2d", conv(C_in=3))) == "direct (over channels)"
    assert str(plan("conv2d", conv())) == "winograd (4×4)"
    assert str(plan("conv2d", conv(), "winograd")) == "winograd"


@pytest.mark.parametrize("impl", ["naive", "loops", "im2col"])
def test_convolution_with_relu_falls_back_to_direct(impl: str) -> None:
    assert plan("conv2d_relu", Problem(2, 3, 5, (9, 8), (7, 6), (3, 3)), impl)[:2] == (
        "direct",
        f"{impl} does not support a fused ReLU",
    )


@pytest.mark.parametrize(
    ("impl", "reason"), [("auto", "the fastest"), ("winograd", "winograd does not support this operation")]
)
def test_other_operations_fall_back_to_their_first_implementation(impl, reason):
    assert plan("max_pool2d", conv(), impl, forms=("direct", "naive"))[:2] == ("direct", reason)


@pytest.mark.parametrize(
    ("C_in", "C_out", "size", "side"),
    [
        (24, 24, (4, 4), 2),
        (23, 24, (4, 4), 1),
        (24, 23, (4, 4), 1),
        (64, 64, (2, 4), 1),
        (64, 64, (3, 3), 2),
        (16, 16, (16, 16), 4),
        (15, 16, (16, 16), 1),
        (16, 15, (16, 16), 1),
        (64, 64, (10, 10), 2),  # 28 tiles or 12: 16 multiplications less
        (64, 64, (6, 8), 2),  # 48
        (64, 64, (7, 8), 4),  # 112
        (65, 64, (7, 8), 2),
        (65, 64, (4, 44), 2),  # 272
        (65, 64, (4, 48), 4),  # 336
        (512, 512, (7, 7), 2),
        (512, 512, (28, 28), 4),
        (64, 64, (2, 64), 2),  # half of each tile is outside
    ],
)
def test_tile_for_one_image(C_in, C_out, size, side):
    assert tile_for_one_image(conv(images=1, C_in=C_in, C_out=C_out, size=size)) == side
    assert tile_for_one_image(conv(images=1, C_in=64, C_out=64, kernel_size=(1, 1))) == 1
    assert tile_for_one_image(conv(images=1, C_in=64, C_out=64, groups=2)) == 1


@pytest.mark.parametrize(
    ("C_in", "C_out", "groups", "expected"), [(8, 8, 8, True), (8, 16, 8, False), (8, 8, 4, False), (1, 1, 1, False)]
)
def test_depthwise_for_one_image(C_in, C_out, groups, expected):
    """Products of vectors of channels need one filter for each channel."""
    assert depthwise_for_one_image(conv(images=1, C_in=C_in, C_out=C_out, groups=groups)) is expected
