"""Operations on shapes that hypothesis draws, and whole training steps, against torch."""

from functools import partial

import numpy as np
import pytest
from compare import TRAINED, assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from jitcnn import SGD, load_digits, softmax_cross_entropy, train_step
from jitcnn.benchmark.torch_twin import torch_twin
from jitcnn.functional import (
    POOL_IMPLEMENTATIONS,
    avg_pool2d,
    avg_pool2d_backward,
    conv2d,
    conv2d_backward,
    conv2d_relu_pool,
    conv2d_relu_pool_backward_input,
    conv2d_relu_pool_backward_weights,
    dense,
    dense_backward_input,
    dense_backward_weights,
    max_pool2d,
    max_pool2d_backward,
)
from jitcnn.kernels.engine.plan import IMPLEMENTATIONS
from jitcnn.models import mnist_cnn

try:
    import torch
except ImportError:
    torch = None

pytestmark = [pytest.mark.torch, pytest.mark.skipif(torch is None, reason="torch is not installed")]

few = partial(settings, deadline=None, derandomize=True)
small = partial(st.integers, 1)
seeds, dtypes = st.integers(0, 2**32), st.sampled_from([np.float32, np.float64])


def drawn(seed, dtype, *shapes):
    """Arrays of these shapes."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def theirs(operation, d_out_of, *arrays):
    """What torch makes of the arrays, d_out drawn for its shape, and torch's gradients for the arrays."""
    tensors = [torch.from_numpy(array).requires_grad_() for array in arrays]
    out = operation(*tensors)
    d_out = d_out_of(tuple(out.shape))
    out.backward(torch.from_numpy(d_out))
    return out.detach().numpy(), d_out, [tensor.grad.numpy() for tensor in tensors]


def all_close(results, expected):
    for result, wanted in zip(results, expected, strict=True):
        assert_close(result, wanted)


# On both sides of every threshold of the plan: lanes over channels, whole vectors, Winograd, blocks of filters.
channels = st.sampled_from([1, 2, 3, 7, 8, 12, 13, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 80, 129])


