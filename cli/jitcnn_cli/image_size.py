"""The parameter type of ``--image-size``."""

import re
from typing import Any

import click


class ImageSize(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Pixels per side of a square, such as 48, or height and width, such as 48x64.

    The value is an int or a text, as ``load_folder`` takes it and as checkpoints store it.
    """

    name = "N|HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """48 for "48" and "48x48", "48x64" for itself."""
        sides = re.fullmatch(r"\s*([0-9]+)\s*(?:[x×]\s*([0-9]+)\s*)?", str(value).lower())
        if sides is None:
            self.fail(f"{value!r} is neither a number of pixels nor a height and width, such as 48x64.", param, ctx)
        H, W = int(sides[1]), int(sides[2] or sides[1])
        if H < 1 or W < 1:
            self.fail(f"{value!r} is less than 1 pixel.", param, ctx)
        return H if H == W else f"{H}x{W}"
