"""Digits in photographs: shadows, lines, frames, noise, specks; several digits; nothing recognisable."""

import time

import numpy as np
import pytest
from photographs import FALLOFF, KINDS, SIDE, enlarge, photo, place, rectangle
from PIL import Image, ImageDraw

from jitcnn import CNN, Dense, Flatten
from jitcnn.data.components import closing, find_components
from jitcnn.data.glyphs import find_glyphs
from jitcnn.data.images import SeveralDigitsWarning, prepare_ink, read_digit, read_digits_for, read_for
from jitcnn.data.rules import find_rules
from jitcnn.errors import DataError, ShapeError

# Polylines on a 20×28 grid; the digits of a plain hand
STROKES = {
    0: [[(10, 3), (4, 8), (3, 16), (6, 24), (11, 25), (16, 20), (17, 11), (14, 5), (10, 3)]],
    1: [[(7, 8), (11, 3), (10, 25)]],
    2: [[(4, 8), (9, 3), (15, 6), (14, 12), (4, 24), (17, 24)]],
    3: [[(4, 5), (11, 3), (15, 7), (13, 12), (8, 13), (14, 15), (16, 20), (11, 25), (4, 23)]],
    4: [[(8, 3), (3, 16), (17, 15)], [(13, 8), (12, 26)]],
    5: [[(16, 3), (6, 4), (5, 12), (12, 12), (16, 17), (13, 24), (5, 24)]],
    6: [[(14, 3), (6, 11), (4, 19), (8, 25), (14, 23), (15, 17), (10, 14), (5, 18)]],
    7: [[(3, 4), (16, 4), (8, 26)]],
    8: [[(10, 3), (5, 7), (14, 17), (14, 23), (8, 25), (4, 21), (14, 9), (14, 4), (10, 3)]],
    9: [[(15, 9), (10, 13), (5, 9), (9, 3), (15, 5), (15, 12), (12, 26)]],
}


def digit(k, width=28):
    """Image (280, 280), uint8, light on black, of one digit with a margin."""
    picture = Image.new("L", (280, 280))
    draw = ImageDraw.Draw(picture)
    for stroke in STROKES[k]:
        points = [(x * 9 + 50, y * 9 + 14) for x, y in stroke]
        draw.line(points, fill=255, width=width, joint="curve")
        for x, y in points:
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return np.asarray(picture)


DIGITS = [digit(k) for k in range(10)]
CLEAN = np.stack([prepare_ink(image / 255)[0, 0].astype(float).ravel() for image in DIGITS])  # (10, 784)


def nearest(images):
    """Nearest of the ten clean digits by correlation: (n, 1, 28, 28) -> n labels, n correlations."""
    flat = images.reshape(len(images), -1).astype(float)
    likeness = np.corrcoef(flat, CLEAN)[: len(flat), len(flat) :]
    return likeness.argmax(axis=1).tolist(), likeness.max(axis=1)


def recognise(images):
    """Labels as by ``nearest``; each must be close."""
    labels, likeness = nearest(images)
    assert (likeness > 0.6).all(), likeness
    return labels


def ink_net(**settings):
    return CNN([Flatten(), Dense(784, 10)], input_shape=(1, 28, 28), name="net", **settings)


