"""Single planes against scipy's own sliding windows, forward and backward."""

import numpy as np
import pytest
from compare import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d, correlate2d

from jitcnn.functional import conv2d, conv2d_backward
from jitcnn.kernels.engine.plan import IMPLEMENTATIONS

sides = st.integers(1, 6)


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
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


@pytest.mark.compiled
@pytest.mark.parametrize("impl", [impl for impl in IMPLEMENTATIONS if impl != "naive"])
@pytest.mark.parametrize(("C_in", "C_out"), [(2, 3), (12, 13), (32, 33), (48, 80)], ids=str)
def test_many_channels_are_sums_of_planes(impl, C_in, C_out):
    """Every filter's plane is the sum of its channels' correlations, at sizes where real nets run."""
    rng = np.random.default_rng(C_in)
    x, weights, bias = rng.standard_normal((5, C_in, 7, 6)), rng.standard_normal((C_out, C_in, 3, 3)), rng.random(C_out)
    out = conv2d(x, weights, bias, impl=impl)
    expected = [
        [
            bias[co] + sum(correlate2d(x[n, ci], weights[co, ci], mode="valid") for ci in range(C_in))
            for co in range(C_out)
        ]
        for n in (0, 4)
    ]
    assert_close(out[[0, 4]], np.array(expected))
