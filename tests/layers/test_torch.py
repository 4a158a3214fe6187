"""Layers against torch's, forward and backward, where torch is installed."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn import AvgPool2D, BlurPool2D, Dropout, Dropout2D, GlobalAvgPool2D, LeakyReLU, Sigmoid, Tanh
from jitcnn.benchmark.torch_twin import torch_twin

try:
    import torch
except ImportError:
    torch = None

pytestmark = [pytest.mark.torch, pytest.mark.skipif(torch is None, reason="torch is not installed")]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(
    "layer",
    [
        AvgPool2D(),
        AvgPool2D((3, 2), (2, 3), (1, 0)),
        AvgPool2D(3, 1, 1, impl="im2col"),
        AvgPool2D(4, 3, 2, impl="naive"),
        BlurPool2D(),
        BlurPool2D(2, 1),
        BlurPool2D(6, (3, 2), impl="naive"),
        GlobalAvgPool2D(),
        LeakyReLU(),
        LeakyReLU(0.3),
        Tanh(),
        Sigmoid(),
        Dropout(0),
        Dropout2D(0),
    ],
    ids=repr,
)
def test_a_layer_and_torchs_agree(layer, training, dtype, rng):
    x = rng.standard_normal((4, 3, 9, 8)).astype(dtype)
    twin, its_x = torch_twin(torch, [layer]).train(training), torch.tensor(x, requires_grad=True)
    out, its_out = layer.forward(x, training), twin(its_x)
    assert_close(out, its_out.detach().numpy())
    d_out = rng.standard_normal(out.shape).astype(dtype)
    its_out.backward(torch.tensor(d_out))
    assert_close(layer.backward(d_out), its_x.grad.numpy())


@pytest.mark.parametrize("layer", [Dropout(0.3), Dropout2D(0.3)], ids=repr)
def test_what_is_kept_is_scaled_as_torch_scales_it(layer):
    x = np.ones((20, 30, 2, 2), np.float32)
    assert_close(np.unique(layer.forward(x)), np.unique(torch_twin(torch, [layer])(torch.tensor(x)).numpy()))
    np.testing.assert_array_equal(
        layer.forward(x, training=False), torch_twin(torch, [layer]).eval()(torch.tensor(x)).numpy()
    )
