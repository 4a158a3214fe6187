"""The parameter type of ``--input-shape``."""

import re
from typing import Any

import click


class InputShape(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Channels, height and width, such as 3x64x48; a single size is a square: 3x64."""

    name = "CxHxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int, int]:
        """(3, 64, 48) for "3x64x48"."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"\s*([1-9]\d{0,8})[x×]([1-9]\d{0,8})(?:[x×]([1-9]\d{0,8}))?\s*", str(value).lower())
        if found is None:
            self.fail(f"{value!r} is not channels, height and width, such as 3x64x64.", param, ctx)
        return int(found[1]), int(found[2]), int(found[3] or found[2])
