"""Compare every registered layer with its torch equivalent, forward and backward, if torch is installed."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn import Dropout, Dropout2D
from jitcnn.benchmark.torch_twin import torch_twin
from jitcnn.gradcheck import standard_checks
from jitcnn.layers import LAYERS, Layer

try:
    import torch
except ImportError:
    torch = None

pytestmark = [pytest.mark.torch, pytest.mark.skipif(torch is None, reason="torch is not installed")]


def comparable(layer):
    """False where torch differs: "same" with a stride above 1 is not supported, and dropout masks differ."""
    return isinstance(layer, Layer) and getattr(layer, "padding", 0) != "same" and not layer.generators()


PROBES = {
    f"{impl}: {name}": (layer, x)
    for impl in ("auto", "naive", "loops", "im2col", "direct", "winograd")
    for name, layer, x in standard_checks(impl)
    if comparable(layer) and (impl == "auto" or impl in layer.implementations)
}


def with_dtype(layer, dtype):
    for name, array in (layer.parameters() | layer.buffers()).items():
        layer.set_array(name, array.astype(dtype))
    return layer


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("probe", PROBES)
def test_layer_equals_torch(probe, training, dtype):
    layer, x = PROBES[probe]
    several = isinstance(x, tuple)
    layer, inputs = with_dtype(layer, dtype), [each.astype(dtype) for each in (x if several else (x,))]
    twin = layer.torch_twin(torch).to(getattr(torch, np.dtype(dtype).name)).train(training)
    its_x = [torch.tensor(each, requires_grad=True) for each in inputs]
    out, its_out = layer.forward(tuple(inputs) if several else inputs[0], training), twin(*its_x)
    assert_close(out, its_out.detach().numpy())
    d_out = np.random.default_rng(1).standard_normal(out.shape).astype(dtype)
    its_out.backward(torch.tensor(d_out))
    d_x = layer.backward(d_out)
    for gradient, its in zip(d_x if several else (d_x,), its_x, strict=True):
        assert_close(gradient, its.grad.numpy())
    for gradient, parameter in zip(layer.gradients().values(), twin.parameters(), strict=True):
        its_gradient = parameter.grad.numpy()
        assert_close(gradient, its_gradient.T if gradient.ndim == 2 else its_gradient)


def test_every_layer_has_a_torch_equivalent():
    compared = {type(layer) for layer, _ in PROBES.values()}
    assert compared | {Dropout, Dropout2D} == set(LAYERS.values())


def test_layer_without_torch_equivalent_raises():
    class Doubled(Layer):
        def output_shape(self, input_shape):
            return input_shape

    with pytest.raises(TypeError, match=r"torch has no equivalent of Doubled\(\)"):
        torch_twin(torch, [Doubled()])


@pytest.mark.parametrize("layer", [Dropout(0.3), Dropout2D(0.3)], ids=repr)
def test_dropout_scaling_equals_torch(layer):
    x = np.ones((20, 30, 2, 2), np.float32)
    assert_close(np.unique(layer.forward(x)), np.unique(torch_twin(torch, [layer])(torch.tensor(x)).numpy()))
    np.testing.assert_array_equal(
        layer.forward(x, training=False), torch_twin(torch, [layer]).eval()(torch.tensor(x)).numpy()
    )
