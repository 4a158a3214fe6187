"""Images that look different from all others: of one value, much darker or brighter, or inverted."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..value_range import describe
from .pixels import SIDE, Pixels
from .report import Finding
from .wording import places, there_are

FLAT, FLAT_SHARE = 2.0, 0.1  # contrast in grey levels, and as a share of the median contrast
# Brightness: median absolute deviations from the median, and grey levels. The farthest images of MNIST are at 6.3 and 69,
# of CIFAR-10 at 4.5 and 133, of the digits at 3.3 and 16.
FAR, FAR_LEVELS = 8.0, 40.0
# A border darker or brighter than this is a plain background; a share of the images is needed to speak of plain ones.
DARK, BRIGHT, PLAIN_SHARE = 64, 191, 0.95
USUAL, INVERTED = 0.5, 1.5  # distance to the mean image over that to its inverse: of the median image, of inverted ones
OUTLIERS = 1e-4  # share of the pixels above 255 below which these few set the range of values for all others
ENOUGH = 20  # images; of fewer, none is called unusual


def usable_images(pixels: Pixels) -> NDArray[np.bool_]:
    """Images (N,) that have contrast and finite values: others are reported once, and take no part in comparisons."""
    return pixels.finite & (pixels.high > pixels.low)


def appearance_findings(pixels: Pixels) -> Iterator[Finding]:
    """Findings on single images."""
    usable = usable_images(pixels)
    broken = np.flatnonzero(~pixels.finite)
    if len(broken):
        yield Finding(
            "not-finite", "error", f"{there_are(len(broken), 'image')} with values that are NaN or infinite: the loss becomes NaN.",
            count=len(broken), groups=places(pixels, broken),
        )  # fmt: skip
    constant = np.flatnonzero(pixels.finite & ~usable)
    if len(constant):
        yield Finding(
            "constant", "warning", f"{there_are(len(constant), 'image')} of a single value: nothing can be seen there.",
            count=len(constant), groups=places(pixels, constant),
        )  # fmt: skip
    yield from _outliers(pixels)
    if usable.sum() < ENOUGH:
        return
    flat = usable & (pixels.stds < min(FLAT, FLAT_SHARE * float(np.median(pixels.stds[usable]))))
    if flat.any():
        found = np.flatnonzero(flat)
        yield Finding(
            "almost-constant", "warning",
            f"{there_are(len(found), 'image')} with almost no contrast, a standard deviation below {FLAT:g} of 255 grey levels.",
            count=len(found), groups=places(pixels, found),
        )  # fmt: skip
    inverted = _inverted(pixels, usable)
    if inverted.any():
        found = np.flatnonzero(inverted)
        yield Finding(
            "inverted", "warning",
            f"{there_are(len(found), 'inverted image')}: dark and bright are exchanged in comparison with the others.",
            count=len(found), groups=places(pixels, found),
        )  # fmt: skip
    yield from _brightness(pixels, usable & ~flat & ~inverted)


def _outliers(pixels: Pixels) -> Iterator[Finding]:
    """Very few values above 255, for which a set is read as one of more than 8 bits."""
    total = sum(part.x.size for part in pixels.parts)
    count = int(pixels.above.sum())
    if pixels.source_range is None or not 0 < count < OUTLIERS * total:
        return
    found = np.flatnonzero(pixels.above)
    yield Finding(
        "value-outliers", "hint",
        f"{there_are(count, 'pixel')} of {total:,} above 255, for which values of {describe(pixels.source_range)} are read and "
        "all others become darker: correct them if the set has 8 bits.",
        count=len(found), groups=places(pixels, found),
    )  # fmt: skip


def _brightness(pixels: Pixels, usable: NDArray[np.bool_]) -> Iterator[Finding]:
    if usable.sum() < ENOUGH:
        return
    middle = float(np.median(pixels.means[usable]))
    away = pixels.means - middle
    deviation = 1.4826 * float(np.median(np.abs(away[usable])))  # of a normal distribution, its standard deviation
    far = usable & (np.abs(away) > max(FAR * deviation, FAR_LEVELS))
    for kind, word, chosen in (("bright", "brighter", far & (away > 0)), ("dark", "darker", far & (away < 0))):
        found = np.flatnonzero(chosen)
        if len(found):
            found = found[np.argsort(-np.abs(away[found]), kind="stable")]
            yield Finding(
                kind, "warning",
                f"{there_are(len(found), 'image')} much {word} than the others: a mean of {pixels.means[found[0]]:.0f} grey "
                f"levels, where {middle:.0f} is usual.",
                count=len(found), groups=places(pixels, found),
            )  # fmt: skip


def _inverted(pixels: Pixels, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Images whose background is bright where that of most is dark, or the reverse; else, those like the inverse of the mean."""
    thumbs = pixels.thumbs.astype(np.float32)
    edge = np.ones((SIDE, SIDE), np.bool_)
    edge[1:-1, 1:-1] = False
    border = thumbs[:, edge.ravel()].mean(axis=1)
    dark, bright = usable & (border < DARK), usable & (border > BRIGHT)
    if (dark | bright).sum() > PLAIN_SHARE * usable.sum():
        rarer: NDArray[np.bool_] = bright if dark.sum() >= bright.sum() else dark
        return rarer
    mean = thumbs[usable].mean(axis=0)
    to_mean = np.linalg.norm(thumbs - mean, axis=1)
    ratio = to_mean / np.maximum(1e-6, np.linalg.norm(thumbs - (255 - mean), axis=1))
    inverted: NDArray[np.bool_] = usable & (ratio > INVERTED) & bool(np.median(ratio[usable]) < USUAL)
    return inverted
