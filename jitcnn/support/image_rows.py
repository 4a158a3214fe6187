"""``ImageRows``: some images of a large array in another order, without copying them."""

import mmap
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from .arrays import IntArray

BLOCK = 16 << 20  # bytes that are read at a time
PIECE = 512 << 10  # bytes of a file that the system is asked for at once; of more, it may leave out some


class ImageRows(NDArrayOperatorsMixin):
    """Images of an array, usually a memory-mapped file, chosen and ordered by index: a read-only array (N, C, H, W).

    Indexing reads only the images asked for and returns them as an ordinary array, whatever the index: ``rows[3]``,
    ``rows[:100]``, ``rows[[5, 2]]``, ``rows[mask]`` and ``rows[:100, 0]``. ``np.asarray(rows)`` reads all of them, and so do
    operators such as ``rows / 255``. ``take_rows`` chooses images without reading any.

    Parameters
    ----------
    base : ndarray of shape (M, C, H, W)
    index : ndarray of shape (N,), integers; position in ``base`` of each image

    Examples
    --------
    >>> from jitcnn.support.image_rows import ImageRows
    >>> rows = ImageRows(np.arange(12, dtype=np.uint8).reshape(3, 1, 2, 2), np.array([2, 0]))
    >>> rows.shape, rows[0].ravel().tolist(), rows[:1].shape
    ((2, 1, 2, 2), [8, 9, 10, 11], (1, 1, 2, 2))
    """

    def __init__(self, base: NDArray[Any], index: IntArray) -> None:
        self.base = base
        self.index = index

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        return (len(self.index), *self.base.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.base.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.base.ndim

    @property
    def size(self) -> int:
        """Number of pixels of all images."""
        return len(self) * int(np.prod(self.base.shape[1:]))

    @property
    def nbytes(self) -> int:
        """Size of all images in bytes."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self.base[place] for place in self.index)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) and key else (key, ())
        if first is Ellipsis or first is None:
            return cast(NDArray[Any], np.asarray(self)[key])
        places = self.index[first]
        will_need(self.base, places)
        chosen = np.asarray(self.base[places])
        return chosen[(slice(None), *rest) if chosen.ndim == self.ndim else rest] if rest else chosen

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("ImageRows has no array without a copy: use np.asarray.")
        images = np.asarray(
            self.base[self.index]
        )  # in the order of the file for the most part: let the system read ahead
        return images if dtype is None else images.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        arrays = [np.asarray(each) if isinstance(each, ImageRows) else each for each in inputs]
        return getattr(ufunc, method)(*arrays, **settings)

    def __repr__(self) -> str:
        return f"<ImageRows {self.shape}, {self.dtype}>"


def is_mapped(images: Any) -> bool:
    """Whether an array lies in a memory-mapped file, or is ``ImageRows``: copies of it would take memory."""
    return isinstance(images, ImageRows) or _mapping(images) is not None


def _mapping(images: Any) -> mmap.mmap | None:
    """The map of a file in which an array lies."""
    while isinstance(images, (np.ndarray, memoryview)):
        images = images.base if isinstance(images, np.ndarray) else images.obj
    return images if isinstance(images, mmap.mmap) else None


def will_need(images: NDArray[Any], index: Any) -> None:
    """Let the system begin to read the images at ``index``, (n,) or one integer, if they are in a memory-mapped file.

    Without this, it would read megabytes around every image that is not in its cache, once for each image of a batch.
    """
    base, rows = (images.base, images.index[index]) if isinstance(images, ImageRows) else (images, index)
    opened = _mapping(base)
    if opened is None or not hasattr(mmap, "MADV_RANDOM") or not base.flags.c_contiguous or not np.size(rows):
        return
    size = base[:1].nbytes
    offset = base.ctypes.data - np.frombuffer(opened, np.uint8).ctypes.data
    starts = offset + np.unique(rows).astype(np.int64) * size
    ends = starts + size
    gaps = np.flatnonzero(starts[1:] > ends[:-1])
    first, last = starts[np.r_[0, gaps + 1]] // mmap.PAGESIZE * mmap.PAGESIZE, ends[np.r_[gaps, len(ends) - 1]]
    with suppress(OSError, ValueError):  # only advice
        opened.madvise(mmap.MADV_RANDOM)
        for start, end in zip(first.tolist(), last.tolist(), strict=True):
            for piece in range(start, end, PIECE):
                opened.madvise(mmap.MADV_WILLNEED, piece, min(PIECE, end - piece))


def take_rows(images: NDArray[Any], index: Any) -> IntArray:
    """``images[index]`` for a slice, integers or a mask (N,); of a memory-mapped array no image is read or copied."""
    if isinstance(images, ImageRows):
        return cast(IntArray, ImageRows(images.base, images.index[index]))
    if isinstance(index, slice) or not is_mapped(images):
        return cast(IntArray, images[index])
    return cast(IntArray, ImageRows(images, np.arange(len(images))[index]))


def join_rows(first: NDArray[Any], second: NDArray[Any]) -> IntArray:
    """Both one after the other; copied, unless both are rows of the same array."""
    if isinstance(first, ImageRows) and isinstance(second, ImageRows) and first.base is second.base:
        return cast(IntArray, ImageRows(first.base, np.concatenate([first.index, second.index])))
    return np.concatenate([first, second])


def blocks(images: NDArray[Any]) -> Iterator[tuple[Any, NDArray[Any]]]:
    """Pairs of an index and the images there, of about ``BLOCK`` bytes, until all were read once, each in a contiguous array.

    They come in the order in which they are stored: a file is read from its beginning to its end.
    """
    count = max(1, BLOCK // max(1, images[:1].nbytes))
    order = np.argsort(images.index, kind="stable") if isinstance(images, ImageRows) else None
    for start in range(0, len(images), count):
        where = slice(start, start + count) if order is None else order[start : start + count]
        will_need(images, np.arange(len(images))[where])
        yield where, np.ascontiguousarray(images[where])
