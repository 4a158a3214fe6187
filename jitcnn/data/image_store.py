"""Decoded images of one size: in memory, or in a file from which they are memory-mapped.

The file holds 4096 bytes that begin with ``MAGIC``, the pixels of all images (N, C, H, W), a description in JSON with a
checksum of every 16 MiB, and ``FOOTER``. Rows of files that cannot be read are black.
"""

import json
import os
import shutil
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any
from zlib import crc32

import numpy as np

from ..support.arrays import IntArray
from .cache_folder import SPARE
from .reading import cores

MAGIC = b"jitcnn images 1\n"
START = 4096  # bytes before the pixels, a whole page
FOOTER = struct.Struct("<QI4s")  # length of the description, its checksum, END
END = b"end\n"
BLOCK = 1 << 24  # bytes per checksum


@dataclass
class SetFacts:
    """What is known of decoded images besides their pixels, as plain values.

    Parameters
    ----------
    ranges : the values that became 0 and 255 in images with more than 8 bits, by kind, "integer" or "float"
    has_bytes : bool, whether there are images with 8 bits
    broken : rows of files that cannot be read
    blank : rows of images of almost one value
    counts : number of pixels of each value, 256
    grey, coloured : int, number of images with 1 and with 3 channels
    """

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    has_bytes: bool = False
    broken: list[int] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=lambda: [0] * 256)
    grey: int = 0
    coloured: int = 0


class ImageStore:
    """Collects decoded images, all of the size of the first, by row.

    Parameters
    ----------
    count : int, number of rows
    file : binary file to write to, empty, or None to collect in memory
    most : int, bytes; more are collected in memory

    Attributes
    ----------
    pixels : ndarray of shape (count, C, H, W), uint8, if they are in memory
    failure : str, why the file was given up for memory; empty if it was not
    """

    def __init__(self, count: int, file: IO[bytes] | None = None, most: int = 0) -> None:
        self.count = count
        self.file = file
        self.most = most
        self.shape: tuple[int, ...] | None = None
        self.pixels: IntArray | None = None
        self.failure = ""
        self._at = 0  # where the next byte is written

    def put(self, row: int, image: IntArray) -> None:
        """Take an image (C, H, W); one of another shape than the first is left out: such a set is refused later."""
        if self.shape is None:
            self._begin(image.shape)
        if image.shape != self.shape:
            return
        if self.file is not None:
            try:
                self._write(START + row * image.nbytes, np.ascontiguousarray(image))
                return
            except OSError as error:
                self.give_up(error.strerror or str(error))
        assert self.pixels is not None
        self.pixels[row] = image

    def finish(self, facts: SetFacts) -> None:
        """Write the description of the images to the file, if they are in one."""
        if self.file is None or self.shape is None:
            return
        size = self.count * int(np.prod(self.shape))
        try:
            os.ftruncate(self.file.fileno(), START + size)  # rows at the end may be missing
            sums = _checksums(Path(self.file.name), size)
            text = json.dumps({"shape": [self.count, *self.shape], "facts": asdict(facts), "checksums": sums}).encode()
            self._write(START + size, text + FOOTER.pack(len(text), crc32(text), END))
        except OSError as error:
            self.give_up(error.strerror or str(error))

    def _begin(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        if self.file is None:
            self.pixels = np.zeros((self.count, *shape), np.uint8)
            return
        needed = self.count * int(np.prod(shape))
        if needed > self.most:
            self.give_up(f"they take {needed / 1e6:,.0f} MB, its limit is {self.most / 1e6:,.0f} MB")
            return
        try:
            free = shutil.disk_usage(Path(self.file.name).parent).free
            if free < SPARE + needed:
                raise OSError(f"only {free / 1e9:.1f} GB of the disk are free")
            self._write(0, MAGIC.ljust(START, b"\0"))
        except OSError as error:
            self.give_up(error.strerror or str(error))

    def _write(self, offset: int, content: Any) -> None:
        """Without a buffer, whose contents would be lost with an error."""
        assert self.file is not None
        number, rest = self.file.fileno(), memoryview(content).cast("B")
        if self._at != offset:
            self._at = os.lseek(number, offset, os.SEEK_SET)
        while rest:
            written = os.write(number, rest)
            rest, self._at = rest[written:], self._at + written

    def give_up(self, failure: str) -> None:
        """Go on in memory, with the images that are in the file."""
        assert self.file is not None
        assert self.shape is not None
        self.failure, file, self.file = failure, self.file, None
        self.pixels = np.zeros((self.count, *self.shape), np.uint8)
        with open(file.name, "rb") as written:
            written.seek(START)
            written.readinto(self.pixels.reshape(-1).data)


def open_images(path: Path, count: int, *, is_new: bool = False) -> tuple[IntArray, SetFacts] | None:
    """The memory-mapped images (count, C, H, W) of a file and their facts; None if it is missing or damaged.

    The checksums of a file that is new are not compared.
    """
    try:
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return None
            length = file.seek(-FOOTER.size, os.SEEK_END)
            size, checksum, end = FOOTER.unpack(file.read(FOOTER.size))
            if end != END or size > length - START:
                return None
            file.seek(length - size)
            text = file.read(size)
        if crc32(text) != checksum:
            return None
        described = json.loads(text)
        shape, facts = tuple(described["shape"]), SetFacts(**described["facts"])
        pixels = int(np.prod(shape))
        if shape[0] != count or START + pixels + size != length:
            return None
        if not is_new and _checksums(path, pixels) != described["checksums"]:
            return None
        facts.ranges = {kind: (low, high) for kind, (low, high) in facts.ranges.items()}
        return np.memmap(path, np.uint8, "r", START, shape), facts
    except (OSError, ValueError, TypeError, KeyError, struct.error):
        return None


def _checksums(path: Path, size: int) -> list[int]:
    """CRC-32 of every ``BLOCK`` bytes of the pixels."""

    def checksum(start: int) -> int:
        with open(path, "rb", buffering=0) as file:
            file.seek(START + start)
            content = bytearray(min(BLOCK, size - start))
            got = file.readinto(content)
        return crc32(content[:got] if got < len(content) else content)

    starts: Sequence[int] = range(0, size, BLOCK)
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(checksum, starts))
