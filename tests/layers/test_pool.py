"""Ceil mode, padding that does not count, and global max pooling: by hand, against the naive form and torch."""

import numpy as np
import pytest
from compare import assert_close
from hypothesis import given
from hypothesis import strategies as st

from jitcnn import AvgPool2D, GlobalMaxPool2D, MaxPool2D, gradient_check
from jitcnn.errors import ConfigError, DTypeError, ShapeError
from jitcnn.functional import avg_pool2d, global_max_pool2d, global_max_pool2d_backward, max_pool2d
from jitcnn.shapes import sides, window_grid

IMPLS = pytest.mark.parametrize("impl", ["loops", "im2col", "direct", "auto"])
SETTINGS = [
    {"pool_size": 3, "stride": 2, "ceil_mode": True},
    {"pool_size": (2, 3), "stride": (3, 2), "padding": 1, "ceil_mode": True},
    {"pool_size": 2, "stride": 2, "ceil_mode": True},
    {"pool_size": (3, 2), "stride": 2, "padding": (0, 2, 1, 0)},
    {"pool_size": (3, 4), "stride": (4, 3), "padding": (2, 0, 0, 3), "ceil_mode": True},
    {"pool_size": 1, "stride": 3, "ceil_mode": True},  # a step larger than the window
    {"pool_size": (9, 8), "stride": 8, "ceil_mode": True},  # the window is larger than the image
]
COUNTS = [{}, {"count_include_pad": False}]


def passes(layer, x, dtype):
    out = layer.forward(x)
    d_out = np.cos(np.arange(out.size)).reshape(out.shape).astype(dtype)
    return out, layer.backward(d_out)


@IMPLS
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("kind", "counts"), [(MaxPool2D, {}), *((AvgPool2D, each) for each in COUNTS)])
def test_every_algorithm_equals_naive(impl, settings, kind, counts, dtype, rng):
    x = np.round(2 * rng.standard_normal((2, 3, 7, 6))).astype(dtype)  # with ties
    found, expected = (passes(kind(**settings, **counts, impl=each), x, dtype) for each in (impl, "naive"))
    for mine, array in zip(found, expected, strict=True):
        assert_close(mine, array)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("kind", "counts"), [(MaxPool2D, {}), *((AvgPool2D, each) for each in COUNTS)])
def test_gradient(settings, kind, counts, rng):
    assert gradient_check(kind(**settings, **counts), rng.standard_normal((2, 3, 7, 6))) < 1e-5


@pytest.mark.parametrize("impl", ["naive", "loops", "im2col", "direct"])
def test_worked_by_hand(impl):
    """Windows of two with stride 2 over five pixels and one of padding: the last of ceil mode holds the fifth pixel alone."""
    x = np.array([[[[1.0, 2, 3, 4, 6]]]])
    how = {"pool_size": (1, 2), "stride": (1, 2), "impl": impl}
    assert avg_pool2d(x, **how).ravel().tolist() == [1.5, 3.5]
    assert avg_pool2d(x, **how, ceil_mode=True).ravel().tolist() == [1.5, 3.5, 6]
    assert max_pool2d(x, **how, ceil_mode=True)[0].ravel().tolist() == [2, 4, 6]
    left = {**how, "padding": (0, 0, 1, 0)}  # (0, 1), (2, 3), (4, 6)
    assert avg_pool2d(x, **left).ravel().tolist() == [0.5, 2.5, 5]
    assert avg_pool2d(x, **left, count_include_pad=False).ravel().tolist() == [1, 2.5, 5]
    right = {**how, "padding": (0, 0, 0, 1)}  # (1, 2), (3, 4), (6, 0)
    assert avg_pool2d(x, **right).ravel().tolist() == [1.5, 3.5, 3]
    assert avg_pool2d(x, **right, count_include_pad=False).ravel().tolist() == [1.5, 3.5, 6]
    # Six pixels with the padding, windows of four: the second begins at the fifth pixel and holds the padding, which counts.
    long = {"pool_size": (1, 4), "stride": (1, 4), "padding": (0, 0, 0, 1), "impl": impl}
    assert avg_pool2d(x, **long, ceil_mode=True).ravel().tolist() == [2.5, 3]
    assert avg_pool2d(x, **long, ceil_mode=True, count_include_pad=False).ravel().tolist() == [2.5, 6]


