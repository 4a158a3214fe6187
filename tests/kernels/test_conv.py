"""Every convolution algorithm, forced at tiny sizes, against the naive form."""

import numba
import numpy as np
import pytest
from compare import assert_close

from jitcnn.functional import CONV_IMPLEMENTATIONS
from jitcnn.kernels.conv import naive
from jitcnn.kernels.engine.plan import THRESHOLDS, Problem, direct_variant, plan, winograd_unsupported
from jitcnn.kernels.types import Grid
from jitcnn.shapes import window_grid

INTERPRETED = bool(numba.config.DISABLE_JIT)
MOST_INTERPRETED = 200_000  # products of a plain nest: the interpreter takes a second for the passes of so many
FAST = pytest.mark.parametrize("algorithm", [name for name in CONV_IMPLEMENTATIONS if name != "naive"])
GRIDS = pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((4, 2), (1, 1), (0, 0)),
        ((3, 3), (1, 1), (0, 0)),
        ((3, 3), (1, 1), (1, 1)),
        ((3, 3), (1, 1), (2, 0)),
        ((3, 3), (2, 2), (1, 1)),
        ((5, 3), (2, 3), (2, 1)),
        ((1, 1), (1, 1), (0, 0)),
        ((1, 1), (2, 2), (0, 0)),
        ((2, 3), (4, 4), (0, 0)),
        ((7, 7), (3, 2), (3, 3)),
        ((9, 8), (1, 1), (0, 0)),
        ((3, 4), (1, 1), "same"),
        ((4, 3), (2, 3), "same"),
    ],
    ids=str,
)
# Both sides of the lanes-over-channels threshold, of a whole vector, and of a block of 64 filters.
CHANNELS = pytest.mark.parametrize(
    ("C_in", "C_out", "groups"),
    [
        (1, 1, 1), (2, 3, 1), (4, 7, 1), (7, 8, 1), (8, 7, 1), (12, 13, 1), (13, 12, 1), (15, 17, 1), (16, 16, 1), (33, 65, 1), (48, 80, 1),
        (4, 6, 2), (3, 3, 3), (3, 9, 3), (2, 18, 2), (18, 2, 2), (16, 20, 2), (24, 26, 2), (64, 34, 2),
    ],
    ids=str,
)  # fmt: skip


def case(rng, dtype, kernel, stride, padding, C_in=3, C_out=5, dilation=(1, 1), groups=1, N=6, size=(9, 8)):
    """x, weights, bias, d_out and grid. All axes differ in size, so swapped axes fail."""
    pad, size_out = window_grid(size, kernel, stride, padding, dilation)
    x = rng.standard_normal((N, C_in, *size)).astype(dtype)
    weights = rng.standard_normal((C_out, C_in // groups, *kernel)).astype(dtype)
    bias = rng.standard_normal(C_out).astype(dtype)
    d_out = rng.standard_normal((N, C_out, *size_out)).astype(dtype)
    return x, weights, bias, d_out, Grid(stride, dilation, pad)


def kernels_of(algorithm, x, weights, grid):
    """The module that ``plan`` selects for an algorithm: ``direct`` where Winograd cannot compute the problem."""
    if INTERPRETED and algorithm == "loops" and x.size * weights.size // x.shape[1] > MOST_INTERPRETED:
        pytest.skip("many products")
    problem = Problem(len(x), x.shape[1], len(weights), kernel_size=weights.shape[2:], grid=grid)
    runs = plan("conv2d", problem, algorithm).algorithm
    assert (runs == algorithm) == (algorithm != "winograd" or not winograd_unsupported(problem))
    assert runs in (algorithm, "direct")
    return CONV_IMPLEMENTATIONS[runs]


def forward(kernels, x, weights, bias, d_out, grid):
    out = np.full_like(d_out, np.nan)
    kernels.conv2d_forward(x, weights, bias, grid, out)
    return out


def backward(kernels, x, weights, bias, d_out, grid):
    d_x, d_weights, d_bias = (np.full_like(a, np.nan) for a in (x, weights, bias))
    kernels.conv2d_backward_weights(d_out, x, grid, d_weights, d_bias)
    kernels.conv2d_backward_input(d_out, weights, grid, d_x)
    return d_x, d_weights, d_bias


def assert_equals_naive(algorithm, arrays):
    """Compare the output and all three gradients, per output channel."""
    x, weights, _, _, grid = arrays
    kernels = kernels_of(algorithm, x, weights, grid)
    assert_close(forward(kernels, *arrays), forward(naive, *arrays))
    for result, expected in zip(backward(kernels, *arrays), backward(naive, *arrays), strict=True):
        assert_close(result, expected)


@FAST
@GRIDS
@pytest.mark.parametrize(("C_in", "C_out"), [(3, 5), (14, 13)], ids=["few channels", "many"])
def test_every_grid_equals_naive(algorithm, kernel, stride, padding, C_in, C_out, dtype, rng):
    assert_equals_naive(algorithm, case(rng, dtype, kernel, stride, padding, C_in, C_out))


@FAST
@CHANNELS
def test_any_number_of_channels_equals_naive(algorithm, C_in, C_out, groups, dtype, rng):
    assert_equals_naive(algorithm, case(rng, dtype, (3, 3), (1, 1), (1, 0), C_in, C_out, groups=groups, N=2))


@FAST
@CHANNELS
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "padding"),
    [
        ((3, 4), (1, 1), (1, 1), (1, 2)),
        ((3, 2), (1, 1), (2, 5), (1, 2)),
        ((2, 3), (2, 3), (3, 2), (2, 1)),
        ((3, 3), (4, 2), (2, 2), "same"),
        ((2, 1), (3, 2), (3, 4), (0, 0)),
    ],
    ids=str,
)
def test_dilation_and_groups_equal_naive(algorithm, C_in, C_out, groups, kernel, stride, dilation, padding, rng):
    assert_equals_naive(
        algorithm, case(rng, np.float64, kernel, stride, padding, C_in, C_out, dilation, groups, N=2, size=(7, 8))
    )


