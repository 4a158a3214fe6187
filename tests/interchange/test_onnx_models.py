"""ONNX Runtime gives the probabilities of every built-in model."""

import numpy as np
import pytest
from interchange.onnx_sessions import session

from jitcnn import Dense
from jitcnn.models import MODELS

# Their published inputs would need weights of up to 575 MB; channels and depth stay as published.
SMALLER = dict.fromkeys(("vgg11", "vgg13", "vgg16", "vgg19", "resnet18", "resnet34", "resnet50"), (3, 32, 32))
SMALLER["alexnet"] = (3, 63, 63)


def trained(name, rng):
    """The model with random arrays, also those that start at 0 or 1, and logits with a standard deviation of 1."""
    net = MODELS[name](seed=rng, num_classes=10, input_shape=SMALLER.get(name))
    for layer in net.layers:
        for key, array in (layer.parameters() | layer.buffers()).items():
            if key.endswith(("gamma", "running_var")):
                layer.set_array(key, rng.uniform(0.5, 1.5, array.shape).astype(np.float32))
            elif key.endswith(("beta", "running_mean", "bias")):
                layer.set_array(key, rng.uniform(-0.5, 0.5, array.shape).astype(np.float32))
    C = net.input_shape[0]
    net.normalise_by(rng.uniform(0.3, 0.6, C), rng.uniform(0.2, 0.3, C))
    images = rng.integers(0, 256, (7, *net.input_shape), dtype=np.uint8)
    last = [layer for layer in net.layers if isinstance(layer, Dense)][-1]
    last.weights /= net.logits(net.as_input(images), training=False).std()
    return net, images


@pytest.mark.compiled
@pytest.mark.parametrize("name", MODELS)
def test_onnx_runtime_gives_the_same_probabilities(name, rng, tmp_path):
    net, images = trained(name, rng)
    expected = net.predict_proba(images)
    assert expected.max() < 0.9  # a certain prediction would hide differences
    for normalisation, x in ((True, images.astype(np.float32)), (False, net.as_input(images))):
        net.to_onnx(tmp_path / "net.onnx", normalisation=normalisation)
        runs = session(tmp_path / "net.onnx")
        for batch in (1, 7):
            (found,) = runs.run(["probabilities"], {"images": x[:batch]})
            np.testing.assert_allclose(found, expected[:batch], rtol=0, atol=1e-5)