def saved(picture, tmp_path, name="photo.png"):
    picture.save(tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("height", [130, 240])
def test_digit_is_read_from_photograph(kind, height, tmp_path):
    right = 0
    for k in range(10):
        picture = KINDS[kind](place([DIGITS[k]], height), np.random.default_rng(k))
        try:
            right += nearest(read_for(ink_net(), saved(picture, tmp_path)))[0] == [k]
        except DataError:
            continue
    assert right >= (10 if kind in ("plain", "light on dark") else 9)


@pytest.mark.parametrize("kind", KINDS)
def test_blank_photograph_shows_nothing_recognisable(kind, tmp_path):
    for seed in range(2):
        path = saved(KINDS[kind](np.zeros((SIDE, SIDE)), np.random.default_rng(seed)), tmp_path)
        with pytest.raises(DataError, match=r"photo.png (shows nothing recognisable|is blank): expected a digit"):
            read_for(ink_net(), path)


def test_message_of_unrecognisable_photograph_tells_what_to_do(tmp_path, rng):
    path = saved(photo(np.zeros((SIDE, SIDE)), rng, FALLOFF), tmp_path)
    with pytest.raises(DataError, match="got only paper, shadows, lines or specks; write it larger, or crop"):
        read_digit(path)


@pytest.mark.parametrize(
    "kind", ["plain", "light on dark", "falloff", "frame", "lined", "specks", "table", "everything"]
)
def test_several_digits_are_read_left_to_right(kind, tmp_path, rng):
    path = saved(KINDS[kind](place([DIGITS[k] for k in (4, 1, 8, 0)], 95), rng), tmp_path)
    images = read_digits_for(ink_net(), path)
    assert images.shape == (4, 1, 28, 28)
    assert images.dtype == np.uint8
    assert recognise(images) == [4, 1, 8, 0]


def test_rows_are_read_from_top_to_bottom(tmp_path):
    ink = np.roll(place([DIGITS[2], DIGITS[7]], 130), -80, axis=0) + np.roll(
        place([DIGITS[9], DIGITS[1]], 130), 90, axis=0
    )
    assert recognise(read_digits_for(ink_net(), saved(photo(ink), tmp_path))) == [2, 7, 9, 1]


def test_one_of_several_digits_is_read_with_a_warning(tmp_path):
    ink = place([DIGITS[6], DIGITS[2]], 120)
    ink[:, 200:] *= 0.8  # the darker one is taken
    path = saved(photo(ink), tmp_path)
    with pytest.warns(SeveralDigitsWarning, match="photo.png shows 2 digits: only the most prominent one is read"):
        image = read_for(ink_net(), path)
    assert image.shape == (1, 1, 28, 28)
    assert recognise(image) == [6]


def test_strokes_of_a_character_stay_together(tmp_path):
    path = saved(photo(place([DIGITS[1], DIGITS[1]], 140, gap=-0.5)), tmp_path)
    image = read_for(ink_net(class_names=("ki", "ni", *"abcdefgh"), preparation="ink"), path)[0, 0]
    assert (np.diff((image[14] > 100).astype(int)) == 1).sum() == 2


def test_broken_digit_is_one(tmp_path):
    ink = place([DIGITS[5]], 240)
    ink[140:145] = 0  # the bar of the 5 apart from the rest
    assert recognise(read_digits_for(ink_net(), saved(photo(ink), tmp_path))) == [5]


def test_digit_on_the_line_of_a_frame_is_freed(tmp_path):
    frame = rectangle((100, 100, 300, 272))  # 3 pixels into the digit
    assert recognise(read_digit(saved(photo(np.maximum(frame, place([DIGITS[7]], 200))), tmp_path))) == [7]


def cut_out(image, level):
    """Part of an image (H, W) that is above a level, without any margin."""
    rows, columns = np.flatnonzero((image > level).any(axis=1)), np.flatnonzero((image > level).any(axis=0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


CROPS = {
    "dark": lambda image: Image.fromarray(255 - image),
    "light": Image.fromarray,
    "photograph": lambda image: photo(image / 255, np.random.default_rng(3), np.linspace(1, 0.8, image.shape[1])),
}


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("size", [20, 40, 200])
@pytest.mark.parametrize("margin", [0, 0.05])
def test_tightly_cropped_digit_is_read(crop, size, margin, tmp_path):
    for k in range(10):
        cut = cut_out(DIGITS[k], 0)
        width = round(size * cut.shape[1] / cut.shape[0])
        small = np.asarray(Image.fromarray(cut).resize((width, size), Image.Resampling.BICUBIC))
        path = saved(CROPS[crop](np.pad(small, round(margin * size))), tmp_path)
        assert recognise(read_digit(path)) == [k]
        assert len(find_glyphs(Image.open(path).convert("L"))) == 1


@pytest.mark.parametrize("crop", CROPS)
def test_tightly_cropped_row_of_digits_is_read(crop, tmp_path):
    row = cut_out((255 * place([DIGITS[k] for k in (4, 1, 8, 0)], 95)).astype(np.uint8), 60)
    assert recognise(read_digits_for(ink_net(), saved(CROPS[crop](row), tmp_path))) == [4, 1, 8, 0]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_large_photograph_is_read_in_half_a_second(suffix, tmp_path, rng):
    ink = np.zeros((2000, 3000))
    ink[600:1400, 1100:1900] = enlarge(DIGITS[3], 800)
    path = saved(photo(ink, rng, np.linspace(1, 0.7, 3000)), tmp_path, f"large.{suffix}")
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        image = read_for(ink_net(), path)
        seconds.append(time.perf_counter() - start)
    assert recognise(image) == [3]
    assert min(seconds) < 0.5


@pytest.mark.parametrize(
    "settings", [{"preparation": "fill"}, {"preparation": "crop"}, {"class_names": (*"abcdefghij",)}]
)
def test_several_digits_need_a_model_for_digits(settings, tmp_path):
    with pytest.raises(ShapeError, match="net does not read several digits: expected a model of inputs"):
        read_digits_for(ink_net(**settings), tmp_path / "none.png")


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (5, 5), (700, 3)])
@pytest.mark.parametrize("value", [0, 255])
def test_picture_of_any_size_gives_an_answer(size, value):
    picture = Image.new("L", size, 128)
    picture.putpixel((0, 0), value)
    assert isinstance(find_glyphs(picture), list)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.45, 0.7, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (23, 1), (31, 47)])
def test_components_are_those_of_scipy(share, shape, rng):
    ndimage = pytest.importorskip("scipy.ndimage")
    mask = rng.random(shape) < share
    parts = find_components(mask)
    expected, count = ndimage.label(mask, np.ones((3, 3)))
    assert len(parts.area) == count
    assert len(np.unique(parts.labels * 10_000 + expected)) == count + (not mask.all())
    for k, (rows, columns) in enumerate(ndimage.find_objects(parts.labels)):
        assert (parts.top[k], parts.bottom[k]) == (rows.start, rows.stop)
        assert (parts.left[k], parts.right[k]) == (columns.start, columns.stop)
        assert parts.area[k] == (parts.labels == k + 1).sum()


@pytest.mark.parametrize("size", [1, 3, 7, 15])
def test_closing_is_that_of_scipy(size, rng):
    ndimage = pytest.importorskip("scipy.ndimage")
    x = rng.random((11, 18))
    np.testing.assert_array_equal(closing(x, size), ndimage.grey_closing(x, (size, size), mode="nearest"))


def test_closing_keeps_slopes_and_fills_strokes():
    inner = (slice(100, -100), slice(100, -100))
    np.testing.assert_allclose(closing(FALLOFF, 101)[inner], FALLOFF[inner], atol=1e-12)
    ink = place([DIGITS[4]], 150)
    assert (closing(FALLOFF * (1 - ink), 101) > 0.6).all()


def test_line_is_found_without_the_crossing_of_a_stroke():
    mask = np.zeros((60, 90), bool)
    mask[30:32] = True
    mask[10:50, 40:46] = True
    rules = find_rules(mask)
    assert rules[30:32, :30].all()
    assert rules[30:32, 60:].all()
    assert not rules[:, 40:46].any()
