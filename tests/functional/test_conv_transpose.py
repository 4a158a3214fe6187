"""Transposed convolution: against a direct sum, as the adjoint of a convolution, and with invalid settings."""

import numpy as np
import pytest
from compare import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from jitcnn.errors import ConfigError, ShapeError
from jitcnn.functional import CONV_IMPLEMENTATIONS, conv2d, conv_transpose2d, conv_transpose2d_backward

IMPLEMENTATIONS = [*CONV_IMPLEMENTATIONS, "auto", "fused"]


def direct_sum(x, weights, bias, stride, padding, output_padding, dilation, groups):
    """Every input pixel adds its filters to the uncropped output, which is then cropped."""
    (N, C_in, H, W), (_, C_group, K_h, K_w) = x.shape, weights.shape
    size = [
        (n - 1) * s + (k - 1) * d + 1 + o
        for n, s, k, d, o in zip((H, W), stride, (K_h, K_w), dilation, output_padding, strict=True)
    ]
    out = np.zeros((N, C_group * groups, *size))
    for ci, ih, iw, kh, kw in np.ndindex(C_in, H, W, K_h, K_w):
        group = ci // (C_in // groups)
        channels = slice(group * C_group, (group + 1) * C_group)
        oh, ow = ih * stride[0] + kh * dilation[0], iw * stride[1] + kw * dilation[1]
        out[:, channels, oh, ow] += x[:, ci, ih, iw, None] * weights[None, ci, :, kh, kw]
    out = out[:, :, padding[0] : size[0] - padding[0], padding[1] : size[1] - padding[1]]
    return out + bias[:, None, None]


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
@pytest.mark.parametrize(
    "around",
    [
        ((1, 1), (0, 0), (0, 0), (1, 1), 1),
        ((1, 1), (1, 1), (0, 0), (1, 1), 1),
        ((2, 3), (1, 0), (1, 2), (1, 1), 1),
        ((3, 2), (2, 1), (0, 1), (2, 3), 2),
    ],
    ids=str,
)
def test_output_is_the_direct_sum(impl, around, rng, dtype):
    x, weights, bias = (
        rng.standard_normal((2, 4, 5, 3)),
        rng.standard_normal((4, 6, 3, 3)),
        rng.standard_normal(6 * around[-1]),
    )
    x, weights, bias = (array.astype(dtype) for array in (x, weights, bias))
    assert_close(
        conv_transpose2d(x, weights, bias, *around, impl=impl), direct_sum(x, weights, bias, *around).astype(dtype)
    )


@pytest.mark.compiled
@pytest.mark.parametrize("impl", [impl for impl in IMPLEMENTATIONS if impl != "naive"])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_it_is_the_adjoint_of_a_convolution(impl, data, seed):
    """Σ conv_transpose(x) · y = Σ x · conv(y) for channel counts on both sides of the plan's thresholds."""
    C_in, C_out = (data.draw(st.sampled_from([1, 3, 12, 13, 16, 32, 33, 64])) for _ in range(2))
    pair = lambda first, last: (data.draw(st.integers(first, last)), data.draw(st.integers(first, last)))  # noqa: E731
    plain = data.draw(st.booleans())
    kernel, stride, dilation = ((3, 3), (1, 1), (1, 1)) if plain else (pair(1, 4), pair(1, 3), pair(1, 2))
    output_padding = tuple(data.draw(st.integers(0, s - 1)) for s in stride)
    padding = tuple(data.draw(st.integers(0, (k - 1) // 2)) for k in kernel)
    rng = np.random.default_rng(seed)
    x, weights = rng.standard_normal((2, C_in, *pair(2, 7))), rng.standard_normal((C_in, C_out, *kernel))
    out = conv_transpose2d(x, weights, None, stride, padding, output_padding, dilation, impl=impl)
    y = rng.standard_normal(out.shape)
    forward = conv2d(y, weights, None, stride, padding, dilation, impl="naive")
    assert (out * y).sum() == pytest.approx((x * forward).sum(), rel=1e-9, abs=1e-9)
    d_x, d_weights, d_bias = conv_transpose2d_backward(
        y, x, weights, stride, padding, output_padding, dilation, impl=impl
    )
    assert_close(d_x, forward)
    assert (d_weights * weights).sum() == pytest.approx((out * y).sum(), rel=1e-9, abs=1e-9)  # out is linear in weights
    assert_close(d_bias, y.sum(axis=(0, 2, 3)))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"output_padding": 2}, ConfigError, r"output_padding must be less than the stride \(2, 2\), got \(2, 2\)"),
        ({"padding": -1}, ConfigError, "padding must be an integer of at least 0"),
        ({"padding": "same"}, ConfigError, "padding must be an integer of at least 0"),
        ({"padding": 4}, ConfigError, r"A padding of \(4, 4\) leaves no pixel of the output for an input of \(3, 3\)"),
        ({"groups": 2}, ConfigError, "groups must be a positive integer"),
        ({"impl": "magic"}, ConfigError, "impl must be one of"),
        ({"bias": np.zeros(3)}, ShapeError, r"expects bias of shape \(2,\), got \(3,\)"),
        ({"x": np.zeros((1, 4, 3, 3))}, ShapeError, r"expects x of shape \(N, 3, H, W\), got \(1, 4, 3, 3\)"),
    ],
    ids=str,
)
def test_invalid_input_raises(settings, error, message):
    given_ = {"x": np.zeros((1, 3, 3, 3)), "weights": np.zeros((3, 2, 3, 3)), "bias": None, "stride": 2, **settings}
    with pytest.raises(error, match=message):
        conv_transpose2d(**given_)


def test_d_out_of_another_shape_raises():
    x, weights = np.zeros((1, 3, 4, 4)), np.zeros((3, 2, 3, 3))
    with pytest.raises(ShapeError, match=r"expects d_out of shape \(1, 2, 9, 9\), got \(1, 2, 8, 9\)"):
        conv_transpose2d_backward(np.zeros((1, 2, 8, 9)), x, weights, 2)
