"""Weights in a safetensors file, with the names and layouts of torch or our own.

The format is a JSON header and plain numbers: https://github.com/huggingface/safetensors#format. The package ``safetensors`` checks
that each array has the bytes its shape needs, that they do not overlap, and that the file ends with the last one.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, ConfigError
from ..support.arrays import Array
from ..support.files import atomic_write
from .array_names import counters, named_arrays
from .described import Described
from .foreign import refuse_pickle
from .matching import match_arrays

LAYOUTS = ("torch", "jitcnn")
METADATA = "jitcnn"  # one key, because the package writes several in random order
HEADER_BYTES = 1 << 24  # more than any network needs; limits the text to parse
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class Weights(NamedTuple):
    """Arrays by their name in a model file, and what else the file has: "mean", "std", "class_names"."""

    arrays: dict[str, Array]
    around: dict[str, Any]


def write_safetensors(net: Described, path: str | os.PathLike[str], layout: str = "torch") -> None:
    """Write all parameters and buffers; an existing file is replaced when the new one is complete.

    Parameters
    ----------
    net : Described
        Its name, class names, mean and std go to the header, as JSON under the key "jitcnn".
    path : path of the file
    layout : {"torch", "jitcnn"}
        "torch": names and shapes of the ``state_dict`` of the torch module with the same layers, a ``Sequential`` for a chain,
        such as ``0.weight``. Weights of ``Dense`` are transposed to (out_features, in_features). ``num_batches_tracked`` is 0.
        "jitcnn": names of the layers in TOML, such as ``conv1.weights``, and the shapes of the layers' attributes.

    Raises
    ------
    CheckpointError
        If the file cannot be written.
    ConfigError
        If ``layout`` is unknown, or the package safetensors is not installed.

    Examples
    --------
    >>> from jitcnn.interchange.described import Described
    >>> from jitcnn.interchange.safetensors_file import read_safetensors, write_safetensors
    >>> from jitcnn.models import lenet5
    >>> net = Described(lenet5().graph, (1, 28, 28), "lenet5", mean=(0.13,), std=(0.31,))
    >>> write_safetensors(net, "lenet5.safetensors")
    >>> weights = read_safetensors(net, "lenet5.safetensors")
    >>> len(weights.arrays), weights.around["mean"]
    (10, (0.13,))
    """
    save = _package(path).numpy.save
    if layout not in LAYOUTS:
        raise ConfigError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}.")
    arrays = named_arrays(net.graph)
    if layout == "torch":
        # The package writes the memory of an array from its start, whatever its strides: a view would be written wrongly
        tensors: dict[str, NDArray[Any]] = {
            each.torch: np.ascontiguousarray(each.array.T if each.transposed else each.array) for each in arrays
        }
        tensors |= {name: np.array(0, np.int64) for name in counters(arrays)}
    else:
        tensors = {each.own: np.ascontiguousarray(each.array) for each in arrays}
    about = {"name": net.name, "class_names": net.class_names, "mean": net.mean, "std": net.std}
    contents = save(tensors, metadata={METADATA: json.dumps(about)})
    try:
        with atomic_write(path) as file:
            file.write(contents)
    except OSError as error:
        raise CheckpointError(
            f"The weights could not be written to {path}: {error.strerror or error}; choose a writable folder (an existing file "
            "is kept)."
        ) from error


def read_safetensors(net: Described, path: str | os.PathLike[str]) -> Weights:
    """Read the arrays of a network with the same layers. Nothing in the file is executed.

    The names may be those of either layout, or others, if the shapes and the numbers in the names decide; then the shapes are
    those of torch. float16, bfloat16, float32 and float64 are converted to the dtype of the network, rounded to nearest.

    Parameters
    ----------
    net : Described
        Its arrays are not modified.
    path : path of the file

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or a pickle, its arrays are not those of the network, or a value is not finite.
    ConfigError
        If the package safetensors is not installed.

    Examples
    --------
    >>> from jitcnn import Dense
    >>> from jitcnn.graph import Graph
    >>> from jitcnn.interchange.described import Described
    >>> from jitcnn.interchange.safetensors_file import read_safetensors, write_safetensors
    >>> small, large = (Described(Graph.chain([Dense(3, n)]), (3,), "net") for n in (2, 4))
    >>> write_safetensors(small, "small.safetensors")
    >>> read_safetensors(large, "small.safetensors")  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    jitcnn.errors.CheckpointError: small.safetensors does not fit net: of another shape 0.weight (2, 3) instead of (4, 3), 0.bias
    (2,) instead of (4,).
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"Expected a safetensors file at {path}, found none.")
    refuse_pickle(path)
    package = _package(path)
    arrays = named_arrays(net.graph)
    try:
        _check_header_length(path)
        with package.safe_open(path, framework="numpy") as file:
            specs = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # it has no __iter__
            found = {name: tuple(spec.get_shape()) for name, spec in specs.items()}
            match = match_arrays(f"{path} does not fit {net.name}", arrays, found)
            for name in match.names.values():
                if specs[name].get_dtype() not in DTYPES:
                    raise ValueError(f"{name} has dtype {specs[name].get_dtype()}, expected one of {', '.join(DTYPES)}")
            around = _around((file.metadata() or {}).get(METADATA))
        # The shapes limit what is read here
        stored = dict(package.deserialize(path.read_bytes()))
        read = {}
        for each in arrays:
            value = _array(stored[match.names[each.key]])
            value = value.T if match.torch and each.transposed else value
            with np.errstate(over="ignore"):
                read[each.key] = np.ascontiguousarray(value.reshape(each.array.shape), each.array.dtype)
            if not np.isfinite(read[each.key]).all():
                raise ValueError(f"{match.names[each.key]} is not finite as {each.array.dtype}")
    except CheckpointError:
        raise
    except (package.SafetensorError, OSError, ValueError, LookupError, TypeError, MemoryError) as error:
        raise CheckpointError(
            f"{path} is not a safetensors file for {net.name}: {error}; save the weights again, or check the file."
        ) from error
    return Weights(read, around)


def _package(path: str | os.PathLike[str]) -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ConfigError(
            f"{path} needs the package safetensors, which is missing: install it with `pip install jitcnn[interchange]`."
        ) from error
    return safetensors


def _check_header_length(path: Path) -> None:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > min(HEADER_BYTES, path.stat().st_size):
        raise ValueError(f"its header claims {length:,} bytes, expected at most {HEADER_BYTES:,}")


def _array(stored: Mapping[str, Any]) -> NDArray[Any]:
    """An array with the values of a stored one; bfloat16 is the upper half of a float32."""
    values = np.frombuffer(stored["data"], DTYPES[stored["dtype"]]).reshape(stored["shape"])
    return (values.astype(np.uint32) << 16).view(np.float32) if stored["dtype"] == "BF16" else values


def _around(text: str | None) -> dict[str, Any]:
    """Mean, std and class names in the header; ValueError if they are not numbers and text."""
    about = {} if text is None else json.loads(text)
    if not isinstance(about, dict):
        raise ValueError(f"its metadata {METADATA!r} must be a JSON object, got {text!r}")
    around: dict[str, Any] = {}
    for name, kind in (("mean", int | float), ("std", int | float), ("class_names", str)):
        values = about.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
            raise ValueError(f"its {name} must be a list, got {values!r}")
        if values:
            around[name] = tuple(values)
    return around
