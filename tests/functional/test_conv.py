"""Convolution: worked by hand, property tests, and invalid input."""

import numpy as np
import pytest
from compare import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from jitcnn import col2im, conv2d_backward, conv2d_forward_fast, conv2d_forward_naive, im2col
from jitcnn.errors import ConfigError, DTypeError, ShapeError
from jitcnn.functional import conv2d, conv2d_relu, relu
from jitcnn.kernels.engine.plan import IMPLEMENTATIONS

IMPLS = pytest.mark.parametrize("impl", IMPLEMENTATIONS)


@IMPLS
def test_worked_by_hand(impl):
    """A vertical edge and the filter that detects it: right column minus left column."""
    x = np.array([[[[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]]], np.float32)
    weights = np.array([[[[-1, 1], [-1, 1]]]], np.float32)
    out = conv2d(x, weights, np.array([0.5], np.float32), impl=impl)
    assert out.tolist() == [[[[0.5, 2.5, 0.5], [0.5, 2.5, 0.5]]]]


@pytest.mark.parametrize(
    ("C_out", "grid"),
    [
        (5, (1, 1)),
        (5, (2, 0)),
        (5, ([2, 1], "same")),
        (5, (1, 2, [2, 3])),
        (6, (2, 1, 1, 3)),
        (24, (1, 1, 2, 3)),
        (39, (1, 1, 2, 3)),
        (13, (1, 1)),
    ],
    ids=str,
)
def test_fused_relu_equals_separate_relu(C_out, grid, dtype, rng):
    C = 3 // grid[3] if len(grid) == 4 else 3
    x, weights, bias = (
        rng.standard_normal(shape).astype(dtype) for shape in ((2, 3, 9, 8), (C_out, C, 3, 2), (C_out,))
    )
    x[0, 0, 0, 0] = np.nan
    expected = relu(conv2d(x, weights, bias, *grid, impl="naive"))
    result = conv2d_relu(x, weights, bias, *grid)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
    assert_close(np.nan_to_num(result), np.nan_to_num(expected))


@IMPLS
def test_dilation_and_groups_worked_by_hand(impl):
    """Two channels, one row of taps each: a pixel and the one two to the right, with zero padding."""
    x = np.array([[[[1.0, 2, 3, 4]], [[10.0, 20, 30, 40]]]])
    weights, bias = np.array([[[[1.0, 100]]], [[[-1.0, 1]]]]), np.array([0.0, 0.5])
    grid = 1, (0, 1), (1, 2), 2
    out = conv2d(x, weights, bias, *grid, impl=impl)
    assert out.tolist() == [[[[200, 301, 402, 3]], [[20.5, 20.5, 20.5, -29.5]]]]
    d_out = np.array([[[[1.0, 2, 3, 4]], [[1.0, 0, 0, 0]]]])
    d_x, d_weights, d_bias = conv2d_backward(d_out, x, weights, *grid, impl=impl)
    assert d_x.tolist() == [[[[2, 103, 204, 300]], [[0, 1, 0, 0]]]]
    assert d_weights.tolist() == [[[[20, 20]]], [[[0, 20]]]]  # 2·1 + 3·2 + 4·3 = 20 and 1·2 + 2·3 + 3·4 = 20
    assert d_bias.tolist() == [10, 1]


@IMPLS
def test_gradients_worked_by_hand(impl):
    """4×4 image 1 … 16, 2×2 filter of ones at stride 2, output gradient 1, 2, 3, 4."""
    x = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    weights = np.array([[[[1.0, 10], [100, 1000]]]])
    d_out = np.array([[[[1.0, 2], [3, 4]]]])
    d_x, d_weights, d_bias = conv2d_backward(d_out, x, weights, stride=2, impl=impl)
    assert d_weights.tolist() == [[[[78, 88], [118, 128]]]]  # 1·1 + 2·3 + 3·9 + 4·11 = 78, and so on
    assert d_bias.tolist() == [10]
    assert d_x[0, 0].tolist() == [[1, 10, 2, 20], [100, 1000, 200, 2000], [3, 30, 4, 40], [300, 3000, 400, 4000]]


# Both sides of the algorithms' thresholds: 13 lanes over channels, 16 per vector, 32 for Winograd, 64 per block.
CHANNELS = st.sampled_from(
    [1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 14, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 80, 128, 129, 144]
)


@pytest.mark.compiled
@pytest.mark.parametrize("impl", [impl for impl in IMPLEMENTATIONS if impl != "naive"])
@settings(deadline=None, max_examples=120, derandomize=True)
@given(data=st.data())
def test_any_shape_matches_the_reference(impl, data):
    """The reference is ``naive`` for small problems, else ``loops``, which this test compares with ``naive``."""
    size = st.integers(1, 9)
    N, groups = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([1, 1, 1, 2, 3]))
    C_in, C_out = (data.draw(CHANNELS) for _ in range(2))
    H, W = data.draw(size), data.draw(size)
    padding = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
    plain = data.draw(st.booleans())  # 3×3 with stride 1 in half of the examples
    dilation = (1, 1) if plain else (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)))
    stride = (1, 1) if plain else (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)))
    most = [max(0, (side + 2 * pad - 1) // step) + 1 for side, pad, step in zip((H, W), padding, dilation, strict=True)]
    kernel = tuple(min(3, k) if plain else data.draw(st.integers(1, min(7, k))) for k in most)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    x, weights = rng.standard_normal((N, groups * C_in, H, W)), rng.standard_normal((groups * C_out, C_in, *kernel))
    bias, grid = rng.standard_normal(groups * C_out), (stride, padding, dilation, groups)
    reference = "naive" if impl == "loops" or N * groups * C_out * H * W < 3000 else "loops"
    if impl == "loops" and N * groups * C_out * H * W > 20000:
        x = x[:1]
    expected = conv2d(x, weights, bias, *grid, impl=reference)
    assert_close(conv2d(x, weights, bias, *grid, impl=impl), expected)
    d_out = rng.standard_normal(expected.shape)
    for result, wanted in zip(
        conv2d_backward(d_out, x, weights, *grid, impl=impl),
        conv2d_backward(d_out, x, weights, *grid, impl=reference),
        strict=True,
    ):
        assert_close(result, wanted)


def test_textbook_functions_agree(rng):
    x, weights, bias = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 2)), rng.standard_normal(4)
    assert_close(conv2d_forward_fast(x, weights, bias, 2, 1), conv2d_forward_naive(x, weights, bias, 2, 1))


