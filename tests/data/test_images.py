"""Pictures as people make them become what the net was trained on."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jitcnn.data.images import read_digit
from jitcnn.errors import DataError


def drawn(path, size=(200, 300), paper=255, ink=20, box=(60, 40, 100, 240), mode="L"):
    """A one: a thick upright stroke."""
    picture = Image.new(mode, size, paper)
    ImageDraw.Draw(picture).rectangle(box, fill=ink)
    picture.save(path)
    return path


def test_the_digit_is_light_on_black_fitted_and_centred(tmp_path):
    image = read_digit(drawn(tmp_path / "one.png"))[0, 0]
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert (rows[0], rows[-1]) == (4, 23)
    assert (columns[0], columns[-1]) == (12, 15)
    assert image[14, 14] == 255


def test_light_on_dark_and_anywhere_on_the_paper_come_out_the_same(tmp_path):
    expected = read_digit(drawn(tmp_path / "dark.png"))
    others = [
        drawn(tmp_path / "light.png", paper=10, ink=250),
        drawn(tmp_path / "moved.png", box=(100, 60, 140, 260)),
        drawn(tmp_path / "colour.png", mode="RGB", paper=(255, 255, 255), ink=(20, 20, 20)),
        drawn(tmp_path / "transparent.png", mode="RGBA", paper=(0, 0, 0, 0), ink=(0, 0, 0, 255)),
    ]
    for path in others:
        np.testing.assert_allclose(read_digit(path).astype(int), expected, atol=2)


def test_a_noisy_jpeg_is_cleaned(tmp_path, rng):
    noise = rng.integers(-12, 13, (300, 200))
    drawn(tmp_path / "clean.png")
    noisy = np.clip(np.asarray(Image.open(tmp_path / "clean.png")).astype(int) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.jpg")
    difference = read_digit(tmp_path / "noisy.jpg").astype(int) - read_digit(tmp_path / "clean.png")
    assert np.abs(difference).mean() < 3


def test_a_picture_of_one_pixel_of_ink_is_taken(tmp_path):
    assert read_digit(drawn(tmp_path / "dot.png", size=(9, 9), box=(4, 4, 4, 4))).max() == 255


def test_what_is_no_picture_is_told(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match="is not a picture that can be read: expected PNG, JPEG"):
        read_digit(tmp_path / "text.png")
    with pytest.raises(DataError, match="is not a picture that can be read"):
        read_digit(tmp_path / "none.png")


def test_a_truncated_picture_is_told(tmp_path):
    path = drawn(tmp_path / "one.png")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="is not a picture that can be read"):
        read_digit(path)


def test_an_empty_sheet_is_told(tmp_path):
    with pytest.raises(DataError, match="shows nothing: expected a digit"):
        read_digit(drawn(tmp_path / "empty.png", ink=255))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_giant_picture_is_refused(tmp_path):
    Image.new("1", (10_000, 10_000)).save(tmp_path / "giant.png")
    with pytest.raises(DataError, match="10000×10000 pixels: expected at most 50,000,000"):
        read_digit(tmp_path / "giant.png")
