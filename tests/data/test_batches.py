"""Every image once, scaled, with its label."""

import numpy as np
import pytest

from jitcnn.data.batches import minibatches

IMAGES = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
LABELS = np.arange(10)


@pytest.mark.parametrize("rng", [None, np.random.default_rng(1)], ids=["in order", "shuffled"])
def test_every_image_comes_once_with_its_label(rng):
    batches = list(minibatches(IMAGES, LABELS, 4, rng))
    assert [len(y) for _, y in batches] == [4, 4, 2]
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert sorted(y) == list(range(10))
    assert (list(y) == list(range(10))) == (rng is None)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[:, 0, 0, 0], y / 255, rtol=1e-6)