def test_last_window_does_not_begin_in_the_padding():
    assert window_grid((5, 4), (2, 2), (2, 2), 1, ceil_mode=True) == ((1, 1), (3, 3))
    assert window_grid((6, 4), (2, 2), (2, 2), (0, 1, 0, 1), ceil_mode=True) == ((0, 0), (3, 2))
    assert window_grid((5, 4), (2, 2), (2, 2), "same", ceil_mode=True) == window_grid((5, 4), (2, 2), (2, 2), "same")


@given(
    size=st.integers(1, 20),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 5),
    before=st.integers(0, 5),
    after=st.integers(0, 5),
)
def test_ceil_mode_counts_the_windows_that_cover_all_that_is_padded(size, kernel, stride, before, after):
    before, after = min(before, kernel - 1), min(after, kernel - 1)
    starts = []
    for start in range(-before, size, stride):  # a window begins in the image or in the padding before it
        starts.append(start)
        if start + kernel >= size + after:
            break
    if before + size + after - kernel + stride - 1 < 0:
        with pytest.raises(ShapeError, match="does not fit"):
            window_grid((size, 1), (kernel, 1), (stride, 1), (before, after, 0, 0), ceil_mode=True)
    else:
        grid = window_grid((size, 1), (kernel, 1), (stride, 1), (before, after, 0, 0), ceil_mode=True)
        assert grid == ((before, 0), (len(starts), 1))


@pytest.mark.torch
@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("padding", [0, 1, (1, 2)])
@pytest.mark.parametrize("ceil_mode", [True, False])
def test_sizes_and_values_equal_torch(ceil_mode, padding, count, rng):
    torch = pytest.importorskip("torch")
    compared = 0
    for size in (5, 6, 7, 8, 9):
        for pool in ((2, 4), (3, 5), (4, 4)):
            for stride in (1, 2, 3, 4):
                x = rng.standard_normal((1, 2, size, 7))
                layers = [MaxPool2D(pool, stride, padding, ceil_mode=ceil_mode)]
                layers.append(AvgPool2D(pool, stride, padding, ceil_mode=ceil_mode, count_include_pad=count))
                for layer in layers:
                    assert_close(layer.forward(x), layer.torch_twin(torch)(torch.from_numpy(x)).numpy())
                    compared += 1
    assert compared == 120


