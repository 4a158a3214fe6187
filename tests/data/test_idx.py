"""IDX reader: valid and damaged files."""

import gzip
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitcnn.data.idx import parse_idx, read_idx
from jitcnn.errors import DataError


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
def test_round_trip(packed, tmp_path):
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(idx_bytes(IMAGES)) if packed else idx_bytes(IMAGES))
    np.testing.assert_array_equal(read_idx(path, 3), IMAGES)


WHOLE = idx_bytes(IMAGES)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "expected the magic bytes 00 00 08 03, got nothing"),
        (b"<html>", "is not an IDX file of unsigned bytes with 3 axes: expected .*, got 3c 68 74 6d"),
        (WHOLE[:3] + b"\1" + WHOLE[4:], "expected the magic bytes 00 00 08 03, got 00 00 08 01"),
        (WHOLE[:10], "is truncated or damaged"),
        (WHOLE[:-1], "declares 2 × 3 × 4 = 24 bytes, got 23; download it again"),
        (WHOLE + b"\0", "declares 2 × 3 × 4 = 24 bytes, got 25"),
        (WHOLE[:4] + b"\xff" * 12 + WHOLE[16:], "got 24"),
        (gzip.compress(WHOLE, mtime=0)[:-9], "is a damaged or truncated gzip file"),
        (
            gzip.compress(WHOLE, mtime=0)[:20] + b"\0\0\0" + gzip.compress(WHOLE, mtime=0)[23:],
            "is a damaged or truncated gzip file",
        ),
    ],
)
def test_damaged_files_raise(contents, message, tmp_path):
    path = tmp_path / "images"
    path.write_bytes(contents)
    with pytest.raises(DataError, match=message):
        read_idx(path, 3)


def test_missing_file_raises(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_idx(tmp_path / "none", 3)


@given(st.binary(max_size=60), st.sampled_from([1, 3]))
def test_any_bytes_are_an_array_or_a_data_error(contents, axes):
    for candidate in (contents, bytes([0, 0, 8, axes]) + contents):
        with suppress(DataError):
            assert parse_idx(candidate, "file", axes).ndim == axes
