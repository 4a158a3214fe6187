"""Test-time views: predictions averaged over an image, its mirror image and its shifts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from ..support.arrays import Array, IntArray

FORMS = "mirror, shift:PIXELS and reflect"


@dataclass(frozen=True)
class Views:
    """The views of each image over which the probabilities are averaged.

    Parameters
    ----------
    mirror : bool; each view, and its horizontal flip; not for digits, which a flip changes
    shift : int, in pixels; the image, and its four shifts by so many pixels along both axes, up or down and left or right:
        the centre and the corners of the image with a padding of ``shift`` on each side
    reflect : bool; what shifts into the image is its reflection, as numpy's "reflect"; by default it is black, as in
        ``Augmentation``: pixels of 0, or 0 in float images. Choose what the model was trained with

    Raises
    ------
    ConfigError
        If a value is out of range, or ``reflect`` is set without ``shift``.

    Notes
    -----
    ``mirror`` and ``shift`` together give 10 views.

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks", section 4.1:
    centre, four corners, and their flips.

    Examples
    --------
    >>> from jitcnn.metrics import Views
    >>> views = Views(mirror=True, shift=2)
    >>> views.count, str(views), Views.parse("mirror,shift:2") == views
    (10, 'mirror,shift:2', True)
    """

    mirror: bool = False
    shift: int = 0
    reflect: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.shift, int) or isinstance(self.shift, bool) or self.shift < 0:
            raise ConfigError(f"Views expects shift in whole pixels, at least 0, got {self.shift!r}.")
        if self.reflect and not self.shift:
            raise ConfigError("Views: reflect sets the padding of shift and needs one, got none: add shift:PIXELS.")

    @classmethod
    def parse(cls, text: str) -> "Views":
        """Views from a text such as ``mirror,shift:2,reflect``; empty for the image alone.

        Raises
        ------
        ConfigError
            If a part of the text is unknown or repeated.

        Examples
        --------
        >>> from jitcnn.metrics import Views
        >>> Views.parse("shift:1")
        Views(mirror=False, shift=1, reflect=False)
        """
        settings: dict[str, Any] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, colon, value = part.partition(":")
            is_shift = name == "shift" and value.isascii() and value.isdigit() and int(value) > 0
            if not is_shift and (colon or name not in ("mirror", "reflect")):
                raise ConfigError(f"Views are {FORMS}, separated by commas, as in mirror,shift:2; got {part!r}.")
            if name in settings:
                raise ConfigError(f"Views expects {name} once, got it twice in {text!r}.")
            settings[name] = int(value) if is_shift else True
        return cls(**settings)

    @property
    def count(self) -> int:
        """Number of views, and of forward passes, per image."""
        return (2 if self.mirror else 1) * (5 if self.shift else 1)

    def with_mirror(self) -> "Views":
        """These views, and their horizontal flips."""
        return replace(self, mirror=True)

    def __str__(self) -> str:
        parts = (self.mirror and "mirror", self.shift and f"shift:{self.shift}", self.reflect and "reflect")
        return ",".join(part for part in parts if part)

    def of(self, images: Array | IntArray) -> Iterator[Array | IntArray]:
        """Iterate over the views of the images (N, C, H, W), the images themselves first.

        Raises
        ------
        ShapeError, ConfigError
            If the images have another shape, or are not larger than ``shift``.

        Examples
        --------
        >>> from jitcnn.metrics import Views
        >>> image = np.arange(1, 5, dtype=np.uint8).reshape(1, 1, 2, 2)
        >>> [view.ravel().tolist() for view in Views(shift=1).of(image)]
        [[1, 2, 3, 4], [4, 0, 0, 0], [0, 3, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]
        """
        if self.count > 1 and images.ndim != 4:
            raise ShapeError(f"Views expects images of shape (N, C, H, W), got {images.shape}.")
        for view in self._shifted(images) if self.shift else (images,):
            yield view
            if self.mirror:
                yield view[..., ::-1]

    def _shifted(self, images: Array | IntArray) -> Iterator[Array | IntArray]:
        n, (H, W) = self.shift, images.shape[2:]
        if n >= min(H, W):
            raise ConfigError(f"Views expects a shift below the image size of {min(H, W)} pixels, got {n}.")
        yield images
        margin = ((0, 0), (0, 0), (n, n), (n, n))
        padded: Any = np.pad(images, margin, mode="reflect") if self.reflect else np.pad(images, margin)
        for top in (2 * n, 0):
            for left in (2 * n, 0):
                yield padded[:, :, top : top + H, left : left + W]


def as_views(views: Views | str | None, mirrored: bool = False) -> Views:
    """Views from an object, a text or nothing; with the flips if ``mirrored``."""
    found = Views.parse(views or "") if isinstance(views, str | None) else views
    return found.with_mirror() if mirrored else found


def log_mean(scores: Iterable[Array]) -> Array:
    """Logarithm of the summed probabilities of several logits (N, classes); of one, the logits themselves."""
    first, *others = scores
    if not others:
        return first
    return reduce(np.logaddexp, map(_log_softmax, [first, *others]))


def _log_softmax(logits: Array) -> Array:
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
