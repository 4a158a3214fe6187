"""Files of Keras: the architecture as JSON, and the weights of each layer in HDF5.

There are three of them: HDF5 with groups named after layers (``.h5``, up to Keras 2 the default), HDF5 with numbered arrays in
``layers/conv2d_1/vars`` (``.weights.h5``), and a zip archive of the latter with ``config.json`` (``.keras``); see
https://keras.io/guides/serialization_and_saving.
"""

import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, JitCNNError
from ..foreign import refuse_pickle
from .hdf5 import DAMAGE, MOST_NAMES, check_array, child, names_in, open_hdf5, text

CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # the latter in TensorFlow 2.12 and 2.13
WEIGHTS_MEMBER, CONFIG_MEMBER = "model.weights.h5", "config.json"
KINDS = {  # classes of layers that have an array of this name; in this order
    "pointwise_kernel": "separable_conv2d", "depthwise_kernel": "depthwise_conv2d", "moving_mean": "batch_normalization",
    "alpha": "p_re_lu",
}  # fmt: skip
NUMBERED = re.compile(r"(.+?)(?:_(\d+))?")


@dataclass(frozen=True)
class KerasFile:
    """An open file: the architecture if it has one, and the arrays of each layer, in its order, as unread HDF5 datasets.

    An array is named as in Keras, such as "kernel", or by its number if the file has no names. The layers are named as in the architecture, or "conv2d", "conv2d_1" … after their class if ``by_class``. ``kinds`` has the
    class of each layer in this spelling. If not ``ordered``, only layers of the same class are in the order of the network.
    """

    path: Path
    config: Mapping[str, Any] | None
    arrays: Mapping[str, dict[str, Any]]
    kinds: Mapping[str, str]
    by_class: bool
    ordered: bool


@contextmanager
def open_keras(path: str | os.PathLike[str]) -> Iterator[KerasFile]:
    """Open a file of Keras; errors while reading it are converted too.

    Parameters
    ----------
    path : path of a ``.keras``, ``.h5`` or ``.hdf5`` file

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, a pickle, or not of Keras; if it has links to other files, or claims more than it has.
    ConfigError
        If h5py is not installed.

    Examples
    --------
    >>> import h5py
    >>> from jitcnn.interchange.keras.file import open_keras
    >>> with h5py.File("net.weights.h5", "w") as file:
    ...     file["layers/dense/vars/0"] = np.zeros((3, 2), np.float32)
    >>> with open_keras("net.weights.h5") as file:
    ...     print(file.config, {layer: list(arrays) for layer, arrays in file.arrays.items()})
    None {'dense': ['0']}
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"Expected a file of Keras at {path}, found none.")
    refuse_pickle(path)
    try:
        config, contents = _unzipped(path) if zipfile.is_zipfile(path) else (None, None)
        with open_hdf5(path if contents is None else BytesIO(contents)) as root:
            if config is None and "model_config" in root.attrs:
                config = _parsed(text(root.attrs["model_config"]))
            container = next((name for name in CONTAINERS if name in root), None)
            if container is not None:
                arrays, kinds, by_class = _numbered(child(root, container))
            else:
                arrays, kinds = _named(child(root, "model_weights") if "model_weights" in root else root)
                by_class = False
            if not arrays:
                raise ValueError("it has no layers with weights")
            size = path.stat().st_size if contents is None else len(contents)
            claimed = sum(check_array(array) for each in arrays.values() for array in each.values())
            if claimed > size:
                raise ValueError(
                    f"its arrays have {claimed:,} bytes, the file has {size:,}; compressed arrays are not read"
                )
            yield KerasFile(path, config, arrays, kinds, by_class, ordered=container is None)
    except JitCNNError:
        raise
    except (*DAMAGE, zipfile.BadZipFile, RecursionError, NotImplementedError) as error:
        raise CheckpointError(
            f"{path} cannot be read as a file of Keras: {error}; expected .keras, .weights.h5 or HDF5 as written by Keras."
        ) from error


def _unzipped(path: Path) -> tuple[Mapping[str, Any], bytes]:
    """Architecture and weights in a ``.keras`` file, whose members are not compressed."""
    with zipfile.ZipFile(path) as archive:
        contents = []
        for name in (CONFIG_MEMBER, WEIGHTS_MEMBER):
            info = archive.getinfo(name)
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > path.stat().st_size:
                raise ValueError(f"{name} is compressed; pack the archive without compression")
            contents.append(archive.read(info))
    return _parsed(contents[0].decode()), contents[1]


def _parsed(config: str) -> Mapping[str, Any]:
    parsed = json.loads(config)
    if not isinstance(parsed, dict):
        raise TypeError("its architecture is not a JSON object")
    return parsed


def _named(group: Any) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The arrays of each layer that has some, by name, and its class."""
    arrays, kinds = {}, {}
    for layer in names_in(group, "layer_names"):
        names = names_in(within := child(group, layer), "weight_names")
        if names:
            found = [child(within, name) for name in names]
            last = [name.rpartition("/")[2].partition(":")[0] for name in names]
            kinds[layer] = _kind(last, len(found[0].shape))
            arrays[layer] = {
                f"{number}" if len({*last}) < len(last) else last[number]: each for number, each in enumerate(found)
            }
    return arrays, kinds


def _kind(names: list[str], axes: int) -> str:
    """The class of a layer with arrays of these names, the first with so many axes."""
    for name, kind in KINDS.items():
        if name in names:
            return kind
    return {2: "dense", 4: "conv2d"}.get(axes, "") if "kernel" in names else ""


def _numbered(container: Any) -> tuple[dict[str, dict[str, Any]], dict[str, str], bool]:
    """The arrays in ``vars`` of each layer. Recent versions note the name of the layer in an attribute."""
    arrays, kinds, names = {}, {}, {}
    for layer in sorted(_few(container), key=_class_and_number):
        group = child(container, layer)
        stored = _few(child(group, "vars")) if "vars" in group else None
        if stored is not None and len(stored):
            arrays[layer] = {f"{number}": child(stored, f"{number}") for number in range(len(stored))}
            kinds[layer] = _class_and_number(layer)[0]
            names[layer] = text(stored.attrs.get("name", ""))
    if not all(names.values()):
        return arrays, kinds, True
    return (
        {names[layer]: each for layer, each in arrays.items()},
        {names[layer]: kind for layer, kind in kinds.items()},
        False,
    )


def _few(group: Any) -> Any:
    if len(group) > MOST_NAMES:
        raise ValueError(f"{group.name} has {len(group):,} members, expected at most {MOST_NAMES:,}")
    return group


def _class_and_number(layer: str) -> tuple[str, int]:
    """Class name and number of a layer, such as "conv2d_1"."""
    match = NUMBERED.fullmatch(layer)
    assert match is not None  # for mypy: the pattern matches any name
    return match[1], int(match[2] or 0)
