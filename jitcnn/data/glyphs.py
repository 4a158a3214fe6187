"""Handwritten digits in a photograph: separated from paper, shadows, lines and dust.

1. The light on the sheet is the grey closing of the picture: dark details narrower than about half the picture are filled.
   Ink is what is darker than that, as a share of it, so that it does not depend on the light. For light ink the same
   is done with the negative.
2. A threshold (Otsu, above the noise) and connected components give candidates.
3. Ruled lines, frames, dust, and what runs out of the picture are removed; pieces of one digit are joined.

References
----------
Otsu (1979), "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9(1).
Gonzalez and Woods (2018), Digital Image Processing, 9.6 and 10.3: top-hat transform, local thresholding.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from ..support.arrays import Array
from .components import Components, Mask, closing, find_components, running_max
from .grouping import Edges, box_mask, box_of, find_groups, is_frame
from .rules import find_rules

WORKING_SIDE = 640  # pixels, longer side; a digit of 1/10 of the picture still has three times the pixels of MNIST
FAINTEST = 0.07  # least contrast of ink to paper
NOISE = 6.0  # standard deviations of the noise
LEAST_PAPER = 0.25  # share of the border that must be paper, in a picture cut out along the outline of digits


@dataclass(frozen=True)
class Glyph:
    """A digit found in a picture.

    Parameters
    ----------
    ink : ndarray of shape (H, W), 0 … 1, cut out of the picture, with a margin
    height : int, in pixels of the reduced picture
    contrast : float, share of the light that the ink takes, 0 … 1
    surroundings : float, the same of the paper around it
    """

    ink: Array
    height: int
    contrast: float
    surroundings: float

    @property
    def prominence(self) -> float:
        """Which of several glyphs is the likeliest: high and dark."""
        return self.height * self.contrast


def find_glyphs(picture: Image.Image, joined: bool = False) -> list[Glyph]:
    """Find the handwritten digits in a picture.

    Parameters
    ----------
    picture : greyscale ("L"), at least 1×1 pixels, dark ink on light paper or light ink on dark
    joined : bool; whether all ink is one character, as with letters of several strokes

    Returns
    -------
    list of Glyph
        Rows from top to bottom, each from left to right; empty if nothing looks like a digit.
    """
    grey = _denoised(_reduced(picture))
    dark, on_light = _is_dark_ink(grey), _is_light_at_border(grey)
    paper = _plane_at_border(grey, on_light)
    if paper is not None:  # as in digits cut out along their outline, but also in a frame or a sheet on a table
        glyphs = _find(_contrast_to(paper.light, grey, on_light), joined, "outline", paper.noise)
        # Not the bright middle of a photograph
        is_sharp = all(glyph.surroundings < 0.25 * glyph.contrast for glyph in glyphs)
        if glyphs and is_sharp and _strength(glyphs) > 0.3 * grey.shape[0]:
            return glyphs
    contrast = _contrast(grey, dark)
    glyphs = _find(contrast, joined)
    if glyphs:
        return glyphs
    for rows, columns in _sheets(contrast):
        glyphs = _find(_contrast(grey[rows, columns], _is_dark_ink(grey[rows, columns])), joined, "none")
        if glyphs:
            return glyphs
    return []


def _sheets(contrast: Array) -> list[tuple[slice, slice]]:
    """Rows and columns of what may be a sheet on a table: a large region that stands out, or one around which it does."""
    mask = contrast > max(0.2, contrast.max() / 2)
    boxes = []
    for region in (mask, ~mask):
        parts = find_components(region)
        largest = int(parts.area.argmax()) if len(parts.area) else 0
        if len(parts.area) and 0.1 * mask.size < parts.area[largest]:
            box = box_of(parts, largest)
            if (box[0].stop - box[0].start) * (box[1].stop - box[1].start) < 0.95 * mask.size:
                boxes.append(box)
    return boxes


def _reduced(picture: Image.Image) -> Image.Image:
    factor = -(-max(picture.size) // WORKING_SIDE)
    return picture.reduce(factor) if factor > 1 else picture


def _denoised(picture: Image.Image) -> Array:
    """Grey values (H, W), 0 … 1, blurred as far as the noise needs it and the picture's size allows it."""
    grey = np.asarray(picture, np.float32)
    if min(grey.shape) < 5:
        return grey / 255
    # A difference of differences cancels slopes and edges along both axes (Immerkær 1996)
    second = grey[:, :-2] - 2 * grey[:, 1:-1] + grey[:, 2:]
    sigma = float(np.median(np.abs(second[:-2] - 2 * second[1:-1] + second[2:]))) / (0.6745 * 6)
    radius = min(0.4 * sigma**0.5, 0.008 * min(picture.size))
    if radius > 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(picture, np.float32) / 255


