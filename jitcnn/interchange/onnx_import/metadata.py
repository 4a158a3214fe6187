"""What ``to_onnx`` of jitcnn writes beside the graph. It is optional: what is missing or invalid is left out."""

import json
from math import isfinite
from typing import Any

from ...shapes import Shape

PREFIX = "jitcnn."
PREPARATIONS = ("ink", "fill", "crop")  # as in net.model
LONGEST_TEXT, LONGEST_NAME = 1 << 20, 100


def read_metadata(model: Any, input_shape: Shape, output_shape: Shape) -> dict[str, Any]:
    """Those of name, class_names, mean, std, preparation and recipe in a ``ModelProto`` that are valid, as of ``Described``."""
    given = {
        entry.key.removeprefix(PREFIX): entry.value
        for entry in model.metadata_props
        if len(entry.value) <= LONGEST_TEXT
    }
    found: dict[str, Any] = {}
    if 0 < len(given.get("name", "")) <= LONGEST_NAME and given["name"].isprintable():
        found["name"] = given["name"]
    if given.get("preparation") in PREPARATIONS:
        found["preparation"] = given["preparation"]
    names = _parsed(given.get("class_names"))
    if isinstance(names, list) and all(isinstance(each, str) for each in names) and (len(names),) == output_shape:
        found["class_names"] = tuple(names)
    mean, std = _numbers(given.get("mean")), _numbers(given.get("std"))
    if mean and len(mean) == len(std) and len(mean) in (1, input_shape[0]) and min(std) > 0:
        found |= {"mean": mean, "std": std}
    if given.get("normalisation") == "true":  # the graph takes pixels from 0 to 255: (pixels / 255 - 0) / (1 / 255)
        found |= {"mean": (0.0,), "std": (1 / 255,)}
    recipe = _parsed(given.get("recipe"))
    if isinstance(recipe, dict):
        found["recipe"] = recipe
    return found


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _numbers(text: str | None) -> tuple[float, ...]:
    """A JSON list of finite numbers; empty if it is anything else."""
    found = _parsed(text)
    found = found if isinstance(found, list) else [found]
    if not all(isinstance(each, int | float) and not isinstance(each, bool) and isfinite(each) for each in found):
        return ()
    return tuple(map(float, found))
