"""Images of every bit depth, colour space and transparency are decoded to 8 bits."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from jitcnn import CNN, Dense, Flatten
from jitcnn.data import decoding
from jitcnn.data.decoding import decode, open_picture
from jitcnn.data.images import read_digit, read_for, read_picture
from jitcnn.errors import DataError

RAMP = np.linspace(0, 1, 63).reshape(7, 9)


def save_png16(path, values):
    """Write values (H, W, C), uint16, as a PNG of 16 bits per channel; Pillow writes none with several channels."""
    H, W, C = values.shape

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", W, H, 16, {1: 0, 2: 4, 3: 2, 4: 6}[C], 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def save_tiff16(path, values, order="<", compress=False, bits=16, photometric=None, sample=1):
    """Write values (H, W, C) as an uncompressed, or deflated, TIFF in one strip."""
    H, W, C = values.shape
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    data = zlib.compress(data) if compress else data
    entries = [
        (256, W), (257, H), (258, bits), (259, 8 if compress else 1),
        (262, photometric if photometric is not None else 2 if C >= 3 else 1), (273, 8), (277, C), (278, H),
        (279, len(data)), (339, sample),
    ]  # fmt: skip
    directory = struct.pack(order + "H", len(entries))
    extra_at = 8 + len(data) + 2 + 12 * len(entries) + 4
    extra = struct.pack(order + "H" * C, *[bits] * C) + struct.pack(order + "H" * C, *[sample] * C)
    for tag, value in entries:
        if tag in (258, 339) and C > 2:
            at = extra_at if tag == 258 else extra_at + 2 * C
            directory += struct.pack(order + "HHII", tag, 3, C, at)
        else:
            directory += struct.pack(order + "HHII", tag, 4, 1, value)
    mark = b"II" if order == "<" else b"MM"
    path.write_bytes(
        mark + struct.pack(order + "HI", 42, 8 + len(data)) + data + directory + struct.pack(order + "I", 0) + extra
    )
    return path


@pytest.fixture
def deep(rng):
    def values(channels, high=4095):
        made = rng.integers(0, high + 1, (7, 9, channels)).astype(np.uint16)
        made[0, 0] = high
        if channels in (2, 4):
            made[..., -1] = 65535
        return made

    return values


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("high", [1023, 4095, 65535])
def test_every_channel_of_a_16_bit_png_keeps_all_bits(channels, high, deep, tmp_path):
    values = deep(channels, high)
    picture = open_picture(save_png16(tmp_path / "x.png", values))
    expected = values[..., 0] if channels < 3 else values[..., :3]
    assert picture.mode == ("L" if channels < 3 else "RGB")
    np.testing.assert_allclose(np.asarray(picture, float), expected / high * 255, atol=0.51)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_channel_of_a_16_bit_tiff_keeps_all_bits(order, compress, channels, deep, tmp_path):
    values = deep(channels)
    picture = open_picture(save_tiff16(tmp_path / "x.tif", values, order, compress))
    np.testing.assert_allclose(np.asarray(picture, float), values.squeeze() / 4095 * 255, atol=0.51)


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [("f4", 1), ("f4", 255), ("f4", 4095), ("f4", 9.7), ("i4", 4095), ("i4", 100_000), ("u2", 4095), ("u2", 65535)],
)
def test_grey_tiff_of_any_type_becomes_black_to_white(dtype, scale, tmp_path):
    Image.fromarray((RAMP * scale).astype(dtype)).save(tmp_path / "x.tif")
    np.testing.assert_allclose(np.asarray(open_picture(tmp_path / "x.tif"), float), RAMP * 255, atol=1)


def test_float64_tiff_is_read(tmp_path):
    save_tiff16(tmp_path / "x.tif", RAMP[..., None], bits=64, sample=3)
    np.testing.assert_allclose(np.asarray(open_picture(tmp_path / "x.tif"), float), RAMP * 255, atol=1)


@pytest.mark.parametrize(
    ("dtype", "scale"), [("f4", 1), ("f8", 7.5), ("f2", 1), ("u4", 2**31), ("u2", 4095), ("u1", 255)]
)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_that_pillow_does_not_know_is_read(dtype, scale, channels, planar, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = np.repeat((RAMP * scale)[..., None], channels, axis=2).astype(dtype)
    if channels == 1:
        tifffile.imwrite(tmp_path / "x.tif", values[..., 0])
    else:
        values = values.transpose(2, 0, 1) if planar == "separate" else values
        tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb", planarconfig=planar)
    picture = open_picture(tmp_path / "x.tif")
    assert picture.mode == ("L" if channels == 1 else "RGB")
    expected = RAMP if channels == 1 else RAMP[..., None]
    assert np.abs(np.asarray(picture, float) - expected * 255).max() < 1.5
    stream = io.BytesIO((tmp_path / "x.tif").read_bytes())
    np.testing.assert_array_equal(np.asarray(open_picture(stream)), np.asarray(picture))


@pytest.mark.parametrize("dtype", ["u1", "i1"])
def test_tiff_of_one_byte_that_pillow_does_not_know_is_read(dtype, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = np.stack([(RAMP * 127).astype(dtype)] * 2, axis=2)
    tifffile.imwrite(
        tmp_path / "x.tif", values, photometric="minisblack", planarconfig="contig", extrasamples=["unspecified"]
    )
    assert open_picture(tmp_path / "x.tif").mode == "L"


def test_unsigned_tiff_of_32_bits_is_not_negative(tmp_path):
    save_tiff16(tmp_path / "x.tif", (RAMP * (2**32 - 1)).astype(np.uint32)[..., None], bits=32)
    np.testing.assert_allclose(np.asarray(open_picture(tmp_path / "x.tif"), float), RAMP * 255, atol=1)


def test_unknown_tiff_names_the_extra_that_reads_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)  # as if it were not installed
    save_tiff16(tmp_path / "x.tif", np.repeat(RAMP[..., None], 3, axis=2).astype(np.float32), bits=32, sample=3)
    with pytest.raises(DataError, match=r"x.tif is not a readable image: .* pip install 'jitcnn\[tiff\]'"):
        read_picture(tmp_path / "x.tif")


def test_nan_in_a_float_tiff_is_black(tmp_path):
    values = RAMP.astype(np.float32)
    values[6, 8] = np.nan
    Image.fromarray(values).save(tmp_path / "x.tif")
    pixels = np.asarray(open_picture(tmp_path / "x.tif"))
    assert (pixels[6, 8], pixels[6, 7]) == (0, 251)


def test_16_bit_tiff_where_0_is_white_is_inverted(tmp_path):
    values = (RAMP * 65535).astype(np.uint16)[..., None]
    pixels = np.asarray(open_picture(save_tiff16(tmp_path / "x.tif", values, photometric=0)))
    assert (pixels[0, 0], pixels[6, 8]) == (255, 0)


def test_pgm_of_12_bits_is_read(tmp_path):
    values = (RAMP * 1000).astype(">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5 9 7 4095\n" + values.tobytes())
    assert np.asarray(open_picture(tmp_path / "x.pgm")).max() == round(1000 / 4095 * 255)


def test_given_range_replaces_that_of_the_file(tmp_path):
    Image.fromarray((RAMP * 1000).astype(np.uint16)).save(tmp_path / "x.png")
    assert np.asarray(open_picture(tmp_path / "x.png", ranges={"integer": (0, 2000)})).max() == 128
    assert np.asarray(open_picture(tmp_path / "x.png", ranges={"float": (0, 2000)})).max() == 249


def test_exif_orientation_of_a_deep_image_is_applied(tmp_path):
    picture = Image.fromarray((RAMP * 65535).astype(np.uint16))
    exif = picture.getexif()
    exif[0x0112] = 6  # rotated by 90°
    picture.save(tmp_path / "x.png", exif=exif)
    upright = open_picture(tmp_path / "x.png")
    assert upright.size == (7, 9)
    assert upright.getpixel((6, 0)) == 0


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_png_of_less_than_8_bits_spans_black_to_white(depth, tmp_path):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = bytes([0, 0b00001111])  # filter, then pixels from black to white
    head = struct.pack(">IIBBBBB", 8 // depth, 1, depth, 0, 0, 0, 0)
    (tmp_path / "x.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    )
    assert open_picture(tmp_path / "x.png").getextrema() == (0, 255)


@pytest.mark.parametrize("name", ["x.jpg", "x.tif"])
def test_cmyk_is_colour(name, tmp_path):
    picture = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    picture.save(tmp_path / name)
    red, green, blue = open_picture(tmp_path / name).getpixel((8, 8))
    assert red > 240
    assert max(green, blue) < 15


def test_lab_is_colour(tmp_path):
    Image.new("LAB", (16, 16), (255, 128, 128)).save(tmp_path / "x.tif")
    assert min(open_picture(tmp_path / "x.tif").getpixel((8, 8))) > 240


# --- transparency -------------------------------------------------------------------------------------

STROKE = np.zeros((60, 40), np.uint8)
STROKE[10:50, 16:24] = 255


def drawing(mode, ink, opacity=STROKE):
    """A stroke of one colour on a transparent canvas."""
    picture = Image.new("RGB", (40, 60), ink)
    picture.putalpha(Image.fromarray(opacity))
    return picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("ink", [(255, 255, 255), (250, 250, 240), (0, 0, 0), (128, 128, 128), (255, 255, 150)])
def test_ink_of_any_colour_on_transparent_paper_is_seen(mode, ink, tmp_path):
    drawing(mode, ink).save(tmp_path / "x.png")
    low, high = open_picture(tmp_path / "x.png").convert("L").getextrema()
    assert high - low > 100
    drawing(mode, (0, 0, 0)).save(tmp_path / "black.png")
    np.testing.assert_allclose(read_digit(tmp_path / "x.png").astype(int), read_digit(tmp_path / "black.png"), atol=3)


def test_white_ink_on_a_transparent_palette_is_seen(tmp_path):
    picture = Image.fromarray((STROKE > 0).astype(np.uint8), "L").convert("P")
    picture.putpalette([255, 255, 255, 255, 255, 255])
    picture.save(tmp_path / "x.png", transparency=0)
    assert open_picture(tmp_path / "x.png").getextrema() == (0, 255)


def test_white_ink_in_16_bits_is_seen(tmp_path):
    values = np.full((60, 40, 2), 65535, np.uint16)
    values[..., 1] = STROKE.astype(np.uint16) * 257
    assert open_picture(save_png16(tmp_path / "x.png", values)).getextrema() == (0, 255)


def test_digit_cut_out_of_a_white_sheet_is_seen(tmp_path):
    drawing("RGBA", (255, 255, 255), 255 - STROKE).save(tmp_path / "x.png")
    assert open_picture(tmp_path / "x.png").convert("L").getextrema() == (0, 255)


def test_sheet_with_transparent_corners_stays_on_white_paper(tmp_path):
    sheet = Image.new("RGBA", (60, 60), (250, 250, 250, 255))
    sheet.paste((0, 0, 0, 255), (25, 10, 35, 50))
    sheet.paste((0, 0, 0, 0), (0, 0, 5, 5))
    sheet.save(tmp_path / "x.png")
    assert open_picture(tmp_path / "x.png").getpixel((1, 1)) == (255, 255, 255)


# --- almost one value ---------------------------------------------------------------------------------


def crop_net(channels=3):
    return CNN([Flatten(), Dense(channels * 64, 2)], input_shape=(channels, 8, 8), preparation="crop")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_picture_of_one_value_raises(channels, value, tmp_path):
    Image.new("RGB", (40, 30), (value,) * 3).save(tmp_path / "x.png")
    with pytest.raises(
        DataError, match=rf"x.png decodes to almost one value, {value} to {value} of 255: expected visible"
    ):
        read_for(crop_net(channels), tmp_path / "x.png")


def test_8_bit_values_0_and_1_raise(tmp_path):
    Image.fromarray((STROKE > 0).astype(np.uint8)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"almost one value, 0 to 1 of 255"):
        read_for(crop_net(1), tmp_path / "x.png")
    with pytest.raises(DataError, match=r"x.png is blank: .* got almost one value, 0 to 1 of 255"):
        read_digit(tmp_path / "x.png")


def test_deep_picture_is_read_for_a_model(tmp_path):
    Image.fromarray((np.kron(RAMP, np.ones((9, 9))) * 4095).astype(np.uint16)).save(tmp_path / "x.png")
    assert np.ptp(read_for(crop_net(), tmp_path / "x.png")) > 150


def test_12_bit_digit_is_read_like_one_of_8_bits(tmp_path):
    Image.fromarray(255 - STROKE).save(tmp_path / "8.png")
    Image.fromarray(((255 - STROKE) / 255 * 4095).astype(np.uint16)).save(tmp_path / "12.png")
    Image.fromarray((1 - STROKE / 255).astype(np.float32)).save(tmp_path / "float.tif")
    for name in ("12.png", "float.tif"):
        np.testing.assert_array_equal(read_digit(tmp_path / name), read_digit(tmp_path / "8.png"))


# --- sources ------------------------------------------------------------------------------------------


def test_stream_is_read_like_a_file(tmp_path, deep):
    path = save_png16(tmp_path / "x.png", deep(3))
    np.testing.assert_array_equal(read_picture(io.BytesIO(path.read_bytes()), 4), read_picture(path, 4))
    with pytest.raises(DataError, match="the image is not a readable image"):
        read_picture(io.BytesIO(b"hello"))


def test_heic_without_its_decoder_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "can_read_heic", lambda: False)
    path = tmp_path / "photo.jpg"  # as some phones name it
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    with pytest.raises(DataError, match=r"photo.jpg is a HEIC image: .* pip install 'jitcnn\[heic\]'"):
        read_picture(path)


def test_heic_is_read(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.new("RGB", (64, 48), "red")).save(tmp_path / "photo.heic")
    for path in (tmp_path / "photo.heic", (tmp_path / "photo.heic").rename(tmp_path / "photo.jpg")):
        if path.exists():
            assert read_picture(path, 4)[:, 2, 2].tolist() == pytest.approx([255, 0, 0], abs=8)


def test_grey_jpeg_is_decoded_without_its_colours(tmp_path):
    Image.new("RGB", (64, 48), "red").save(tmp_path / "x.jpg")
    assert decode(tmp_path / "x.jpg", 16, channels=1).picture().mode == "L"
    assert decode(tmp_path / "x.jpg", 16).picture().mode == "RGB"


def test_large_jpeg_is_accepted_if_it_is_reduced(tmp_path):
    Image.new("L", (9000, 6000)).save(tmp_path / "x.jpg")
    assert read_picture(tmp_path / "x.jpg", 8).shape == (1, 8, 8)
    with pytest.raises(DataError, match="9000×6000 pixels: expected at most 50,000,000"):
        open_picture(tmp_path / "x.jpg")
