"""Every implementation of the fully connected product against the blackboard form."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.kernels import dense_loops, dense_matmul, dense_naive


@pytest.mark.parametrize("kernels", [dense_loops, dense_matmul], ids=["loops", "matmul"])
@pytest.mark.parametrize(
    ("N", "F_in", "F_out"), [(1, 21, 70), (3, 8, 5), (6, 50, 17), (20, 33, 140), (5, 1, 1)], ids=str
)
def test_all_passes_equal_naive(kernels, N, F_in, F_out, dtype, rng):
    x, weights, bias, d_out = (
        rng.standard_normal(shape).astype(dtype) for shape in ((N, F_in), (F_in, F_out), (F_out,), (N, F_out))
    )
    results = []
    for module in (kernels, dense_naive):
        out, d_x, d_weights, d_bias = (np.full_like(a, np.nan) for a in (d_out, x, weights, bias))
        module.dense_forward(x, weights, bias, out)
        module.dense_backward_weights(x, d_out, d_weights, d_bias)
        module.dense_backward_input(d_out, weights, d_x)
        results.append((out, d_x, d_weights, d_bias))
    for result, expected in zip(*results, strict=True):
        assert_close(result, expected)
