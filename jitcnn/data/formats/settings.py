"""Settings of ``load_dataset`` for a file or folder, and which of them a format takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ConfigError, did_you_mean
from ..fetch import ProgressBar
from ..value_range import ValueRanges

COMMON = ("test_share", "seed", "value_ranges", "check_classes")  # of every format
IMAGE_FILES = ("image_size", "channels", "skip_broken")  # of formats that name image files


@dataclass(frozen=True)
class Settings:
    """Settings of a format; each takes those of ``COMMON`` and some of the others.

    Parameters
    ----------
    test_share : float between 0 and 1; share of each class used for testing if the source has no test images
    seed : int, chooses them
    value_ranges : by kind, "integer" or "float", the values that become 0 and 255, such as ``CNN.value_ranges``
    labels : "fine" or "coarse", the labels of CIFAR-100
    colour_order : "pixels" or "planes", order of the values in a row of colours: RGB of each pixel, or one channel after
        the other
    image_size, channels, skip_broken : as in ``load_folder``, for formats that name image files
    progress : progress bar that counts images
    check_classes : bool; False keeps classes of one image, which a training refuses, for ``audit``
    """

    test_share: float = 0.2
    seed: int = 0
    value_ranges: ValueRanges | None = None
    labels: str = "fine"
    colour_order: str = "pixels"
    image_size: Any = None
    channels: int | None = None
    skip_broken: bool = False
    progress: ProgressBar | None = None
    check_classes: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.test_share < 1:
            raise ConfigError(f"test_share must be between 0 and 1, got {self.test_share}.")
        for name, allowed in (("labels", ("fine", "coarse")), ("colour_order", ("pixels", "planes"))):
            if (value := getattr(self, name)) not in allowed:
                raise ConfigError(f"{name} must be {allowed[0]!r} or {allowed[1]!r}, got {value!r}.")


def settings_for(
    path: Path, title: str, own: Iterable[str], given: Mapping[str, Any], progress: ProgressBar | None = None
) -> Settings:
    """The settings of a format; None leaves a setting out, and so does False, except for ``check_classes``.

    Raises
    ------
    ConfigError
        If a setting is unknown, out of range, or without effect in this format.
    """
    taken = {*COMMON, *own}
    asked = {
        name: value
        for name, value in given.items()
        if value is not None and (value is not False or name == "check_classes")
    }
    for name, value in asked.items():
        if name not in taken:
            why = (
                "its pixels are taken as they are"
                if name in IMAGE_FILES
                else f"expected one of {', '.join(sorted(taken))}{did_you_mean(name, taken)}"
            )
            raise ConfigError(f"{name}={value!r} is not a setting for {path}, {title}: {why}; leave it out.")
    return Settings(progress=progress, **asked)
