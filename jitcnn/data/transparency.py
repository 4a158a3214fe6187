"""Composite transparent images on paper that shows what is drawn: white, or black under white ink."""

import numpy as np
from PIL import Image

from ..support.arrays import Array

PALE = 0.15  # ink that is on average no darker than this is invisible on white paper
FULL = 0.9  # share of opaque pixels from which an image is a sheet with its own paper, not ink
CONTRAST = 0.1  # of the full range: less is invisible


def flatten(picture: Image.Image) -> Image.Image:
    """An image of any 8-bit mode as opaque greyscale ("L") or colour ("RGB")."""
    mode = picture.mode
    is_grey = mode in ("1", "L", "LA", "La") or (mode in ("P", "PA") and _has_grey_palette(picture))
    target = "L" if is_grey else "RGB"
    if mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in picture.info:
        picture.load()
        return picture if mode == target else picture.convert(target)
    inked = (picture.convert("LA") if mode == "La" else picture).convert("RGBA")
    alpha = inked.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return inked.convert("RGB").convert(target)
    paper = Image.new("RGBA", inked.size, "black" if _needs_black_paper(inked, alpha) else "white")
    return Image.alpha_composite(paper, inked).convert(target)


def _needs_black_paper(inked: Image.Image, alpha: Image.Image) -> bool:
    """Whether white paper hides the drawing: the ink is pale, or the drawing is only in the transparency."""
    opacity = np.asarray(alpha, np.float64) / 255
    darkness = 1 - np.asarray(inked.convert("RGB").convert("L"), np.float64) / 255
    ink = float(opacity.mean())
    if ink == 0:
        return False
    if ink < FULL and float((opacity * darkness).sum()) < PALE * float(opacity.sum()):
        return True
    return _span(opacity * darkness) < CONTRAST <= _span(opacity)


def _span(values: Array) -> float:
    return float(values.max() - values.min())


def _has_grey_palette(picture: Image.Image) -> bool:
    """Whether all palette colours in use are grey."""
    palette = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    used = np.unique(np.asarray(picture.getchannel(0)))
    used = palette[used[used < len(palette)]]  # a damaged file may use indices beyond the palette
    return bool((used == used[:, :1]).all())
