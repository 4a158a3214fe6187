"""Single planes against scipy's own sliding windows, forward and backward."""

import numpy as np
import pytest
from compare import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d, correlate2d

from jitcnn.functional import conv2d, conv2d_backward

sides = st.integers(1, 6)


@pytest.mark.parametrize("impl", ["naive", "loops", "im2col"])
@settings(max_examples=20, deadline=None, derandomize=True)
@given(K_h=sides, K_w=sides, more=st.tuples(sides, sides), full=st.booleans(), seed=st.integers(0, 2**32))
def test_one_plane_is_correlated_and_its_gradient_convolved(impl, K_h, K_w, more, full, seed):
    rng = np.random.default_rng(seed)
    x, weights = rng.standard_normal((K_h + more[0], K_w + more[1])), rng.standard_normal((K_h, K_w))
    padding = (K_h - 1, K_w - 1) if full else (0, 0)
    out = conv2d(x[None, None], weights[None, None], None, 1, padding, impl=impl)
    assert_close(out[0, 0], correlate2d(x, weights, mode="full" if full else "valid"))
    d_out = rng.standard_normal(out.shape)
    d_x, d_weights, d_bias = conv2d_backward(d_out, x[None, None], weights[None, None], 1, padding, impl=impl)
    padded = np.pad(x, [(side, side) for side in padding])
    assert_close(d_weights[0, 0], correlate2d(padded, d_out[0, 0], mode="valid"))
    assert_close(d_x[0, 0], convolve2d(d_out[0, 0], weights, mode="valid" if full else "full"))
    assert_close(d_bias, d_out.sum(axis=(0, 2, 3)))