@pytest.mark.compiled
@pytest.mark.parametrize("impl", [impl for impl in IMPLEMENTATIONS if impl != "naive"])
@few(max_examples=50)
@given(data=st.data(), dtype=dtypes, seed=seeds)
def test_convolution(impl, data, dtype, seed):
    pair = lambda first, last: (data.draw(st.integers(first, last)), data.draw(st.integers(first, last)))  # noqa: E731
    N, groups = data.draw(small(4)), data.draw(st.sampled_from([1, 1, 1, 2, 3]))
    C_in, C_out = data.draw(channels), data.draw(channels)
    # 3×3 of stride 1, which Winograd serves, as often as all others together.
    plain = data.draw(st.booleans())
    kernel, stride, dilation = ((3, 3), (1, 1), (1, 1)) if plain else (pair(1, 4), pair(1, 3), pair(1, 3))
    padding = pair(0, 2)
    # The smallest image that the filter fits into, and up to six pixels more.
    smallest = [max(1, (k - 1) * d + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    H, W = (size + data.draw(st.integers(0, 6)) for size in smallest)
    x, weights, bias = drawn(
        seed, dtype, (N, groups * C_in, H, W), (groups * C_out, C_in, *kernel), (groups * C_out,)
    )  # fmt: skip
    grid = stride, padding, dilation, groups
    expected, d_out, gradients = theirs(
        lambda *tensors: torch.nn.functional.conv2d(*tensors, *grid), lambda shape: drawn(seed + 1, dtype, shape)[0],
        x, weights, bias,
    )  # fmt: skip
    assert_close(conv2d(x, weights, bias, *grid, impl=impl), expected)
    all_close(conv2d_backward(d_out, x, weights, *grid, impl=impl), gradients)


@pytest.mark.compiled
@pytest.mark.parametrize("impl", ["auto", "direct", "winograd"])
@few(max_examples=40)
@given(data=st.data(), dtype=dtypes, seed=seeds)
def test_convolution_relu_and_pooling_in_one_pass(impl, data, dtype, seed):
    """Whole numbers, whose sums are exact in any order: rounding decides no winner."""
    N, C_in, C_out = data.draw(small(12)), data.draw(channels), data.draw(channels)
    kernel, pool, padding = ((3, 3), (2, 2), 1) if data.draw(st.booleans()) else ((2, 4), (3, 2), 1)
    H, W = (data.draw(st.integers(4, 12)) for _ in range(2))
    rng = np.random.default_rng(seed)
    x, weights = rng.integers(-4, 5, (N, C_in, H, W)), rng.integers(-4, 5, (C_out, C_in, *kernel))
    x, weights, bias = (a.astype(dtype) for a in (x, weights, rng.integers(-4, 5, C_out) + 0.5))
    expected, d_out, (d_x, d_weights, d_bias) = theirs(
        lambda x, weights, bias: torch.nn.functional.max_pool2d(
            torch.relu(torch.nn.functional.conv2d(x, weights, bias, padding=padding)), pool
        ),
        lambda shape: drawn(seed + 1, dtype, shape)[0], x, weights, bias,
    )  # fmt: skip
    out, winners = conv2d_relu_pool(x, weights, bias, 1, padding, pool, impl=impl)
    assert_close(out, expected)
    assert_close(conv2d_relu_pool_backward_input(d_out, winners, x, weights, 1, padding), d_x)
    all_close(conv2d_relu_pool_backward_weights(d_out, winners, x, weights, 1, padding), (d_weights, d_bias))


@few(max_examples=60)
@given(data=st.data(), impl=st.sampled_from(list(POOL_IMPLEMENTATIONS)), dtype=dtypes, seed=seeds)
@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling(kind, data, impl, dtype, seed):
    pool, stride = ((data.draw(small(4)), data.draw(small(4))) for _ in range(2))
    padding = tuple(data.draw(st.integers(0, size // 2)) for size in pool)  # torch pads no more
    H, W = (size + data.draw(st.integers(0, 5)) for size in pool)
    (x,) = drawn(seed, dtype, (data.draw(small(2)), data.draw(small(3)), H, W))
    operation = torch.nn.functional.max_pool2d if kind == "max" else torch.nn.functional.avg_pool2d
    expected, d_out, (d_x,) = theirs(
        lambda tensor: operation(tensor, pool, stride, padding), lambda shape: drawn(seed + 1, dtype, shape)[0], x
    )
    if kind == "max":
        out, max_indices = max_pool2d(x, pool, stride, padding, impl=impl)
        result = max_pool2d_backward(d_out, max_indices, x.shape, pool, stride, padding, impl=impl)
    else:
        out = avg_pool2d(x, pool, stride, padding, impl=impl)
        result = avg_pool2d_backward(d_out, x.shape, pool, stride, padding, impl=impl)
    assert_close(out, expected)
    assert_close(result, d_x)


@few(max_examples=20)
@given(N=small(9), inside=small(9), outside=small(9), dtype=dtypes, seed=seeds)
def test_dense(N, inside, outside, dtype, seed):
    x, weights, bias = drawn(seed, dtype, (N, inside), (inside, outside), (outside,))
    expected, d_out, gradients = theirs(
        lambda x, weights, bias: torch.nn.functional.linear(x, weights.T, bias),
        lambda shape: drawn(seed + 1, dtype, shape)[0], x, weights, bias,
    )  # fmt: skip
    assert_close(dense(x, weights, bias), expected)
    all_close([dense_backward_input(d_out, weights), *dense_backward_weights(d_out, x)], gradients)


@few(max_examples=30)
@given(N=small(9), classes=small(9), smoothing=st.sampled_from([0.0, 0.1, 0.7]), dtype=dtypes, seed=seeds)
def test_softmax_cross_entropy(N, classes, smoothing, dtype, seed):
    (logits,) = drawn(seed, dtype, (N, classes))
    logits *= 5
    y = np.random.default_rng(seed).integers(0, classes, N)
    expected, _, (d_logits,) = theirs(
        lambda logits: torch.nn.functional.cross_entropy(logits, torch.from_numpy(y), label_smoothing=smoothing),
        lambda shape: np.ones(shape, dtype), logits,
    )  # fmt: skip
    loss, result = softmax_cross_entropy(logits, y, smoothing)
    assert_close(np.array(loss, dtype), expected)
    assert_close(result, d_logits)


@few(max_examples=30)
@given(N=small(9), classes=small(9), dtype=dtypes, seed=seeds)
def test_softmax_cross_entropy_with_class_weights(N, classes, dtype, seed):
    rng = np.random.default_rng(seed)
    (logits,) = drawn(seed, dtype, (N, classes))
    y, of_class = rng.integers(0, classes, N), rng.uniform(0.1, 5, classes).astype(dtype)
    expected, _, (d_logits,) = theirs(
        lambda logits: torch.nn.functional.cross_entropy(logits, torch.from_numpy(y), torch.from_numpy(of_class)),
        lambda shape: np.ones(shape, dtype), logits,
    )  # fmt: skip
    loss, result = softmax_cross_entropy(logits, y, weights=of_class[y])
    assert_close(np.array(loss, dtype), expected)
    assert_close(result, d_logits)


@pytest.mark.compiled
@pytest.mark.parametrize("impl", [impl for impl in IMPLEMENTATIONS if impl != "naive"])
def test_ten_training_steps_of_a_whole_net_from_equal_weights(impl):
    data, model, optimizer = load_digits(), mnist_cnn(impl=impl), SGD(0.02, momentum=0.9)
    twin = torch_twin(torch, model.layers[:-1])
    its_optimizer = torch.optim.SGD(twin.parameters(), lr=0.02, momentum=0.9)
    for step in range(10):
        batch = slice(16 * step, 16 * step + 16)
        x, y = data.x_train[batch] / np.float32(255), data.y_train[batch]
        its_optimizer.zero_grad()
        its_loss = torch.nn.functional.cross_entropy(twin(torch.from_numpy(x)), torch.from_numpy(y))
        its_loss.backward()
        its_optimizer.step()
        assert train_step(model, x, y, optimizer) == pytest.approx(its_loss.item(), abs=TRAINED)
    for mine, its in zip(model.parameters(), twin.parameters(), strict=True):
        its_array = its.detach().numpy()  # torch keeps a dense layer's matrix the other way round
        assert_close(mine, its_array.T if mine.ndim == 2 else its_array, TRAINED)