def _is_dark_ink(grey: Array) -> bool:
    """Dark ink on light paper: darker than plain paper, or else with negative skewness around the local mean."""
    border = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    plain = np.abs(grey - border) < 0.006
    if 0.5 < plain.mean() < 1:  # a clean drawing
        return bool(grey[~plain].mean() < border)
    difference = grey - _local_mean(grey, min(grey.shape) // 4)
    return float((difference**3).sum()) <= 0


def _local_mean(x: Array, radius: int) -> Array:
    """Mean over squares of 2·radius + 1 pixels, cut at the border: (H, W) -> (H, W)."""
    for axis in (0, 1):
        sums = np.insert(np.cumsum(x, axis, np.float64), 0, 0, axis)
        at = np.arange(x.shape[axis])
        low, high = np.maximum(at - radius, 0), np.minimum(at + radius + 1, len(at))
        shape = (-1, 1) if axis == 0 else (1, -1)
        x = (sums.take(high, axis) - sums.take(low, axis)) / (high - low).reshape(shape)
    return x


def _is_light_at_border(grey: Array) -> bool:
    """Whether most of the border is on the light side of Otsu's threshold."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return bool((border > _otsu(grey)).mean() > 0.5)


@dataclass(frozen=True)
class _Paper:
    """Paper that shows at most of the border: its light (H, W) as a plane, and its noise, a standard deviation."""

    light: Array
    noise: float


def _plane_at_border(grey: Array, light: bool) -> _Paper | None:
    """The plane through the light, or the dark, pixels of the border; None if less than a quarter of the border lies on it."""
    H, W = grey.shape
    rows, columns = np.mgrid[0:H, 0:W]
    at_border = (rows == 0) | (rows == H - 1) | (columns == 0) | (columns == W - 1)
    places = np.stack([np.ones(at_border.sum()), rows[at_border] / H, columns[at_border] / W], axis=1)
    border = grey[at_border]
    on_plane = (border > _otsu(grey)) == light
    plane = np.zeros(3)
    for tolerance in (0.2, 0.1, 0.06):
        if on_plane.mean() < LEAST_PAPER:
            return None
        plane = np.linalg.lstsq(places[on_plane], border[on_plane])[0]
        beyond = border - places @ plane  # more than the plane is paper, less may be the soft edge of ink
        on_plane = (beyond if light else -beyond) > -tolerance
    if on_plane.mean() < LEAST_PAPER:
        return None
    noise = float(np.std((border - places @ plane)[on_plane]))
    return _Paper((plane[0] + plane[1] * rows / H + plane[2] * columns / W).clip(0, 1), noise)


def _contrast(grey: Array, dark: bool) -> Array:
    """``_contrast_to`` the closing of the picture."""
    size = max(3, round(grey.size**0.5) // 2)
    return _contrast_to(closing(grey, size) if dark else 1 - closing(1 - grey, size), grey, dark)


def _contrast_to(light: Array, grey: Array, dark: bool) -> Array:
    """Share of the light (H, W) that ink takes, 0 … 1; of the negative for light ink on dark paper."""
    if not dark:
        light, grey = 1 - light, 1 - grey
    return np.asarray((light - grey) / np.maximum(light, 0.1))


def _otsu(values: Array) -> float:
    """Threshold with the largest variance between the two classes; values 0 … 1."""
    counts, edges = np.histogram(values, 128, (0, 1))
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * middles)
    pairs = below * (below[-1] - below)  # of pixels from both classes
    between = (sums[-1] * below / below[-1] - sums) ** 2 / np.maximum(pairs, 1)
    return float(edges[1 + between.argmax()])


def _find(contrast: Array, joined: bool, edges: Edges = "any", noise: float | None = None) -> list[Glyph]:
    """Glyphs at the threshold that shows them best; a second threshold lifts ink out of a shadow around it.

    ``noise`` is that of a contrast whose paper is at 0; by default both are estimated.
    """
    paper, noise = (0.0, noise) if noise is not None else _paper(contrast)
    contrast = np.clip((contrast - paper) / max(1 - paper, 0.1), 0, None)
    floor = max(FAINTEST, NOISE * noise)
    best: list[Glyph] = []
    for _ in range(3):
        inked = contrast[contrast > floor]
        if not len(inked):
            break
        strong = float(np.quantile(inked, 0.9))
        threshold = max(floor, min(max(_otsu(inked), 0.35 * strong), 0.45 * strong))
        glyphs = _at(threshold, contrast, joined, edges)
        if glyphs and (not best or _strength(glyphs) > 1.5 * _strength(best)):
            best = glyphs
        above = inked[inked > threshold]
        if np.quantile(above, 0.99) < 1.5 * np.median(above):
            break
        floor = max(threshold, strong, 1.2 * float(np.median(above)))
    return best


def _paper(contrast: Array) -> tuple[float, float]:
    """Contrast of paper and its standard deviation, from the quieter blocks; a closing follows the lightest noise."""
    H, W = contrast.shape
    side = int(np.clip(min(H, W) // 8, 1, 24))
    H, W = H // side, W // side
    blocks = contrast[: H * side, : W * side].reshape(H, side, W, side).swapaxes(1, 2).reshape(-1, side * side)
    quantiles = np.quantile(blocks.mean(axis=1), 0.25), np.quantile(blocks.std(axis=1), 0.4)
    return float(quantiles[0]), float(quantiles[1])


def _strength(glyphs: list[Glyph]) -> float:
    return max(glyph.prominence for glyph in glyphs)


def _at(threshold: float, contrast: Array, joined: bool, edges: Edges) -> list[Glyph]:
    mask = contrast > threshold
    parts = find_components(mask & ~find_rules(mask))
    frames = [n for n in np.flatnonzero(parts.bottom - parts.top >= 0.2 * min(mask.shape)) if is_frame(parts, n)]
    if frames:
        mask = parts.labels > 0
        for n in frames:  # a digit that touches the frame stays
            mask[box_of(parts, n)] &= ~find_rules(box_mask(parts, n))
        parts = find_components(mask)
    groups = find_groups(parts, joined, edges)
    glyphs = [_cut(parts, group, contrast) for group in groups]
    return [glyph for glyph in glyphs if glyph.surroundings < 0.5 * glyph.contrast]


def _cut(parts: Components, group: list[int], contrast: Array) -> Glyph:
    """Ink of a group of components, with the soft edge around it."""
    H, W = contrast.shape
    margin = max(1, round(0.004 * max(H, W)))
    first, last = parts.top[group].min(), parts.bottom[group].max()
    start, end = parts.left[group].min(), parts.right[group].max()
    reach = margin + round(0.05 * max(last - first, end - start))
    top, bottom = max(0, first - reach), min(H, last + reach)
    left, right = max(0, start - reach), min(W, end + reach)
    mask = np.isin(parts.labels[top:bottom, left:right], np.array(group) + 1)
    ink = contrast[top:bottom, left:right]
    strong = float(np.quantile(ink[mask], 0.9))
    ring = _grown(mask, reach) & ~_grown(mask, reach - 1)
    surroundings = float(np.quantile(ink[ring], 0.25)) if ring.any() else 0.0
    ink = np.clip(ink * _grown(mask, margin) / strong, 0, 1)
    return Glyph(np.where(ink < 0.2, 0, ink), int(last - first), strong, surroundings)


def _grown(mask: Mask, margin: int) -> Mask:
    """The mask and what is within ``margin`` pixels of it, along each axis."""
    for axis in (0, 1):
        mask = running_max(mask.astype(np.int8), 2 * margin + 1, axis)
    return mask > 0
