"""Counts and examples, as the findings word them."""

from collections.abc import Iterable, Sequence

from ...support.text import count_of
from .pixels import Pixels
from .report import ImagePlace

EXAMPLES = 6  # per finding
SHOWN = 24  # images per finding, for a contact sheet


def there_are(count: int, one: str, many: str = "") -> str:
    """Such as "There is 1 image" or "There are 1,200 images"."""
    return f"There {'is' if count == 1 else 'are'} {count_of(count, one, many)}"


def listed(texts: Sequence[str]) -> tuple[str, ...]:
    """The first texts."""
    return tuple(texts[:EXAMPLES])


def places(pixels: Pixels, numbers: Iterable[int]) -> tuple[tuple[ImagePlace, ...], ...]:
    """Where the first of these images stand, each for itself."""
    return tuple((pixels.place(int(number)),) for number in list(numbers)[:SHOWN])


def grouped(pixels: Pixels, groups: Iterable[Iterable[int]]) -> tuple[tuple[ImagePlace, ...], ...]:
    """Where the first of these groups of images stand."""
    return tuple(tuple(pixels.place(int(number)) for number in group) for group in list(groups)[:SHOWN])