@FAST
@pytest.mark.parametrize(
    ("N", "size", "C_in", "C_out"),
    [
        (2, (3, 1100), 2, 5),  # a row exceeds the 1,024 sums that ``over_pixels`` holds at once
        (60, (4, 4), 2, 5),  # several images per strip
        (3, (40, 30), 2, 5),
        (2, (40, 33), 3, 14),  # bands of rows in ``over_channels``
        (1, (1, 300), 2, 13),  # one row exceeds the pixels it holds at once
        (40, (2, 2), 16, 32),  # several images per job of tiles
        (1, (1, 1), 13, 14),
    ],
    ids=str,
)
def test_wide_images_and_many_small_images_equal_naive(algorithm, N, size, C_in, C_out, dtype, rng):
    assert_equals_naive(algorithm, case(rng, dtype, (3, 3), (1, 1), (1, 1), C_in, C_out, N=N, size=size))


@FAST
@pytest.mark.parametrize("size", [(3, 1100), (30, 37)], ids=str)
def test_depthwise_rows_longer_than_one_strip_equal_naive(algorithm, size, rng):
    assert_equals_naive(algorithm, case(rng, np.float64, (2, 2), (1, 1), (0, 0), 3, 3, groups=3, N=2, size=size))


@FAST
def test_many_taps_are_summed_in_parts(algorithm, rng):
    """40 channels of 3×3 are 360 taps; the filters of 288 fit into the L2 cache."""
    assert_equals_naive(algorithm, case(rng, np.float64, (3, 3), (1, 1), (1, 1), 40, 13, N=2, size=(5, 6)))


@FAST
def test_gradients_of_many_weights_are_summed_tap_by_tap(algorithm, rng):
    """64·9·64 weights exceed the limit for partial sums: ``over_channels`` gives each job some of the taps."""
    assert_equals_naive(algorithm, case(rng, np.float64, (3, 3), (1, 1), (0, 0), 64, 64, N=2, size=(4, 5)))


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
@pytest.mark.parametrize(("C_in", "C_out", "groups"), [(3, 5, 1), (3, 13, 1), (4, 8, 2), (4, 40, 2)], ids=str)
def test_fused_relu_equals_separate_relu(algorithm, C_in, C_out, groups, dtype, rng):
    x, weights, bias, d_out, grid = case(rng, dtype, (3, 3), (1, 1), (1, 1), C_in, C_out, groups=groups)
    kernels = CONV_IMPLEMENTATIONS[algorithm]
    out = np.full_like(d_out, np.nan)
    kernels.conv2d_relu_forward(x, weights, bias, grid, out)
    np.testing.assert_array_equal(out, np.maximum(forward(kernels, x, weights, bias, d_out, grid), 0))


def test_direct_variant_for_any_number_of_channels():
    few = THRESHOLDS.lanes_over_channels
    assert [direct_variant(few, 1), direct_variant(few, 2)] == ["over_channels"] * 2
    assert [direct_variant(few - 1, 1), direct_variant(few - 1, 2)] == ["over_pixels", "depthwise"]


