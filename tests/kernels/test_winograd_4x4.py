"""F(4×4, 3×3): each transform against its matrix, and together against sliding windows."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.kernels.engine.over_channels import LANES
from jitcnn.kernels.engine.winograd_transforms_4x4 import G, transform_gradients, transform_pixels, transform_sums

# Lavin and Gray (2016), section 4.3.
A_T = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
B_T = np.array(
    [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
)  # fmt: skip


def transformed_pixels(pixels):
    """Bᵀ d B of pixels (6, 6, C), in the upper left corner of wider rows -> (6, 6, C)."""
    C = pixels.shape[2]
    wider = np.full((6, 8, C), 7, pixels.dtype)
    wider[:, :6] = pixels
    half, places = np.empty(36 * LANES, pixels.dtype), np.empty((36, C + LANES), pixels.dtype)
    transform_pixels(wider.ravel(), 0, 8 * C, C, half, np.uintp(0), np.uintp(C + LANES), places.ravel())
    return places[:, :C].reshape(6, 6, C)


def transformed_sums(sums):
    """Aᵀ m A of sums (6, 6, width) -> (4, 4, width)."""
    width = sums.shape[2]
    half, pixels = np.empty(36 * LANES, sums.dtype), np.empty((4, 6, width), sums.dtype)
    flat = sums.ravel(), np.uintp(0), np.uintp(width)
    transform_sums(*flat, width, half, pixels.ravel(), np.uintp(0), np.uintp(6 * width))
    return pixels[:, :4]


def transformed_gradients(gradients):
    """A dy Aᵀ of gradients (4, 4, width), in the upper left corner of wider rows -> (6, 6, width)."""
    width = gradients.shape[2]
    wider = np.full((4, 7, width), 7, gradients.dtype)
    wider[:, :4] = gradients
    half, places = np.empty(36 * LANES, gradients.dtype), np.empty((36, width + LANES), gradients.dtype)
    step = np.uintp(0), np.uintp(width + LANES)
    transform_gradients(wider.ravel(), np.uintp(0), (7 * width, width), width, half, *step, places.ravel())
    return places[:, :width].reshape(6, 6, width)


@pytest.mark.parametrize("count", [16, 48])
def test_transforms_are_those_of_the_matrices(count, dtype, rng):
    pixels = rng.standard_normal((6, 6, count)).astype(dtype)
    assert_close(transformed_pixels(pixels), np.einsum("ik,jl,klc->ijc", B_T, B_T, pixels).astype(dtype))
    assert_close(transformed_sums(pixels), np.einsum("ik,jl,klc->ijc", A_T, A_T, pixels).astype(dtype))
    gradients = pixels[1:5, :4]
    assert_close(transformed_gradients(gradients), np.einsum("ki,lj,klc->ijc", A_T, A_T, gradients).astype(dtype))


def test_one_tile_equals_its_windows(rng):
    """In float64, where a factor that is wrong by 1e-12 shows."""
    pixels, filters = rng.standard_normal((6, 6, 16)), rng.standard_normal((3, 3, 16))
    products = np.einsum("ik,jl,klc->ijc", G, G, filters) * transformed_pixels(pixels)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), (0, 1))
    expected = np.einsum("ijckl,klc->ijc", windows, filters)
    np.testing.assert_allclose(transformed_sums(products), expected, rtol=0, atol=1e-12)


def test_gradient_of_the_filter_equals_its_windows(rng):
    pixels, gradients = rng.standard_normal((6, 6, 16)), rng.standard_normal((4, 4, 16))
    products = transformed_gradients(gradients) * transformed_pixels(pixels)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (4, 4), (0, 1))
    expected = np.einsum("ijckl,klc->ijc", windows, gradients)
    np.testing.assert_allclose(np.einsum("ki,lj,klc->ijc", G, G, products), expected, rtol=0, atol=1e-12)
