"""Data augmentation: random shift, rotation, scaling, elastic distortion, crop, flip and cutout, per image."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

import numpy as np

from ..errors import ConfigError, DTypeError, ShapeError
from ..kernels.elementwise.augment import cut, resample
from ..support.arrays import Array, IntArray

CELLS = 4  # of the control-point grid along each axis; on 28 pixels as smooth as Simard's Gaussian of 4 pixels
GRID = CELLS + 3
SPLINE_POWER = 151 / 315  # integral of the squared cubic B-spline: the remaining share of the variance, per axis


@dataclass(frozen=True)
class Augmentation:
    """Random augmentation of a batch; each image gets its own random values.

    Geometric transforms, applied in one bilinear resampling; pixels outside the image are black:

    Parameters
    ----------
    shift : float, in pixels; maximum translation along each axis, in either direction
    rotation : float, in degrees; maximum rotation about the centre, in either direction
    scale : float; maximum relative change in size: the factor lies in 1 ± scale
    elastic : float, in pixels; RMS displacement along each axis, by a smooth random field

    Crop, flip and cutout, applied in one copy:

    crop : int, in pixels; padding on each side before a random crop to the original size
    reflect : bool; reflection padding, as numpy's "reflect"; else zero padding
    flip : bool; horizontal flip with probability 0.5
    cutout : int, in pixels; side of a black square centred at a random pixel

    Raises
    ------
    ConfigError
        If a value is out of range.

    References
    ----------
    Simard, Steinkraus and Platt (2003), "Best practices for convolutional neural networks applied to visual document
    analysis". The displacement field here uses cubic B-splines, which closely approximate Gaussians and need 49 random
    values where an image has 784. DeVries and Taylor (2017), "Improved regularization of convolutional neural networks
    with cutout", arXiv:1708.04552.

    Examples
    --------
    >>> from jitcnn import Augmentation
    >>> images = np.zeros((20, 1, 1, 3), np.uint8)
    >>> images[..., 0] = 9
    >>> flipped = Augmentation(flip=True).apply(images, np.random.default_rng(0))
    >>> np.unique(flipped[:, 0, 0], axis=0)
    array([[0, 0, 9],
           [9, 0, 0]], dtype=uint8)
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
            raise ConfigError(f"Augmentation expects scale as a fraction, at least 0 and below 1, got {self.scale!r}.")
        for name in ("crop", "cutout"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigError(f"Augmentation expects {name} in whole pixels, at least 0, got {value!r}.")
        for name in ("reflect", "flip"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"Augmentation expects {name} to be true or false, got {getattr(self, name)!r}.")
        if self.reflect and not self.crop:
            raise ConfigError(
                "Augmentation: reflect sets the padding of crop and needs crop > 0, got crop = 0; add crop."
            )

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "Augmentation":
        """Build from the settings of a recipe; ConfigError lists the valid settings if one is unknown."""
        known = [field.name for field in fields(cls)]
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise ConfigError(f"Augmentation settings are {', '.join(known)}, got {', '.join(map(repr, unknown))}.")
        return cls(**settings)

    @property
    def is_geometric(self) -> bool:
        """Whether any geometric transform (resampling) is enabled."""
        return any((self.shift, self.rotation, self.scale, self.elastic))

    @property
    def is_cutting(self) -> bool:
        """Whether crop, flip or cutout is enabled."""
        return any((self.crop, self.flip, self.cutout))

    def apply(self, images: IntArray, rng: np.random.Generator) -> IntArray:
        """Augment a batch of images; for a given state of ``rng`` the result is bitwise identical for any thread count.

        Parameters
        ----------
        images : ndarray of shape (N, C, H, W), uint8; not modified
        rng : numpy random Generator

        Returns
        -------
        ndarray of shape (N, C, H, W), uint8; ``images`` itself if no augmentation is enabled

        Raises
        ------
        DTypeError, ShapeError, ConfigError
            If ``images`` is not a uint8 array (N, C, H, W), or is too small for this crop or cutout.
        """
        if images.dtype != np.uint8:
            raise DTypeError(f"Augmentation expects uint8 images, not yet scaled, got {images.dtype}.")
        if images.ndim != 4:
            raise ShapeError(f"Augmentation expects images of shape (N, C, H, W), got {images.shape}.")
        H, W = images.shape[2:]
        if max(self.crop, self.cutout) >= min(H, W):
            raise ConfigError(
                f"Augmentation expects crop and cutout below the image size of {min(H, W)} pixels, "
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
        """Sampling transforms of N images: turns (N, 6) and controls (N, 2, GRID, GRID), float32; see ``resample``."""
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
        """Crop offset, flip flag and cutout corner of N images: (N, 5), int64; see ``cut``."""
        moves = np.zeros((N, 5), np.int64)
        moves[:, :2] = rng.integers(-self.crop, self.crop + 1, (N, 2))
        if self.flip:
            moves[:, 2] = rng.integers(0, 2, N)
        if self.cutout:
            moves[:, 3:] = rng.integers(0, size, (N, 2)) - self.cutout // 2
        return moves


def spline(size: int) -> Array:
    """B-spline weights of GRID control points at ``size`` pixels: (size, GRID), float32; each row sums to 1."""
    place = (np.arange(size) + 0.5) * CELLS / size  # in cells
    distance = np.abs(place[:, None] - np.arange(-1, CELLS + 2))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(0, 2 - distance) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