def onnx_pool(kind, layer, shape):
    """A session of onnxruntime for one pooling node with the settings of the layer."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    (top, bottom, left, right), helper = sides(layer.padding), onnx.helper
    settings = {"kernel_shape": layer.pool_size, "strides": layer.stride, "pads": (top, left, bottom, right)}
    if kind == "AveragePool":
        settings["count_include_pad"] = int(layer.count_include_pad)
    node = helper.make_node(kind, ["x"], ["out"], ceil_mode=int(layer.ceil_mode), **settings)
    x, out = (helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in (("x", shape), ("out", None)))
    graph = helper.make_graph([node], "pool", [x], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # it warns where its own size inference forgets the rule on the last window
    return runtime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


@pytest.mark.parametrize("seed", range(40))
def test_padding_on_any_side_equals_onnxruntime(seed):
    rng = np.random.default_rng(seed)
    pool, stride = (tuple(map(int, rng.integers(1, 5, 2))) for _ in range(2))
    padding = tuple(int(rng.integers(0, pool[side // 2])) for side in range(4))
    flags = {"ceil_mode": seed % 2 == 0, "count_include_pad": seed % 4 < 2}
    x = rng.standard_normal((2, 3, *rng.integers(4, 10, 2))).astype(np.float32)
    mean = AvgPool2D(pool, stride, padding, **flags)
    largest = MaxPool2D(pool, stride, padding, ceil_mode=flags["ceil_mode"])
    for kind, layer in (("AveragePool", mean), ("MaxPool", largest)):
        (its,) = onnx_pool(kind, layer, x.shape).run(None, {"x": x})
        assert_close(layer.forward(x), its)


@pytest.mark.parametrize("bad", [0, 1, None, "yes"])
def test_flags_that_are_not_bool_raise(bad):
    with pytest.raises(ConfigError, match=f"ceil_mode must be True or False, got {bad!r}"):
        MaxPool2D(ceil_mode=bad)
    with pytest.raises(ConfigError, match=f"count_include_pad must be True or False, got {bad!r}"):
        AvgPool2D(count_include_pad=bad)


def test_labels_show_ceil_mode_and_padding_that_does_not_count():
    assert MaxPool2D(3, 2, ceil_mode=True).label == "MaxPool2D 3×3/2 ceil"
    assert AvgPool2D(3, 2, 1, ceil_mode=True, count_include_pad=False).label == "AvgPool2D 3×3/2 pad 1 ceil not counted"
    assert AvgPool2D(count_include_pad=False).label == "AvgPool2D 2×2/2"  # there is no padding


@pytest.mark.parametrize("settings", [{"padding": "same"}, {"padding": (0, 1, 0, 1)}, {"ceil_mode": True}], ids=str)
@pytest.mark.parametrize("size", [(7, 6), (6, 7), (7, 7)])
@pytest.mark.parametrize("impl", ["auto", "direct"])
def test_two_by_two_windows_that_end_outside_the_image(settings, size, impl, dtype, rng):
    """The unrolled kernel for 2×2 windows with stride 2 takes them whole, and would read what follows the image."""
    x = rng.standard_normal((2, 3, *size)).astype(dtype)
    layer = MaxPool2D(2, 2, **settings, impl=impl)
    for mine, array in zip(
        passes(layer, x, dtype), passes(MaxPool2D(2, 2, **settings, impl="naive"), x, dtype), strict=True
    ):
        np.testing.assert_array_equal(mine, array)


def test_plans_are_those_of_the_size_in_ceil_mode():
    assert MaxPool2D(3, 2, ceil_mode=True, impl="loops").plans((3, 8, 8), 2)["forward"].algorithm == "loops"


# --- global max pooling -------------------------------------------------------------------------------


@pytest.mark.parametrize("impl", ["naive", "loops", "im2col", "direct", "auto"])
def test_global_max_pooling_equals_a_window_as_large_as_the_image(impl, dtype, rng):
    x = np.round(2 * rng.standard_normal((4, 3, 5, 6))).astype(dtype)
    x[1, 2, 3, 1], x[1, 2, 4, 0], x[2, 0] = np.nan, np.nan, -np.inf
    (out, places), (expected, its) = global_max_pool2d(x, impl=impl), max_pool2d(x, (5, 6), impl="naive")
    np.testing.assert_array_equal(out, expected[:, :, 0, 0], strict=True)
    np.testing.assert_array_equal(places, its[:, :, 0, 0])
    d_x = GlobalMaxPool2D(impl=impl)
    d_x.forward(x)
    d_out = rng.standard_normal(out.shape).astype(dtype)
    found = d_x.backward(d_out)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.sum(axis=(2, 3)), d_out)  # one pixel of each channel
    assert (found != 0).sum() == d_out.size


def test_global_max_pooling_with_invalid_input_raises():
    with pytest.raises(ShapeError, match="global_max_pool2d expects at least one pixel per channel"):
        global_max_pool2d(np.zeros((1, 2, 0, 3)))
    with pytest.raises(ShapeError, match=r"GlobalMaxPool2D expects input of shape \(N, C, H, W\), got \(N, 4\)"):
        GlobalMaxPool2D().forward(np.zeros((2, 4)))
    with pytest.raises(DTypeError, match="float32 or float64, got int64"):
        GlobalMaxPool2D().forward(np.zeros((1, 2, 3, 3), np.int64))
    with pytest.raises(ShapeError, match=r"expects d_out of shape \(1, 2\), got \(2, 1\)"):
        global_max_pool2d_backward(np.zeros((2, 1)), np.zeros((1, 2), int), (1, 2, 3, 3))
