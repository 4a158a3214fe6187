"""minibatches: every image once, normalised, with its label."""

import numpy as np
import pytest

from jitcnn.data.augment import Augmentation
from jitcnn.data.batches import batch_starts, images_in_batches, minibatches
from jitcnn.errors import ConfigError

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


def test_images_are_normalised_per_channel(rng):
    images = rng.integers(0, 256, (5, 3, 4, 2), np.uint8)
    ((x, _),) = minibatches(images, np.arange(5), 5, mean=(0.1, 0.2, 0.3), std=(0.5, 1, 2))
    mean, std = (np.array(values).reshape(3, 1, 1) for values in ((0.1, 0.2, 0.3), (0.5, 1, 2)))
    np.testing.assert_allclose(x, (images / 255 - mean) / std, atol=1e-6)


def test_augmentation_is_applied_after_shuffling(rng):
    images = rng.integers(0, 256, (7, 1, 6, 5), np.uint8)
    settings = Augmentation(shift=1, flip=True)
    batches = list(minibatches(images, np.arange(7), 4, np.random.default_rng(3), augmentation=settings))
    twin = np.random.default_rng(3)
    order = twin.permutation(7)
    for (x, y), chosen in zip(batches, (order[:4], order[4:]), strict=True):
        np.testing.assert_array_equal(y, chosen)
        np.testing.assert_allclose(x, settings.apply(images[chosen], twin) / np.float32(255), rtol=1e-6)


def test_augmentation_without_rng_raises():
    with pytest.raises(ConfigError, match="augmentation needs an rng"):
        next(minibatches(IMAGES, LABELS, 4, augmentation=Augmentation(flip=True)))


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (10, 4, [4, 4]),
        (8, 4, [4, 4]),
        (9, 4, [4, 4]),
        (3, 4, [3]),
        (1, 4, [1]),
        (4, 4, [4]),
        (5, 1, [1] * 5),
        (0, 4, []),
    ],
)
@pytest.mark.parametrize("shuffled", [False, True])
def test_last_batch_is_dropped_when_it_is_smaller_and_not_the_only_one(count, batch_size, sizes, shuffled):
    rng = np.random.default_rng(1) if shuffled else None
    batches = list(minibatches(IMAGES[:count], LABELS[:count], batch_size, rng, drop_last=True))
    assert [len(y) for _, y in batches] == sizes
    assert len(batch_starts(sum(sizes), batch_size)) == len(sizes)
    assert images_in_batches(count, batch_size, drop_last=True) == sum(sizes)


def test_all_images_are_in_batches_by_default():
    assert images_in_batches(10, 4) == 10


def test_order_may_repeat_images_and_be_longer_than_all():
    order = np.array([3, 3, 1, 0, 3, 9, 9, 2, 2, 2, 5, 5])
    batches = list(minibatches(IMAGES, LABELS, 5, order=order))
    assert [len(y) for _, y in batches] == [5, 5, 2]
    assert np.concatenate([y for _, y in batches]).tolist() == order.tolist()
    np.testing.assert_allclose(np.concatenate([x for x, _ in batches])[:, 0, 0, 0], order / 255, rtol=1e-6)


def test_order_is_cut_to_full_batches_when_the_last_is_dropped():
    batches = list(minibatches(IMAGES, LABELS, 5, order=np.arange(12) % 10, drop_last=True))
    assert np.concatenate([y for _, y in batches]).tolist() == list(range(10))