def test_im2col_columns_are_windows_in_batch_and_row_order(rng):
    x = rng.standard_normal((2, 3, 5, 4))
    col = im2col(x, 3, 2)
    windows = [x[n, :, oh : oh + 3, ow : ow + 2].ravel() for n in range(2) for oh in range(3) for ow in range(3)]
    np.testing.assert_array_equal(col, np.stack(windows, axis=1))


@pytest.mark.parametrize("grid", [(1, 0), (2, 1), ((3, 1), (0, 2)), (2, "same"), (2, 1, (3, 2))], ids=str)
def test_col2im_is_the_adjoint_of_im2col(grid, rng):
    """⟨im2col(x), c⟩ = ⟨x, col2im(c)⟩ for every x and c, as a backward pass requires."""
    x = rng.standard_normal((2, 3, 7, 6))
    col = im2col(x, 3, 2, *grid)
    c = rng.standard_normal(col.shape)
    assert np.vdot(col, c) == pytest.approx(np.vdot(x, col2im(c, x.shape, 3, 2, *grid)), rel=1e-12)


def test_mixed_dtypes_follow_numpy_promotion(rng):
    x, weights = rng.standard_normal((1, 1, 4, 4)), rng.standard_normal((1, 1, 2, 2)).astype(np.float32)
    assert conv2d(x, weights, np.zeros(1, np.float32)).dtype == np.float64


def test_non_contiguous_arrays_are_accepted(rng):
    x = rng.standard_normal((4, 6, 8, 9))
    weights, bias = rng.standard_normal((2, 3, 3, 3)), np.zeros(2)
    expected = conv2d(np.ascontiguousarray(x[::2, ::2, ::-1]), weights, bias)
    assert_close(conv2d(x[::2, ::2, ::-1], np.asfortranarray(weights), bias), expected)


