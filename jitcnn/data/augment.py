"""Augmentation: images of a batch shifted, turned, bent, cropped, mirrored, so that a net never sees one twice alike."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

import numpy as np

from ..arrays import Array, IntArray
from ..errors import ConfigError, DTypeError, ShapeError
from ..kernels.elementwise.augment import cut, resample

CELLS = 4  # of the grid of control points, along each axis: on 28 pixels as smooth as Simard's Gaussian of 4 pixels
GRID = CELLS + 3
SPLINE_POWER = 151 / 315  # integral of the squared cubic B-spline: what smoothing leaves of a variance, per axis


@dataclass(frozen=True)
class Augmentation:
    """What is done to the images of a batch, each image by random amounts of its own.

    For digits, in one bilinear resampling; what comes in from outside is black:

    Parameters
    ----------
    shift : float, in pixels; up to so far, up or down, left or right
    rotation : float, in degrees; up to so far, either way, around the middle
    scale : float, share; up to so much larger or smaller
    elastic : float, in pixels; how far a pixel is displaced, root mean square in each direction, by a smooth
        random field

    For colour pictures, in one copy:

    crop : int, in pixels; a crop of the image's size out of the image padded by so much on each side
    reflect : bool; the padding is the image mirrored at its edge, as numpy's "reflect"; else black
    flip : bool; every other image is mirrored, left for right
    cutout : int, in pixels; side of a black square, its middle anywhere on the image

    Raises
    ------
    ConfigError
        If a value is out of range.

    References
    ----------
    Simard, Steinkraus and Platt (2003), "Best practices for convolutional neural networks applied to visual document
    analysis"; the field here is of cubic B-splines, which are Gaussians but for a hair, and need 49 random numbers
    where an image has 784. DeVries and Taylor (2017), "Improved regularization of convolutional neural networks with
    cutout", arXiv:1708.04552.
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    elastic: float = 0.0
    crop: int = 0
    reflect: bool = False
    flip: bool = False
    cutout: int = 0

    def __post_init__(self) -> None:
        limits = {"shift": (np.inf, "pixels"), "rotation": (180, "degrees"), "elastic": (np.inf, "pixels")}
        for name, (most, unit) in limits.items():
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= most:
                upper = "" if most == np.inf else f" and at most {most}"
                raise ConfigError(f"Augmentation expects {name} in {unit}, at least 0{upper}, got {value!r}.")
        if not _is_number(self.scale) or not 0 <= self.scale < 1:
            raise ConfigError(f"Augmentation expects scale as a share, at least 0 and below 1, got {self.scale!r}.")
        for name in ("crop", "cutout"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigError(f"Augmentation expects {name} in whole pixels, at least 0, got {value!r}.")
        for name in ("reflect", "flip"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"Augmentation expects {name} to be true or false, got {getattr(self, name)!r}.")
        if self.reflect and not self.crop:
            raise ConfigError("Augmentation expects reflect with a crop, which it pads, got it without: add crop.")

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "Augmentation":
        """Build one from a recipe's settings; ConfigError names the settings there are if one is unknown."""
        known = [field.name for field in fields(cls)]
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise ConfigError(f"Augmentation knows {', '.join(known)}, got {', '.join(map(repr, unknown))}.")
        return cls(**settings)

    @property
    def is_geometric(self) -> bool:
        """Whether images are resampled at all."""
        return any((self.shift, self.rotation, self.scale, self.elastic))

    @property
    def is_cutting(self) -> bool:
        """Whether images are cropped, flipped or holed at all."""
        return any((self.crop, self.flip, self.cutout))

    def apply(self, images: IntArray, rng: np.random.Generator) -> IntArray:
        """Change a batch of images; the same state of ``rng`` gives the same bits on any number of threads.

        Parameters
        ----------
        images : ndarray of shape (N, C, H, W), uint8; left as it is
        rng : numpy random Generator

        Returns
        -------
        ndarray of shape (N, C, H, W), uint8; ``images`` itself where nothing is to be done

        Raises
        ------
        DTypeError, ShapeError, ConfigError
            If ``images`` is no array (N, C, H, W) of bytes, or too small for this crop or cutout.
        """
        if images.dtype != np.uint8:
            raise DTypeError(f"Augmentation expects images in uint8, before they are scaled, got {images.dtype}.")
        if images.ndim != 4:
            raise ShapeError(f"Augmentation expects images of shape (N, C, H, W), got {images.shape}.")
        H, W = images.shape[2:]
        if max(self.crop, self.cutout) >= min(H, W):
            raise ConfigError(
                f"Augmentation expects crop and cutout below the {min(H, W)} pixels of the images, "
                f"got {self.crop} and {self.cutout}."
            )
        images = np.ascontiguousarray(images)
        if self.is_geometric:
            changed = np.empty_like(images)
            turns, controls = self.draw_places(len(images), (H, W), rng)
            resample(images, turns, controls, spline(H), np.ascontiguousarray(spline(W).T), changed)
            images = changed
        if self.is_cutting:
            changed = np.empty_like(images)
            cut(images, self.draw_moves(len(images), (H, W), rng), self.cutout, self.reflect, changed)
            images = changed
        return images

    def draw_places(self, N: int, size: tuple[int, int], rng: np.random.Generator) -> tuple[Array, Array]:
        """Where the pixels of N images are read: turns (N, 6) and controls (N, 2, GRID, GRID), float32, see ``resample``."""
        moved = rng.uniform(-self.shift, self.shift, (2, N))
        angle = np.radians(rng.uniform(-self.rotation, self.rotation, N))
        larger = 1 + rng.uniform(-self.scale, self.scale, N)
        middle = [(side - 1) / 2 for side in size]
        along, across = np.cos(angle) / larger, np.sin(angle) / larger
        turns = np.empty((N, 6), np.float32)
        for row, (h, w) in enumerate(((along, across), (-across, along))):
            turns[:, 3 * row] = h
            turns[:, 3 * row + 1] = w
            turns[:, 3 * row + 2] = middle[row] - moved[row] - h * middle[0] - w * middle[1]
        controls = np.zeros((N, 2, GRID, GRID), np.float32)
        if self.elastic:
            controls = rng.standard_normal(controls.shape, np.float32)
            controls *= np.float32(self.elastic / SPLINE_POWER)
        return turns, controls

    def draw_moves(self, N: int, size: tuple[int, int], rng: np.random.Generator) -> IntArray:
        """Crop, flip and hole of N images: (N, 5), int64, see ``cut``."""
        moves = np.zeros((N, 5), np.int64)
        moves[:, :2] = rng.integers(-self.crop, self.crop + 1, (N, 2))
        if self.flip:
            moves[:, 2] = rng.integers(0, 2, N)
        if self.cutout:
            moves[:, 3:] = rng.integers(0, size, (N, 2)) - self.cutout // 2
        return moves


def spline(size: int) -> Array:
    """How much each of GRID control points counts at each of ``size`` pixels: (size, GRID), float32, rows of sum 1."""
    place = (np.arange(size) + 0.5) * CELLS / size  # in cells
    distance = np.abs(place[:, None] - np.arange(-1, CELLS + 2))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(0, 2 - distance) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
