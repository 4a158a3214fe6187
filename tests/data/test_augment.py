"""Augmentation: each transform against a naive reference, and bitwise equal results for any thread count."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from jitcnn.data.augment import Augmentation, spline
from jitcnn.errors import ConfigError, DTypeError, ShapeError

EVERYTHING = Augmentation(shift=2, rotation=20, scale=0.2, elastic=0.7, crop=2, flip=True, cutout=3)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (5, 3, 9, 8), np.uint8)


def test_geometric_transforms_match_one_bilinear_resampling(images):
    ndimage = pytest.importorskip("scipy.ndimage")
    settings = Augmentation(shift=2, rotation=30, scale=0.2, elastic=0.8)
    turns, controls = settings.draw_places(5, (9, 8), np.random.default_rng(3))
    changed = settings.apply(images, np.random.default_rng(3))
    place = np.stack([*np.mgrid[0:9, 0:8], np.ones((9, 8))])
    for n in range(5):
        bent = np.einsum("hg,agk,wk->ahw", spline(9), controls[n], spline(8))
        places = np.einsum("ai,ihw->ahw", turns[n].reshape(2, 3), place) + bent
        for c in range(3):
            padded = np.pad(images[n, c].astype(float), 20)
            expected = ndimage.map_coordinates(padded, places + 20, order=1, cval=0.0)
            assert np.abs(changed[n, c] - expected).max() <= 0.51


@pytest.mark.parametrize("padding", ["constant", "reflect"])
def test_crop_flip_and_cutout_match_numpy(padding, images):
    settings = Augmentation(crop=2, reflect=padding == "reflect", flip=True, cutout=3)
    moves = settings.draw_moves(5, (9, 8), np.random.default_rng(4))
    expected = np.zeros_like(images)
    for n, (down, right, flipped, hole_h, hole_w) in enumerate(moves):
        padded = np.pad(images[n], ((0, 0), (2, 2), (2, 2)), padding)
        crop = padded[:, 2 + down : 11 + down, 2 + right : 10 + right]
        expected[n] = crop[:, :, ::-1] if flipped else crop
        expected[n, :, max(0, hole_h) : max(0, hole_h + 3), max(0, hole_w) : max(0, hole_w + 3)] = 0
    assert set(moves[:, 2]) == {0, 1}
    np.testing.assert_array_equal(settings.apply(images, np.random.default_rng(4)), expected)


def test_rotation_by_90_degrees_matches_numpy():
    square = np.arange(25, dtype=np.uint8).reshape(1, 1, 5, 5)

    class Quarter(np.random.Generator):
        def uniform(self, low, high, size=None):
            return np.full(size, high)

    turned = Augmentation(rotation=90).apply(square, Quarter(np.random.PCG64(0)))
    np.testing.assert_array_equal(turned[0, 0], np.rot90(square[0, 0]))


def test_random_transforms_stay_within_their_limits():
    turns, _ = Augmentation(shift=3, rotation=10, scale=0.1).draw_places(2000, (28, 28), np.random.default_rng(0))
    size = 1 / np.hypot(turns[:, 0], turns[:, 1])
    angle = np.degrees(np.arctan2(turns[:, 1], turns[:, 0]))
    assert 0.9 <= size.min() < 0.91 < 1.09 < size.max() <= 1.1 + 1e-6
    assert -10 - 1e-4 <= angle.min() < -9.9 < 9.9 < angle.max() <= 10 + 1e-4
    middle = turns[:, 2] + 13.5 * (turns[:, 0] + turns[:, 1]) - 13.5
    assert -3 - 1e-4 <= middle.min() < -2.9 < 2.9 < middle.max() <= 3 + 1e-4


def test_elastic_is_the_rms_of_a_smooth_field():
    _, controls = Augmentation(elastic=1.5).draw_places(2000, (28, 28), np.random.default_rng(0))
    field = np.einsum("hg,nagk,wk->nahw", spline(28), controls, spline(28))
    assert np.sqrt((field**2).mean()) == pytest.approx(1.5, rel=0.02)
    neighbours = (field[:, :, 1:] * field[:, :, :-1]).mean() / (field**2).mean()
    assert 0.95 < neighbours < 1


def test_spline_weights_sum_to_one():
    np.testing.assert_allclose(spline(13).sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("settings", [EVERYTHING, Augmentation(crop=2)], ids=["all", "crop"])
def test_draws_differ_and_originals_are_unchanged(settings, images):
    before, rng = images.copy(), np.random.default_rng(5)
    first, second = settings.apply(images, rng), settings.apply(images, rng)
    assert (first != second).any()
    np.testing.assert_array_equal(images, before)
    assert (first.shape, first.dtype) == (images.shape, np.uint8)


def test_no_augmentation_returns_the_images_unchanged(images):
    assert Augmentation().apply(images, np.random.default_rng(0)) is images


HASHES = """
import hashlib, json, sys
import numpy as np
from jitcnn.data.augment import Augmentation
from jitcnn.data.batches import minibatches
from jitcnn.kernels import runtime
images = np.random.default_rng(1).integers(0, 256, (13, 2, 7, 6), np.uint8)
settings = Augmentation(shift=2, rotation=20, scale=0.2, elastic=0.7, crop=2, flip=True, cutout=3)
digests = []
for threads in (1, 2, 4):
    runtime.set_threads(threads)
    rng = np.random.default_rng(2)
    batches = minibatches(images, np.arange(13), 5, rng, augmentation=settings, mean=(0.4, 0.5), std=(0.2, 0.3))
    digests.append(hashlib.sha256(b"".join(x.tobytes() for x, _ in batches)).hexdigest())