GOOD = {"x": np.zeros((2, 3, 6, 5)), "weights": np.zeros((4, 3, 3, 2)), "bias": np.zeros(4)}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": np.zeros((3, 6, 5))}, ShapeError, r"expects x of shape \(N, 3, H, W\), got \(3, 6, 5\)"),
        ({"x": np.zeros((2, 4, 6, 5))}, ShapeError, r"expects x of shape \(N, 3, H, W\), got \(2, 4, 6, 5\)"),
        ({"x": np.zeros((2, 3, 6, 5), np.uint8)}, DTypeError, r"got uint8; scale images with x / np.float32\(255\)"),
        ({"x": np.zeros((2, 3, 6, 5), np.float16)}, DTypeError, "in float32 or float64, got float16"),
        ({"x": [[1.0]]}, DTypeError, "expects x to be a numpy array, got list"),
        ({"weights": np.zeros((4, 3, 3))}, ShapeError, r"weights of shape \(C_out, C_in, K_h, K_w\), got \(4, 3, 3\)"),
        ({"bias": np.zeros(3)}, ShapeError, r"expects bias of shape \(4,\), got \(3,\)"),
        ({"weights": np.zeros((4, 3, 7, 2))}, ShapeError, "kernel of size 7 does not fit into 6 pixels padded to 6"),
        (
            {"weights": np.zeros((4, 1, 3, 2)), "groups": 2},
            ConfigError,
            "divides the 3 input channels and the 4 output",
        ),
        ({"weights": np.zeros((4, 3, 3, 2)), "groups": 3}, ConfigError, r"the 4 output channels, got 3\."),
        ({"groups": True}, ConfigError, "groups must be a positive integer .*, got True"),
        ({"stride": True}, ConfigError, "stride must be an integer of at least 1, or a pair of them, got True"),
        ({"dilation": (1, True)}, ConfigError, r"dilation must be an integer of at least 1, .* got \(1, True\)"),
        ({"groups": 0}, ConfigError, "groups must be a positive integer .*, got 0"),
        (
            {"weights": np.zeros((6, 3, 3, 2)), "bias": None, "groups": 3},
            ShapeError,
            r"expects weights of shape \(C_out, 1, K_h, K_w\), got \(6, 3, 3, 2\)",
        ),
        ({"dilation": 3}, ShapeError, r"kernel of size 7 \(3 dilated by 3\) does not fit into 6 pixels padded to 6"),
        ({"dilation": 0}, ConfigError, "dilation must be an integer of at least 1, or a pair of them, got 0"),
        ({"stride": 0}, ConfigError, "stride must be an integer of at least 1, or a pair of them, got 0"),
        ({"stride": 1.5}, ConfigError, "stride must be an integer"),
        ({"stride": (1, 2, 3)}, ConfigError, "stride must be an integer"),
        ({"padding": -1}, ConfigError, "padding must be an integer of at least 0"),
        ({"padding": "full"}, ConfigError, '"valid" or "same", got \'full\''),
        (
            {"impl": "fast"},
            ConfigError,
            "impl must be one of auto, naive, loops, im2col, direct, winograd, fused, got 'fast'",
        ),
    ],
)
def test_invalid_input_raises(change, error, message):
    conv2d(**GOOD)  # cached valid settings must not accept invalid ones that compare equal, such as True and 1
    with pytest.raises(error, match=message):
        conv2d(**{**GOOD, **change})


def test_gradient_of_the_wrong_shape_raises():
    with pytest.raises(ShapeError, match=r"d_out of shape \(2, 4, 4, 4\), got \(2, 4, 4, 5\)"):
        conv2d_backward(np.zeros((2, 4, 4, 5)), GOOD["x"], GOOD["weights"])


def test_columns_of_the_wrong_shape_raise():
    with pytest.raises(ShapeError, match=r"col of shape \(18, 32\), got \(18, 31\)"):
        col2im(np.zeros((18, 31)), (2, 3, 6, 5), 3, 2)
