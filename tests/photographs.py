"""Photographs of digits, rendered from light-on-black images of them; grey values 0 … 1, small and seeded."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 400
Y, X = np.mgrid[0:SIDE, 0:SIDE] / SIDE


def enlarge(image, height, width=None):
    """Resize an image (h, w), uint8, to ink (height, width) in 0 … 1."""
    resized = Image.fromarray(image).resize((width or height, height), Image.Resampling.BICUBIC)
    return np.asarray(resized, float) / 255


def place(digits, height=200, side=SIDE, gap=0.0):
    """Ink (side, side) of images in a row, left to right, centred; ``gap`` is in units of the height."""
    ink, step = np.zeros((side, side)), round(height * (1 + gap))
    top, left = (side - height) // 2, (side - height - step * (len(digits) - 1)) // 2
    for k, digit in enumerate(digits):
        part = ink[top : top + height, left + k * step : left + k * step + height]
        np.maximum(part, enlarge(digit, height), out=part)
    return ink


def lines(dark=0.3, pitch=40, width=2, slope=0.0, columns=False):
    """Light (SIDE, SIDE) that ruled or squared paper reflects."""
    page = np.where((Y * SIDE + slope * X * SIDE) % pitch < width, 1 - dark, 1.0)
    return np.minimum(page, np.where((X * SIDE - slope * Y * SIDE) % pitch < width, 1 - dark, 1.0)) if columns else page


def rectangle(box, width=4, side=SIDE):
    """Ink (side, side) of a rectangle."""
    picture = Image.new("L", (side, side))
    ImageDraw.Draw(picture).rectangle(box, outline=255, width=width)
    return np.asarray(picture, float) / 255


def specks(rng, count=60, largest=3):
    """Ink (SIDE, SIDE) of dust: discs of up to ``largest`` pixels radius."""
    picture = Image.new("L", (SIDE, SIDE))
    for x, y, r in zip(*rng.uniform(0, SIDE, (2, count)), rng.uniform(0.5, largest, count), strict=True):
        ImageDraw.Draw(picture).ellipse((x - r, y - r, x + r, y + r), fill=255)
    return np.asarray(picture, float) / 255


def photo(ink, rng=None, light=1.0, paper=1.0, dark=0.85, noise=3.0, blur=0.0):
    """Picture of ink (H, W) on paper: reflected light, blur of the lens, noise of the sensor in grey levels of 255."""
    page = paper * (1 - dark * ink) * light
    grey = np.asarray(Image.fromarray((215 * page).astype(np.float32)))
    if blur:
        grey = np.asarray(
            Image.fromarray(grey.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(blur)), float
        )
    if rng is not None:
        grey = grey + rng.normal(0, noise, grey.shape)
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def tilt(picture, amount=0.12, degrees=4.0):
    """Perspective and rotation, as if the sheet was photographed from a corner."""
    side = picture.width
    a = amount * side
    corners = (a, a / 2, 0, side, side, side - a / 2, side - a / 2, 0)  # of the part of the sheet that is seen
    turned = picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=picture.getpixel((3, 3)))
    return turned.transform(picture.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)


def table(picture, level=60):
    """A sheet on a dark table: the table shows on all sides, as the sheet lies askew."""
    big = Image.new("L", (560, 520), level)
    big.paste(picture.rotate(3, Image.Resampling.BICUBIC, fillcolor=level), (70, 60))
    return big


def jpeg_grain(picture, rng, size=4, level=8.0):
    """Paper with grain: noise that is correlated over ``size`` pixels."""
    grain = rng.normal(0, level, (SIDE // size, SIDE // size)).astype(np.float32)
    grey = np.asarray(picture, float) + np.asarray(
        Image.fromarray(grain).resize(picture.size, Image.Resampling.BICUBIC)
    )
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


SOFT_SHADOW = 1 - 0.45 / (1 + np.exp(-(X + 0.4 * Y - 0.65) * 14))  # of a hand
HARD_SHADOW = np.where(X + 0.5 * Y > 0.7, 0.6, 1.0)
STRIPE_SHADOW = np.where(np.abs(X - 0.35 - 0.2 * Y) < 0.06, 0.65, 1.0)  # of a pencil
FALLOFF = 1 - 0.3 * (0.6 * X + 0.4 * Y)
VIGNETTE = 1 - 0.9 * ((X - 0.5) ** 2 + (Y - 0.5) ** 2)

# kind -> function of (ink (SIDE, SIDE), rng) -> picture
KINDS = {
    "plain": lambda ink, rng: Image.fromarray((255 - 255 * ink).astype(np.uint8)),
    "light on dark": lambda ink, rng: Image.fromarray((255 * ink).astype(np.uint8)),
    "chalk": lambda ink, rng: Image.fromarray((30 + 170 * ink * FALLOFF + rng.normal(0, 4, ink.shape)).astype(np.uint8)),
    "falloff": lambda ink, rng: photo(ink, rng, FALLOFF),
    "steep falloff": lambda ink, rng: photo(ink, rng, 1 - 0.7 * (0.6 * X + 0.4 * Y)),
    "vignette": lambda ink, rng: photo(ink, rng, VIGNETTE),
    "soft shadow": lambda ink, rng: photo(ink, rng, SOFT_SHADOW),
    "hard shadow": lambda ink, rng: photo(ink, rng, HARD_SHADOW),
    "stripe of shadow": lambda ink, rng: photo(ink, rng, STRIPE_SHADOW),
    "frame": lambda ink, rng: photo(np.maximum(ink, rectangle((0, 0, SIDE - 1, SIDE - 1), 8)), rng),
    "frame inside": lambda ink, rng: photo(np.maximum(ink, rectangle((70, 70, 330, 330))), rng, FALLOFF),
    "part of a frame": lambda ink, rng: photo(np.maximum(ink, rectangle((60, -9, 999, 340))), rng),
    "thin frame": lambda ink, rng: photo(np.maximum(ink, 0.6 * rectangle((5, 5, 390, 395), 2)), rng),
    "tilted frame": lambda ink, rng: tilt(photo(np.maximum(ink, rectangle((60, 60, 340, 340))), rng), 0.05, 3),
    "lined": lambda ink, rng: photo(ink, rng, lines()),
    "dark lines": lambda ink, rng: photo(ink, rng, np.minimum(lines(0.6, 60), 1) * FALLOFF),
    "tilted lines": lambda ink, rng: photo(ink, rng, lines(0.35, slope=0.06)),
    "squared": lambda ink, rng: photo(ink, rng, lines(0.3, columns=True)),
    "specks": lambda ink, rng: photo(np.maximum(ink, specks(rng)), rng),
    "large specks": lambda ink, rng: photo(np.maximum(ink, specks(rng, 15, 7)), rng),
    "noise": lambda ink, rng: photo(ink, rng, noise=25),
    "heavy noise": lambda ink, rng: photo(ink, rng, FALLOFF, noise=45),
    "blur": lambda ink, rng: photo(ink, rng, blur=6),
    "tilted": lambda ink, rng: tilt(photo(ink, rng, FALLOFF)),
    "pencil": lambda ink, rng: photo(ink, rng, FALLOFF, dark=0.25),
    "grain": lambda ink, rng: jpeg_grain(photo(ink, rng, FALLOFF), rng),
    "table": lambda ink, rng: table(photo(ink, rng, FALLOFF)),
    "dim": lambda ink, rng: photo(ink, rng, 0.25 * FALLOFF),
    "everything": lambda ink, rng: tilt(photo(np.maximum(ink, specks(rng, 20)), rng, lines(0.25) * SOFT_SHADOW, noise=8)),
}  # fmt: skip