json.dump(digests, sys.stdout)
"""


def test_results_are_bitwise_equal_on_one_two_and_four_threads():
    environment = {**os.environ, "NUMBA_NUM_THREADS": "4"}
    done = subprocess.run([sys.executable, "-c", HASHES], env=environment, capture_output=True, text=True, check=True)
    assert len(set(json.loads(done.stdout))) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shift": -1}, "expects shift in pixels, at least 0, got -1"),
        ({"shift": float("nan")}, "expects shift in pixels, at least 0, got nan"),
        ({"rotation": 200}, "expects rotation in degrees, at least 0 and at most 180, got 200"),
        ({"scale": 1}, "expects scale as a fraction, at least 0 and below 1, got 1"),
        ({"elastic": "much"}, "expects elastic in pixels, at least 0, got 'much'"),
        ({"crop": 1.5}, "expects crop in whole pixels, at least 0, got 1.5"),
        ({"cutout": -2}, "expects cutout in whole pixels, at least 0, got -2"),
        ({"flip": 1}, "expects flip to be true or false, got 1"),
        ({"reflect": True}, "reflect sets the padding of crop and needs crop > 0, got crop = 0; add crop"),
        (
            {"blur": 1, "shift": 2},
            "settings are shift, rotation, scale, elastic, crop, reflect, flip, cutout, got 'blur'",
        ),
    ],
)
def test_settings_out_of_range_raise(settings, message):
    with pytest.raises(ConfigError, match=message):
        Augmentation.from_mapping(settings)


def test_from_mapping_equals_the_constructor():
    assert Augmentation.from_mapping({"shift": 2, "flip": True}) == Augmentation(shift=2, flip=True)


def test_invalid_images_raise(images):
    rng = np.random.default_rng(0)
    with pytest.raises(DTypeError, match="expects uint8 images, not yet scaled, got float32"):
        EVERYTHING.apply(images.astype(np.float32), rng)
    with pytest.raises(ShapeError, match=r"of shape \(N, C, H, W\), got \(3, 9, 8\)"):
        EVERYTHING.apply(images[0], rng)
    with pytest.raises(ConfigError, match="crop and cutout below the image size of 8 pixels, got 8 and 0"):
        Augmentation(crop=8).apply(images, rng)
