"""Convolution by Winograd's algorithm with tiles of 4×4 outputs, forced, against the naive form."""

import numpy as np
import pytest

from jitcnn.kernels.conv import naive
from jitcnn.kernels.engine import winograd, winograd_4x4
from jitcnn.kernels.runtime import set_threads
from jitcnn.kernels.types import Grid


def case(rng, dtype, C_in, C_out, size, padding, groups=1, N=3):
    """x, weights, bias, d_out and grid."""
    size_out = size[0] + 2 * padding - 2, size[1] + 2 * padding - 2
    x, d_out = rng.standard_normal((N, C_in, *size)), rng.standard_normal((N, C_out, *size_out))
    weights = rng.standard_normal((C_out, C_in // groups, 3, 3))
    arrays = x, weights, rng.standard_normal(C_out), d_out
    return *(array.astype(dtype) for array in arrays), Grid(pad=(padding, padding))


def passes(kernels, x, weights, bias, d_out, grid):
    """Output, with ReLU if there is such a kernel, and the three gradients."""
    like = d_out, d_out, x, weights, bias
    out, rectified, d_x, d_weights, d_bias = (np.full_like(array, np.nan) for array in like)
    kernels.conv2d_forward(x, weights, bias, grid, out)
    kernels.conv2d_backward_input(d_out, weights, grid, d_x)
    kernels.conv2d_backward_weights(d_out, x, grid, d_weights, d_bias)
    if kernels is naive:
        rectified = np.maximum(out, 0)
    else:
        kernels.conv2d_relu_forward(x, weights, bias, grid, rectified)
    return out, rectified, d_x, d_weights, d_bias


def assert_equals_naive(arrays, grid):
    expected = passes(naive, *(array.astype(np.float64) for array in arrays), grid)
    tolerance = 1e-5 if arrays[0].dtype == np.float32 else 1e-12
    for found, wanted in zip(passes(winograd_4x4, *arrays, grid), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * abs(wanted).max())


def largest_errors(arrays, grid, which):
    """Of one of the ``passes``, relative to its largest number, with tiles of 2×2 and of 4×4."""
    expected = passes(naive, *(array.astype(np.float64) for array in arrays), grid)[which]
    found = (passes(kernels, *arrays, grid)[which] for kernels in (winograd, winograd_4x4))
    return [abs(each - expected).max() / abs(expected).max() for each in found]


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("size", [(3, 3), (4, 5), (5, 4), (6, 9), (7, 8), (8, 7), (9, 6), (10, 12)])
def test_whole_and_cut_tiles(size, padding, dtype, rng):
    *arrays, grid = case(rng, dtype, 5, 7, size, padding)
    assert_equals_naive(arrays, grid)


@pytest.mark.parametrize(
    ("C_in", "C_out", "groups"), [(1, 1, 1), (16, 17, 1), (33, 65, 1), (70, 16, 1), (6, 4, 2), (32, 34, 2)]
)
def test_channels_and_groups(C_in, C_out, groups, rng):
    *arrays, grid = case(rng, np.float32, C_in, C_out, (6, 5), 1, groups)
    assert_equals_naive(arrays, grid)


@pytest.mark.compiled
def test_rounding_with_256_channels(rng):
    """The largest error is below the 2e-5 by which algorithms may differ, and well above that with tiles of 2×2."""
    *arrays, grid = case(rng, np.float32, 256, 64, (8, 8), 1)
    errors = largest_errors(arrays, grid, 0)
    assert errors[0] < 3e-6 < errors[1] < 2e-5


@pytest.mark.compiled
def test_rounding_of_the_gradient_of_the_weights_over_many_tiles(rng):
    *arrays, grid = case(rng, np.float32, 16, 16, (32, 32), 1, N=64)
    errors = largest_errors(arrays, grid, 3)
    assert errors[0] < 3e-6 < errors[1] < 1.2e-5


@pytest.mark.compiled
def test_same_bits_on_any_number_of_threads(rng):
    """Images in several jobs, and several blocks of filters in one."""
    *arrays, grid = case(rng, np.float32, 20, 70, (9, 11), 1, N=21)
    results = []
    for threads in (1, 2):
        set_threads(threads)
        results.append(passes(winograd_4x4, *arrays, grid))
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_nan_reaches_every_output_that_sees_it_and_no_other_tile(rng):
    x, weights, bias, d_out, grid = case(rng, np.float32, 3, 5, (9, 8), 1)
    x[1, 2, 3, 4] = np.nan
    found, expected = (np.isnan(passes(kernels, x, weights, bias, d_out, grid)[0]) for kernels in (winograd_4x4, naive))
    assert expected.sum() == 9 * 5
    assert found[expected].all()
    assert found[1, :, :8, :8].sum() == found.sum()  # the four tiles around it
