"""Images that are contained twice: the same pixels, or almost the same."""

import numpy as np
from numpy.typing import NDArray

from ...support.arrays import IntArray
from .pixels import Pixels

# Two images are near-duplicates if their thumbnails differ by less than REACH grey levels (root of the sum of squares),
# and their pixels by less than a share ALIKE of the contrast (standard deviation) of the image. Measured: JPEG copies of
# quality 85 differ by 0.03 (digits) and 0.05 (MNIST, CIFAR-10) of the contrast, at the median; of all pairs of different
# images, the most similar ones by 0.084 (digits) and 0.145 (MNIST).
REACH, ALIKE = 16.0, 0.07
AXES = 6  # principal components by which near-duplicates are searched
MOST_STEPS = 64  # in a cell with many thumbnails, each is compared with this many others
COMPARED = 2000  # pairs whose pixels are compared at a time


def equal_groups(pixels: Pixels, usable: NDArray[np.bool_]) -> list[IntArray]:
    """Positions of images with the same pixels, one array per picture, ascending; only of those that are usable."""
    numbers = np.flatnonzero(usable)
    keys = pixels.keys[numbers]
    order = np.argsort(keys, kind="stable")
    borders = np.flatnonzero(np.diff(keys[order]) != 0) + 1
    starts, ends = np.concatenate([[0], borders]), np.concatenate([borders, [len(order)]])
    several = np.flatnonzero(ends - starts > 1)
    groups = [numbers[order[starts[k] : ends[k]]] for k in several]
    return sorted(groups, key=lambda group: int(group[0]))


def similar_pairs(pixels: Pixels, usable: NDArray[np.bool_]) -> IntArray:
    """Pairs of positions (n, 2) of near-duplicates, ascending; ``usable`` has one image of each picture.

    Thumbnails that differ by less than ``REACH`` do so along every principal axis, as a projection shortens distances.
    Space is divided into cells of AXES + 1 times that width. Of AXES + 1 divisions, shifted by ``REACH`` each, an axis can
    separate the two in one only: so one division is left in which they share a cell.
    """
    numbers = np.flatnonzero(usable)
    if len(numbers) < 2:
        return np.empty((0, 2), np.int64)
    thumbs = pixels.thumbs[numbers].astype(np.float32)
    thumbs -= thumbs.mean(axis=0)
    _, axes = np.linalg.eigh(thumbs.T @ thumbs)
    components = thumbs @ axes[:, ::-1]
    found: set[tuple[int, int]] = set()
    for shift in range(AXES + 1):
        cells = np.floor((components[:, :AXES] + shift * REACH) / ((AXES + 1) * REACH)).astype(np.int64)
        order = np.lexsort(cells.T)
        same = (np.diff(cells[order], axis=0) == 0).all(axis=1)  # as the next one
        run = np.cumsum(np.concatenate([[0], ~same]))  # number of the cell
        for step in range(1, min(MOST_STEPS, len(order) - 1) + 1):
            together = np.flatnonzero(run[step:] == run[:-step])
            if not len(together):
                break
            one, other = order[together], order[together + step]
            for count in (AXES, 4 * AXES, thumbs.shape[1]):  # most pairs differ in the first components already
                gap = ((components[one, :count] - components[other, :count]) ** 2).sum(axis=1)
                one, other = one[gap < REACH**2], other[gap < REACH**2]
            found.update(zip(np.minimum(one, other).tolist(), np.maximum(one, other).tolist(), strict=True))
    pairs = numbers[np.array(sorted(found), np.int64).reshape(-1, 2)]
    return _confirmed(pixels, pairs)


def _confirmed(pixels: Pixels, pairs: IntArray) -> IntArray:
    """Those pairs whose pixels are alike too."""
    kept = [pairs[:0]]
    for start in range(0, len(pairs), COMPARED):
        some = pairs[start : start + COMPARED]
        numbers, inverse = np.unique(some, return_inverse=True)
        images = pixels.images(numbers).reshape(len(numbers), -1)
        one, other = inverse.reshape(some.shape).T
        gap = np.sqrt(((images[one] - images[other]) ** 2).mean(axis=1))
        contrast = np.minimum(pixels.stds[some[:, 0]], pixels.stds[some[:, 1]])
        kept.append(some[gap < ALIKE * contrast])
    return np.concatenate(kept)
