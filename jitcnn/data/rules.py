"""Ruled lines and frames in a mask of ink: found as straight bands across the picture, removed around the digits."""

import numpy as np

from .components import Mask, running_max

STEEPEST = 0.12  # rise per pixel; about 7 degrees
COVERED = 0.75  # share of the columns that a line must cover
THICKEST = 0.05  # of the shorter side of the picture


def find_rules(mask: Mask) -> Mask:
    """Pixels of straight lines that run across a mask (H, W) of bool, nearly level or upright -> (H, W) of bool.

    A line that a stroke crosses keeps the pixels of the crossing out of the result.
    """
    return _level_rules(mask) | _level_rules(mask.T).T


def _level_rules(mask: Mask) -> Mask:
    """Lines from the left to the right side: peaks of the Radon transform over small angles."""
    H, W = mask.shape
    found = np.zeros_like(mask)
    thickest = max(1, round(THICKEST * min(H, W)))
    rows, columns = np.nonzero(mask & ~_thick(mask, thickest))
    if not len(rows):
        return found
    reach = int(STEEPEST * W) + 1
    slopes = np.arange(-reach, reach + 1, max(1, W // 200)) / W  # steps of one pixel or two over the width
    # Rows of the mask that a level line crosses, per slope: (slopes, H + 2 * reach)
    profiles = np.stack(
        [
            np.bincount(rows - np.rint(b * (columns - W / 2)).astype(np.int64) + reach, minlength=H + 2 * reach)
            for b in slopes
        ]
    )
    for _ in range(100):
        s, peak = np.unravel_index(profiles.argmax(), profiles.shape)
        if profiles[s, peak] < COVERED * W:
            break
        line = profiles[s]
        low = high = int(peak)
        while low > 0 and line[low - 1] > 0.25 * W:
            low -= 1
        while high < len(line) - 1 and line[high + 1] > 0.25 * W:
            high += 1
        if high - low < thickest:
            found |= _band(mask, slopes[s], low - reach, high - reach)
        profiles[:, max(0, low - 2) : high + 3] = 0
    return found


def _thick(mask: Mask, height: int) -> Mask:
    """Opening with a column of ``height`` pixels: parts of the mask that are as high or higher."""
    size = 2 * (height // 2) + 1
    eroded = -running_max(-mask.astype(np.int8), size, 0)
    return np.asarray(running_max(eroded, size, 0) > 0)


def _band(mask: Mask, slope: float, low: int, high: int) -> Mask:
    """Pixels of one line, rows ``low`` to ``high`` at the middle column, without the crossings of strokes."""
    H, W = mask.shape
    shift = np.rint(slope * (np.arange(W) - W / 2)).astype(np.int64)
    columns = np.arange(W)

    def beside(first: int, last: int) -> Mask:
        inked = np.zeros(W, bool)
        for row in range(first, last + 1):
            at = row + shift
            inside = (at >= 0) & (at < H)
            inked[inside] |= mask[at[inside], columns[inside]]
        grown = inked.copy()  # a slanted stroke meets the line at different columns above and below
        for step in range(1, high - low + 2):
            grown[step:] |= inked[:-step]
            grown[:-step] |= inked[step:]
        return grown

    crossing = beside(low - 3, low - 2) & beside(high + 2, high + 3)
    result = np.zeros_like(mask)
    for row in range(low - 1, high + 2):
        at = row + shift
        inside = (at >= 0) & (at < H) & ~crossing
        result[at[inside], columns[inside]] = True
    return result & mask
