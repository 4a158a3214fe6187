"""Decode many image files, on threads, or in several processes where there are enough of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from ..support.arrays import IntArray
from .decoding import decode
from .images import fit_picture, least_side, read_picture
from .reading import cores, read_in_order
from .sizes import ImageSize
from .value_range import ValueFacts

FROM_CORES = 4  # on two cores, processes are no faster than threads, which wait for each other only between images
FROM_FILES = 2_000  # a process takes as long to start as some hundreds of photos to decode
FROM_BYTES = 256 << 20  # of all files, if these are large
CHUNK = 16  # files that a process decodes at a time
MOST_PROCESSES = 16  # each takes about 100 MB

Decoded = IntArray | ValueFacts | DataError


@dataclass(frozen=True)
class FileReader:
    """Decodes an image file to pixels (C, H, W), uint8, as ``read_picture``.

    Parameters
    ----------
    size, channels : as for ``read_picture``
    ranges : as for ``read_picture``; if None, a file with more than 8 bits gives the facts of its values instead
    """

    size: ImageSize | None
    channels: int | None
    ranges: Mapping[str, tuple[float, float]] | None = None

    def read(self, path: Path) -> IntArray | ValueFacts:
        """One file; DataError if it cannot be read."""
        if self.ranges is not None:
            return read_picture(path, self.size, self.channels, self.ranges)
        decoded = decode(path, least_side(self.size), self.channels)
        return decoded.facts or fit_picture(decoded.picture(), self.size, self.channels)

    def read_some(self, paths: Sequence[Path]) -> list[Decoded]:
        """Several files, one after the other; an error instead of an image that cannot be read."""
        results: list[Decoded] = []
        for path in paths:
            try:
                results.append(self.read(path))
            except DataError as error:
                results.append(error)
        return results


def decode_files(reader: FileReader, paths: Sequence[Path], size: int = 0) -> Iterator[Decoded]:
    """Decode files in order; ``size`` is that of all files in bytes. The results do not depend on threads and processes."""
    processes = min(cores(), MOST_PROCESSES)
    if processes < FROM_CORES or (len(paths) < FROM_FILES and size < FROM_BYTES):
        yield from read_in_order(reader.read, paths)
        return
    from .decode_worker import Workers

    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    with closing(Workers(reader, processes)) as workers:
        for results in read_in_order(workers.read, chunks, threads=processes):
            assert not isinstance(results, DataError)
            yield from results
