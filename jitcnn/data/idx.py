"""Reader for IDX, the file format of MNIST.

Layout: two zero bytes, the data type (8 = unsigned byte), the number of axes, each size as a big-endian 32-bit
integer, then the values. Format: http://yann.lecun.com/exdb/mnist/
"""

import gzip
import io
import os
import zlib
from math import prod
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..support.arrays import IntArray

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTE = 8
LARGEST = 1 << 27  # bytes; MNIST has 47,040,016; limits decompression bombs, which may expand a thousandfold


def unpacked_bytes(path: str | os.PathLike[str]) -> bytes:
    """The contents of a file, decompressed if it is gzipped (detected by its magic bytes, not its name).

    Raises
    ------
    DataError
        If the file cannot be read, exceeds the size limit, or is a damaged or truncated gzip file.
    """
    try:
        with Path(path).open("rb") as file:
            contents = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    does = "is"
    if contents.startswith(GZIP_MAGIC) and len(contents) <= LARGEST:
        does = "decompresses to"
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(contents)) as packed:
                contents = packed.read(LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is a damaged or truncated gzip file ({error}); download it again.") from error
    if len(contents) > LARGEST:
        raise DataError(f"{path} {does} more than {LARGEST:,} bytes, the size limit; download it again.")
    return contents


def parse_idx(contents: bytes, name: str, axes: int) -> IntArray:
    """Parse the bytes of an IDX file into an array.

    Parameters
    ----------
    contents : bytes, decompressed
    name : str, file name for error messages
    axes : int, expected number of axes: 3 for images, 1 for labels

    Returns
    -------
    ndarray of ``axes`` axes, uint8, read-only

    Raises
    ------
    DataError
        If the header is wrong, or the number of bytes does not match it.
    """
    expected = bytes([0, 0, UNSIGNED_BYTE, axes])
    if contents[:4] != expected:
        raise DataError(
            f"{name} is not an IDX file of unsigned bytes with {axes} axes: expected the magic bytes "
            f"{expected.hex(' ')}, got {contents[:4].hex(' ') or 'nothing'}."
        )
    start = 4 + 4 * axes
    shape = [int.from_bytes(contents[at : at + 4], "big") for at in range(4, start, 4)]
    values = len(contents) - start
    if values != prod(shape):
        raise DataError(
            f"{name} is truncated or damaged: its header declares {' × '.join(map(str, shape))} = {prod(shape)} bytes, "
            f"got {max(0, values)}; download it again."
        )
    return np.frombuffer(contents, np.uint8, offset=start).reshape(shape)


def read_idx(path: str | os.PathLike[str], axes: int) -> IntArray:
    """Read an IDX file of unsigned bytes, plain or gzipped; parameters and errors as in ``parse_idx``."""
    return parse_idx(unpacked_bytes(path), str(path), axes)
