"""Image files are preprocessed to match the training data."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jitcnn import CNN, Dense, Flatten
from jitcnn.data.decoding import open_picture
from jitcnn.data.images import prepare_ink, read_digit, read_for, read_picture
from jitcnn.errors import ConfigError, DataError, ShapeError


def drawn(path, size=(200, 300), paper=255, ink=20, box=(60, 40, 100, 240), mode="L"):
    """Draw the digit 1 as a thick vertical stroke."""
    picture = Image.new(mode, size, paper)
    ImageDraw.Draw(picture).rectangle(box, fill=ink)
    picture.save(path)
    return path


def test_digit_is_light_on_black_scaled_and_centred(tmp_path):
    image = read_digit(drawn(tmp_path / "one.png"))[0, 0]
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert (rows[0], rows[-1]) == (4, 23)
    assert (columns[0], columns[-1]) == (12, 15)
    assert image[14, 14] == 255


def test_result_is_independent_of_polarity_and_position(tmp_path):
    expected = read_digit(drawn(tmp_path / "dark.png"))
    others = [
        drawn(tmp_path / "light.png", paper=10, ink=250),
        drawn(tmp_path / "moved.png", box=(100, 60, 140, 260)),
        drawn(tmp_path / "colour.png", mode="RGB", paper=(255, 255, 255), ink=(20, 20, 20)),
        drawn(tmp_path / "transparent.png", mode="RGBA", paper=(0, 0, 0, 0), ink=(0, 0, 0, 255)),
    ]
    for path in others:
        np.testing.assert_allclose(read_digit(path).astype(int), expected, atol=2)


def test_noise_of_a_jpeg_is_removed(tmp_path, rng):
    noise = rng.integers(-12, 13, (300, 200))
    drawn(tmp_path / "clean.png")
    noisy = np.clip(np.asarray(Image.open(tmp_path / "clean.png")).astype(int) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.jpg")
    difference = read_digit(tmp_path / "noisy.jpg").astype(int) - read_digit(tmp_path / "clean.png")
    assert np.abs(difference).mean() < 3


def test_single_pixel_of_ink_is_accepted(tmp_path):
    assert read_digit(drawn(tmp_path / "dot.png", size=(9, 9), box=(4, 4, 4, 4))).max() == 255


def test_non_image_file_raises(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match="is not a readable image: expected PNG, JPEG"):
        read_digit(tmp_path / "text.png")
    with pytest.raises(DataError, match="is not a readable image"):
        read_digit(tmp_path / "none.png")


def test_truncated_image_raises(tmp_path):
    path = drawn(tmp_path / "one.png")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="is not a readable image"):
        read_digit(path)


def test_blank_image_raises(tmp_path):
    with pytest.raises(DataError, match="is blank: expected a digit"):
        read_digit(drawn(tmp_path / "empty.png", ink=255))


def test_giant_image_is_rejected(tmp_path):
    Image.new("1", (10_000, 10_000)).save(tmp_path / "giant.png")
    with pytest.raises(DataError, match="10000×10000 pixels: expected at most 50,000,000"):
        read_digit(tmp_path / "giant.png")


def test_image_is_resized_and_centre_cropped(tmp_path):
    picture = Image.new("RGB", (90, 30), "red")
    picture.paste("lime", (30, 0, 60, 30))
    picture.save(tmp_path / "wide.png")
    image = read_picture(tmp_path / "wide.png", 10)
    assert image.shape == (3, 10, 10)
    assert (image[1, :, 1:-1] > 200).all()
    assert (image[0, :, 1:-1] < 60).all()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 40, [40]),
        ("1", 1, [255]),
        ("LA", (40, 255), [40]),
        ("LA", (40, 0), [255]),
        ("RGB", (10, 20, 30), [10, 20, 30]),
        ("RGBA", (10, 20, 30, 0), [255, 255, 255]),
        ("CMYK", (255, 0, 0, 0), [0, 255, 255]),
        ("I;16", 40 * 257, [40]),
    ],
)
def test_image_is_greyscale_or_colour_as_saved(mode, colour, expected, tmp_path):
    path = tmp_path / f"picture.{'tif' if mode == 'CMYK' else 'png'}"
    Image.new(mode, (9, 7), colour).save(path)
    assert read_picture(path, 4)[:, 2, 2].tolist() == expected


@pytest.mark.parametrize(
    ("colours", "channels"), [([(9, 9, 9), (255, 0, 0), (200, 200, 200)], 1), ([(9, 9, 9), (0, 0, 0), (200, 0, 0)], 3)]
)
def test_palette_is_grey_if_all_used_colours_are(colours, channels, tmp_path):
    picture = Image.new("P", (9, 7), 2)
    picture.putpalette([value for colour in colours for value in colour])
    picture.putpixel((0, 0), 0)
    picture.save(tmp_path / "palette.png")
    assert len(read_picture(tmp_path / "palette.png", 4)) == channels


def test_exif_orientation_is_applied(tmp_path):
    picture = Image.new("RGB", (40, 40), "red")
    picture.paste("lime", (0, 0, 40, 20))
    exif = picture.getexif()
    exif[0x0112] = 3  # upside down
    picture.save(tmp_path / "turned.png", exif=exif)
    assert read_picture(tmp_path / "turned.png", 8)[1, [0, -1], 4].tolist() == [0, 255]


def test_large_jpeg_is_decoded_at_reduced_size(tmp_path):
    Image.effect_mandelbrot((800, 800), (-2, -1.5, 1, 1.5), 40).save(tmp_path / "large.jpg", quality=95)
    with Image.open(tmp_path / "large.jpg") as picture:
        expected = np.asarray(picture.resize((16, 16), Image.Resampling.BICUBIC), int)
    assert np.abs(read_picture(tmp_path / "large.jpg", 16)[0] - expected).mean() < 4
    assert [open_picture(tmp_path / "large.jpg", least).size[0] for least in (16, 120, None)] == [100, 200, 800]


def net(shape, preparation=""):
    return CNN([Flatten(), Dense(int(np.prod(shape)), 2)], input_shape=shape, preparation=preparation, name="net")


def test_one_channel_model_gets_ink_unless_preparation_is_crop(tmp_path):
    path = drawn(tmp_path / "one.png")
    np.testing.assert_array_equal(read_for(net((1, 14, 14)), path), read_digit(path, 14))
    np.testing.assert_array_equal(read_for(net((1, 14, 14), "ink"), path), read_digit(path, 14))
    np.testing.assert_array_equal(read_for(net((1, 14, 14), "crop"), path), read_picture(path, 14, 1)[None])
    filled = read_for(net((1, 14, 14), "fill"), path)[0, 0]
    assert np.flatnonzero(filled.any(axis=1))[[0, -1]].tolist() == [0, 13]


def test_colour_model_gets_colour(tmp_path):
    assert read_for(net((3, 8, 8)), drawn(tmp_path / "one.png")).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("shape", [(2, 8, 8), (64,)])
def test_model_that_takes_no_images_raises(shape, tmp_path):
    with pytest.raises(ShapeError, match="does not take image files: expected inputs"):
        read_for(net(shape), drawn(tmp_path / "one.png"))


def test_height_and_width_cut_the_middle_of_a_picture_that_covers_them(tmp_path):
    columns = np.repeat(np.arange(0, 120, 2, dtype=np.uint8)[None], 20, axis=0)  # (20, 60): brighter to the right
    Image.fromarray(columns).save(tmp_path / "wide.png")
    image = read_picture(tmp_path / "wide.png", (20, 30))
    assert image.shape == (1, 20, 30)
    np.testing.assert_array_equal(image[0, 7], columns[0, 15:45])
    assert read_picture(tmp_path / "wide.png", "10x30").shape == (1, 10, 30)
    np.testing.assert_array_equal(read_picture(tmp_path / "wide.png", (9, 9)), read_picture(tmp_path / "wide.png", 9))


@pytest.mark.parametrize("size", [(1, 2, 3), 2.5, True, "12xx4", "x", (4.0, 4)])
def test_size_that_is_none_raises(size, tmp_path):
    with pytest.raises(ConfigError, match="image_size must be a whole number of pixels, or height and width"):
        read_picture(tmp_path / "x.png", size)


@pytest.mark.parametrize("size", [0, (0, 4), (4, -1), "0x3"])
def test_size_below_one_pixel_raises(size, tmp_path):
    with pytest.raises(ConfigError, match="image_size must be at least 1 pixel, got"):
        read_picture(tmp_path / "x.png", size)


def test_large_rotated_photo_is_decoded_with_enough_pixels_for_both_sides(tmp_path):
    rows = np.arange(640, dtype=np.float32)[:, None] * 255 / 640 + np.zeros((1, 480))
    photo = Image.fromarray(rows.astype(np.uint8)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned to the left: to be turned by 90 degrees
    photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    image = read_picture(tmp_path / "turned.jpg", (160, 20))[0].astype(int)
    assert image.shape == (160, 20)
    assert np.abs(image[:, 10] - (np.arange(160) + 0.5) * 255 / 160).max() < 4


@pytest.mark.parametrize("preparation", ["ink", "fill", "crop"])
@pytest.mark.parametrize("shape", [(1, 20, 32), (1, 32, 20)])
def test_models_need_not_be_square(preparation, shape, tmp_path):
    image = read_for(net(shape, preparation), drawn(tmp_path / "one.png"))
    assert image.shape == (1, *shape)
    assert image.any()


def test_digit_fits_into_its_share_of_height_and_width():
    tall = np.zeros((40, 40))
    tall[2:32, 10:14] = 1  # 30 by 4 pixels
    rows, columns = (np.flatnonzero(prepare_ink(tall, (28, 56))[0, 0].any(axis=axis)) for axis in (1, 0))
    assert len(rows) == 20
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(27.5, abs=0.6)
    flat = prepare_ink(tall.T, (28, 56))[0, 0]
    assert np.flatnonzero(flat.any(axis=0)).size == 40