def test_naive_groups_equal_separate_convolutions(rng):
    x, weights, bias, d_out, grid = case(rng, np.float64, (2, 3), (2, 1), (1, 0), 4, 6, (2, 3), groups=2)
    together = forward(naive, x, weights, bias, d_out, grid)
    d_x, d_weights, d_bias = backward(naive, x, weights, bias, d_out, grid)
    for g in (0, 1):
        ins, outs = slice(2 * g, 2 * g + 2), slice(3 * g, 3 * g + 3)
        single = x[:, ins], weights[outs], bias[outs], d_out[:, outs], grid
        assert_close(together[:, outs], forward(naive, *single))
        expected = backward(naive, *single)
        for result, wanted in zip((d_x[:, ins], d_weights[outs], d_bias[outs]), expected, strict=True):
            assert_close(result, wanted)


def test_naive_dilation_equals_a_filter_with_zeros_between_its_taps(rng):
    x, weights, bias, d_out, grid = case(rng, np.float64, (3, 2), (2, 1), (1, 2), dilation=(2, 3))
    spread = np.zeros((5, 3, 5, 4))
    spread[:, :, ::2, ::3] = weights
    plain = grid._replace(dilation=(1, 1))
    assert_close(forward(naive, x, weights, bias, d_out, grid), forward(naive, x, spread, bias, d_out, plain))
    d_x, d_weights, _ = backward(naive, x, weights, bias, d_out, grid)
    d_x_plain, d_spread, _ = backward(naive, x, spread, bias, d_out, plain)
    assert_close(d_x, d_x_plain)
    assert_close(d_weights, d_spread[:, :, ::2, ::3])


# --- non-finite values -------------------------------------------------------------------------------------


@FAST
@pytest.mark.filterwarnings("ignore:invalid value")  # warnings of NumPy from the BLAS and when the JIT is disabled
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize(("C_in", "C_out", "groups"), [(3, 5, 1), (9, 14, 1), (32, 64, 1), (4, 6, 2)], ids=str)
def test_non_finite_input_reaches_the_outputs_that_see_it(algorithm, value, C_in, C_out, groups, rng):
    x, weights, bias, d_out, grid = case(rng, np.float32, (3, 3), (1, 1), (1, 1), C_in, C_out, groups=groups)
    x[2, 1, 4, 3] = value
    out = forward(kernels_of(algorithm, x, weights, grid), x, weights, bias, d_out, grid)
    expected = forward(naive, x, weights, bias, d_out, grid)
    touched = ~np.isfinite(expected)
    assert touched[2, 0].sum() == 9
    np.testing.assert_array_equal(np.isfinite(out), ~touched)
    if algorithm != "winograd":  # the Winograd transforms subtract infinities
        np.testing.assert_array_equal(out[touched], expected[touched])


@FAST
def test_non_finite_gradient_stays_in_its_group(algorithm, rng):
    x, weights, bias, d_out, grid = case(rng, np.float32, (3, 3), (1, 1), (0, 0), 4, 6, groups=2)
    x[5, 1, 8, 7] = d_out[5, 1, 6, 5] = np.nan
    d_x, d_weights, d_bias = backward(kernels_of(algorithm, x, weights, grid), x, weights, bias, d_out, grid)
    assert np.isnan(d_x[:, :2]).sum() == 18
    assert np.isnan(d_weights[1]).all()
    assert np.isfinite(d_x[:, 2:]).all()
    assert np.isfinite(d_weights[3:]).all()
    assert np.isfinite(d_bias).tolist() == [True, False, True, True, True, True]


@FAST
@pytest.mark.filterwarnings("ignore:invalid value")
def test_infinite_weight_on_zero_padding(algorithm, rng):
    """Infinity times zero padding is NaN, except in ``loops``, which skips the padding."""
    x, weights, bias, d_out, grid = case(rng, np.float32, (3, 3), (1, 1), (1, 1))
    weights[0, 0, 0, 0] = np.inf
    out = forward(kernels_of(algorithm, x, weights, grid), x, weights, bias, d_out, grid)
    border = out[:, 0, 0]
    if algorithm == "loops":
        assert np.isfinite(border).all()
    else:
        assert np.isnan(border).all()
    assert np.isfinite(out[:, 1:]).all()


@FAST
def test_negative_zeros_give_zero(algorithm, rng):
    x, weights, bias, d_out, grid = case(rng, np.float32, (3, 3), (1, 1), (1, 1))
    x[...], bias[...] = -0.0, -0.0
    np.testing.assert_array_equal(forward(CONV_IMPLEMENTATIONS[algorithm], x, weights, bias, d_out, grid), 0)


@FAST
def test_inputs_are_unchanged(algorithm, rng):
    arrays = case(rng, np.float32, (3, 3), (1, 1), (1, 1))
    before = [a.copy() for a in arrays[:4]]
    forward(CONV_IMPLEMENTATIONS[algorithm], *arrays)
    backward(CONV_IMPLEMENTATIONS[algorithm], *arrays)
    for array, copy in zip(arrays[:4], before, strict=True):
        np.testing.assert_array_equal(array, copy)
