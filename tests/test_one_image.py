"""One image in two compiled calls: pixels normalised as they are read, dense layers and softmax."""

import numpy as np
import pytest
from nets import as_if_trained, net_with_norm, one_by_one

from jitcnn import CNN, Conv2D, Dense, Dropout, Flatten, GlobalAvgPool2D, ReLU
from jitcnn.functional.dense import equal_rows


class Unlike(ReLU):
    """A subclass may compute something else."""


@pytest.mark.parametrize("N", [1, 3, 20])
@pytest.mark.parametrize("normalisation", [((0.2, 0.3, 0.4), (0.5, 0.6, 0.7)), ((0.4,), (0.3,))])
def test_pixels_are_normalised_in_the_call_to_the_same_bits(N, normalisation, rng):
    layers = as_if_trained([Conv2D(3, 5, 3, padding=1), ReLU(), Flatten(), Dense(5 * 63, 4)], rng)
    net = CNN(layers, input_shape=(3, 7, 9), mean=normalisation[0], std=normalisation[1])
    images = rng.integers(0, 256, (N, 3, 7, 9), np.uint8)
    np.testing.assert_array_equal(net.predict_proba(images), net.predict_proba(net.as_input(images)))
    strided = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    read_only = images.copy()
    read_only.flags.writeable = False
    for same in (strided, read_only):
        np.testing.assert_array_equal(net.predict_proba(same), net.predict_proba(images))


HEADS = {
    "two dense layers": (lambda: [Flatten(), Dense(50, 7), ReLU(), Dropout(0.5), Dense(7, 3)], True),
    "three, and a last ReLU": (lambda: [Flatten(), Dense(50, 70), Dense(70, 3), ReLU(), Dense(3, 4), ReLU()], True),
    "means": (lambda: [GlobalAvgPool2D(), Dense(2, 3)], True),
    "a large product": (lambda: [Flatten(), Dense(50, 1 << 15), ReLU(), Dense(1 << 15, 2)], False),
    "float64": (lambda: [Flatten(), Dense(50, 3, dtype=np.float64)], False),
    "another layer": (lambda: [Flatten(), Dense(50, 3), Unlike()], False),
    "no dense layer": (lambda: [Flatten()], False),
}


@pytest.mark.parametrize(("make", "one_call"), HEADS.values(), ids=HEADS)
def test_dense_layers_of_one_image_run_in_one_call(make, one_call, rng):
    layers = as_if_trained([Conv2D(1, 2, 3), *make()], rng)
    net, x = CNN(layers, input_shape=(1, 7, 7)), rng.standard_normal((3, 1, 7, 7)).astype(np.float32)
    assert (net._evaluating._head is not None) == one_call
    expected = one_by_one(layers, x)
    for k in range(3):
        found = net.logits(x[k : k + 1], training=False)
        np.testing.assert_allclose(found, expected[k : k + 1], rtol=0, atol=1e-5 * max(1, abs(expected).max()))
        probabilities = np.exp(found.astype(np.float64) - found.max())
        probabilities /= probabilities.sum()
        np.testing.assert_allclose(net.predict_proba(x[k : k + 1]), probabilities, rtol=0, atol=1e-6)


def test_equal_rows_of_one_image_and_of_several(rng):
    net, x = net_with_norm(rng), rng.standard_normal((5, 1, 8, 8)).astype(np.float32)
    with equal_rows():
        together = net.logits(x, training=False)
        alone = [net.logits(x[k : k + 1], training=False) for k in range(5)]
    np.testing.assert_array_equal(np.concatenate(alone), together)
