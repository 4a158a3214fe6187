"""Test-time views."""

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, Dense, Flatten, ShapeError
from jitcnn.metrics import Views, evaluate


def moved(images, down, right, mode="constant"):
    """The images (N, C, H, W) with each pixel moved down and right, by numpy's padding and rolling."""
    n = max(abs(down), abs(right))
    padded = np.pad(images, ((0, 0), (0, 0), (n, n), (n, n)), mode=mode)
    return np.roll(padded, (down, right), axis=(2, 3))[:, :, n : n + images.shape[2], n : n + images.shape[3]]


def by_hand(images, text):
    """The views of a text, in any order."""
    mode = "reflect" if "reflect" in text else "constant"
    views = [images]
    if "shift" in text:
        views += [moved(images, down, right, mode) for down in (-2, 2) for right in (-2, 2)]
    return views + [view[..., ::-1] for view in views] if "mirror" in text else views


@pytest.mark.parametrize("text", ["mirror", "shift:2", "shift:2,reflect", "mirror,shift:2", "mirror,shift:2,reflect"])
def test_evaluation_averages_the_probabilities_of_the_views(text, trained):
    model, data = trained[0]["mnist-cnn"], trained[1]
    images, labels = data.x_test[:60], data.y_test[:60]
    views = by_hand(images, text)
    assert Views.parse(text).count == len(views)
    mean = np.mean([model.predict_proba(view) for view in views], axis=0)
    found = evaluate(model, images, labels, batch_size=40, views=text)
    np.testing.assert_array_equal(found.predicted, mean.argmax(axis=1))
    np.testing.assert_allclose(found.confidences, mean.max(axis=1), rtol=1e-5)
    assert found.loss == pytest.approx(-np.log(mean[np.arange(60), labels].astype(float)).mean(), rel=1e-4)
    assert found.loss != evaluate(model, images, labels).loss


def test_views_are_those_made_by_hand(rng):
    images = rng.integers(0, 256, (2, 3, 5, 6), dtype=np.uint8)
    for text in ("mirror,shift:2", "shift:2,reflect"):
        found, expected = [*Views.parse(text).of(images)], by_hand(images, text)
        np.testing.assert_array_equal(found[0], images)
        assert sorted(view.tobytes() for view in found) == sorted(view.tobytes() for view in expected)


def test_shift_of_float_images_fills_with_zero(rng):
    images = rng.random((1, 1, 3, 3))
    assert [int((view == 0).sum()) for view in Views(shift=1).of(images)] == [0, 5, 5, 5, 5]


def test_mirrored_is_short_for_the_view_mirror(trained):
    model, data = trained[0]["mnist-cnn"], trained[1]
    images, labels = data.x_test[:90], data.y_test[:90]
    found = evaluate(model, images, labels, batch_size=40, mirrored=True)
    assert found == evaluate(model, images, labels, batch_size=40, views="mirror")
    assert found.correct != evaluate(model, images, labels).correct


def test_mirrored_adds_to_other_views(trained):
    model, data = trained[0]["mnist-dense"], trained[1]
    found = evaluate(model, data.x_test, data.y_test, mirrored=True, views=Views(shift=1))
    assert found == evaluate(model, data.x_test, data.y_test, views="shift:1, mirror")


def test_views_of_flat_inputs_without_views_are_the_inputs():
    model = CNN([Dense(3, 2)], input_shape=(3,))
    assert evaluate(model, np.ones((2, 3), np.float32), np.array([0, 1]), views="").total == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flip", "Views are mirror, shift:PIXELS and reflect, separated by commas, as in mirror,shift:2; got 'flip'"),
        ("shift", "got 'shift'"),
        ("shift:0", "got 'shift:0'"),
        ("shift:-1", "got 'shift:-1'"),
        ("shift:1.5", "got 'shift:1.5'"),
        ("mirror:2", "got 'mirror:2'"),
        ("mirror,mirror", "expects mirror once, got it twice in 'mirror,mirror'"),
        ("reflect", "reflect sets the padding of shift and needs one, got none: add shift:PIXELS"),
    ],
)
def test_wrong_text_raises(text, message):
    with pytest.raises(ConfigError, match=message):
        Views.parse(text)


@pytest.mark.parametrize("shift", [-1, 1.5, True])
def test_wrong_shift_raises(shift):
    with pytest.raises(ConfigError, match=f"shift in whole pixels, at least 0, got {shift}"):
        Views(shift=shift)


def test_shift_of_the_image_size_raises():
    model = CNN([Flatten(), Dense(12, 2)], input_shape=(1, 3, 4))
    with pytest.raises(ConfigError, match="a shift below the image size of 3 pixels, got 3"):
        evaluate(model, np.zeros((1, 1, 3, 4), np.uint8), np.array([0]), views="shift:3")


def test_views_of_other_shapes_raise():
    with pytest.raises(ShapeError, match=r"Views expects images of shape \(N, C, H, W\), got \(2, 3\)"):
        next(Views(mirror=True).of(np.zeros((2, 3))))
