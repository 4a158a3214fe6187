"""The size of images: one number for squares, or height and width."""

from collections.abc import Sequence

from ..errors import ConfigError

ImageSize = int | str | Sequence[int]  # S, (H, W) or "HxW", in pixels


def height_and_width(size: ImageSize) -> tuple[int, int]:
    """Height and width in pixels; ConfigError unless there are one or two whole numbers of at least 1.

    Examples
    --------
    >>> from jitcnn.data.sizes import height_and_width
    >>> height_and_width(32), height_and_width((48, 64)), height_and_width("48x64")
    ((32, 32), (48, 64), (48, 64))
    """
    try:
        sides = [*map(int, (size if "x" in size else f"{size}x{size}").split("x"))] if isinstance(size, str) else size
        H, W = map(_whole, sides if isinstance(sides, Sequence) else (sides, sides))
    except (TypeError, ValueError):
        raise ConfigError(
            f"image_size must be a whole number of pixels, or height and width, such as (48, 64), got {size!r}."
        ) from None
    if H < 1 or W < 1:
        raise ConfigError(f"image_size must be at least 1 pixel, got {size}.")
    return H, W


def _whole(side: object) -> int:
    if isinstance(side, bool) or not hasattr(side, "__index__"):
        raise TypeError
    return int(side.__index__())
