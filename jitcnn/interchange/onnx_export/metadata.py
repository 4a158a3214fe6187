"""What an ONNX file says about a network beside its graph: the keys of its metadata, and their values as text.

====================== ================================================================================
key                    value
====================== ================================================================================
jitcnn.name            name of the network
jitcnn.class_names     JSON list of str, empty if unknown
jitcnn.mean            JSON list of float, one per channel or one for all
jitcnn.std             JSON list of float, as ``jitcnn.mean``
jitcnn.normalisation   "true" if the graph takes pixels 0 … 255, "false" if it takes (pixels / 255 - mean) / std
jitcnn.preparation     "ink", "fill", "crop" or empty: how an image file becomes an input
jitcnn.recipe          JSON object, or null
====================== ================================================================================
"""

import json
from typing import Any

from ...errors import ConfigError
from ..described import Described

PREFIX = "jitcnn."


def to_metadata(net: Described, normalisation: bool) -> dict[str, str]:
    """The metadata of an ONNX file.

    Parameters
    ----------
    net : Described
    normalisation : whether the graph normalises its input

    Raises
    ------
    ConfigError
        If the recipe contains other values than numbers, text, lists and tables.

    Examples
    --------
    >>> from jitcnn import CNN, Dense
    >>> from jitcnn.interchange.described import Described
    >>> from jitcnn.interchange.onnx_export.metadata import to_metadata
    >>> net = Described(CNN([Dense(3, 2)]).graph, (3,), "small", class_names=("cat", "dog"))
    >>> to_metadata(net, normalisation=False)["jitcnn.class_names"]
    '["cat", "dog"]'
    """
    values: dict[str, Any] = {"name": encodable(net.name), "preparation": net.preparation}
    parts = {
        "class_names": list(net.class_names), "mean": list(net.mean), "std": list(net.std), "normalisation": normalisation,
        "recipe": None if net.recipe is None else dict(net.recipe),
    }  # fmt: skip
    try:
        values |= {key: json.dumps(part) for key, part in parts.items()}
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The recipe of {net.name} must be a table of plain values for ONNX: {error}.") from error
    return {PREFIX + key: value for key, value in values.items()}


def encodable(text: str) -> str:
    r"""``text`` as UTF-8 allows it: a surrogate, which stands for an undecodable byte, becomes an escape such as \\udc80."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
