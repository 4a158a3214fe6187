"""Fuzzing: any data or image file is either read, or rejected with DataError."""

import gzip
import io
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from jitcnn.data import cifar10
from jitcnn.data.cifar10 import FILES, read_cifar10
from jitcnn.data.idx import LARGEST, read_idx
from jitcnn.data.images import read_digit, read_picture
from jitcnn.errors import DataError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA", "PCX", "SGI", "DDS", "ICNS")
NUMBERS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80")

places = st.one_of(st.integers(0, 60), st.integers(0, 10**5))
edits = st.lists(
    st.tuples(places, st.integers(0, 5), st.one_of(st.binary(max_size=9), st.sampled_from(NUMBERS))), max_size=6
)


def damaged(contents, edits):
    """Replace ``count`` bytes at each place, modulo the length; count 5 without new bytes truncates."""
    contents = bytearray(contents)
    for place, count, others in edits:
        at = place % max(1, len(contents))
        contents[at : at + count if count < 5 or others else None] = others
    return bytes(contents)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "file"


# --- IDX ----------------------------------------------------------------------------------------------

IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, *range(24)])


@given(edits, st.booleans())
@settings(max_examples=300, deadline=None)
def test_damaged_idx_file_is_read_or_rejected(file, edits, is_packed):
    file.write_bytes(damaged(gzip.compress(IMAGES, mtime=0) if is_packed else IMAGES, edits))
    with suppress(DataError):
        assert read_idx(file, 3).ndim == 3


def test_idx_file_that_decompresses_beyond_the_limit_raises(file):
    file.write_bytes(gzip.compress(IMAGES + bytes(LARGEST), compresslevel=1))
    with pytest.raises(DataError, match="decompresses to more than 134,217,728 bytes"):
        read_idx(file, 3)


def test_idx_file_beyond_the_size_limit_raises(file):
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(DataError, match="is more than 134,217,728 bytes"):
        read_idx(file, 3)


# --- CIFAR-10 -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six files of one record each."""
    folder = tmp_path_factory.mktemp("cifar10")
    for name in FILES:
        (folder / name).write_bytes(bytes(cifar10.RECORD_BYTES))
    return folder


@given(edits, st.sampled_from(FILES))
@example([(0, 1, b"\x0a")], FILES[2])
@settings(max_examples=200, deadline=None)
def test_damaged_cifar10_file_is_read_or_rejected(folder, edits, name):
    whole = bytes(cifar10.RECORD_BYTES)
    (folder / name).write_bytes(damaged(whole, edits))
    with pytest.MonkeyPatch.context() as patch, suppress(DataError):
        patch.setattr(cifar10, "RECORDS", 1)
        assert read_cifar10(folder).x_train.shape == (5, 3, 32, 32)
    (folder / name).write_bytes(whole)


# --- images -------------------------------------------------------------------------------------------


@cache
def pictures():
    """An image in every format and mode that Pillow writes."""
    colours = Image.fromarray((np.arange(12 * 16 * 3) % 251).astype(np.uint8).reshape(12, 16, 3))
    written = {}
    for kind in FORMATS:
        for mode in ("RGB", "L", "P", "1", "RGBA", "I;16"):
            buffer = io.BytesIO()
            with suppress(OSError, ValueError, KeyError):
                colours.convert(mode).save(buffer, kind)
                written[kind, mode] = buffer.getvalue()
    return written


def palette_with_a_colour_beyond():
    picture = Image.new("P", (4, 4))
    picture.putpalette([0, 0, 0, 255, 255, 255])
    buffer = io.BytesIO()
    picture.save(buffer, "TGA")
    return buffer.getvalue().replace(bytes(16), bytes(15) + b"\xfa")


# Past fuzzing failures: Pillow raised IndexError, NotImplementedError, AttributeError, or warned.
FOUND = [
    palette_with_a_colour_beyond(),
    pictures()["DDS", "RGB"][:80] + bytes(4) + pictures()["DDS", "RGB"][84:],
    pictures()["DDS", "L"][:12] + bytes([0, 40, 0, 0, 0, 40, 0, 0]) + pictures()["DDS", "L"][20:],
    b"GIF89a" + b"\xff" * 40,
]


def check_picture(file):
    for read in (read_picture, read_digit):
        with suppress(DataError):
            assert read(file).dtype == np.uint8


@pytest.mark.parametrize("contents", FOUND, ids=map(str, range(len(FOUND))))
def test_past_fuzzing_failure_is_read_or_rejected(contents, file):
    file.write_bytes(contents)
    check_picture(file)


@given(st.sampled_from([*pictures().values()]), edits)
@settings(max_examples=500, deadline=None)
def test_damaged_image_is_read_or_rejected(file, whole, edits):
    file.write_bytes(damaged(whole, edits))
    check_picture(file)
