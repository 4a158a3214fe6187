"""Parse an ONNX file: whatever does not depend on the operators is checked here, before a tensor is read."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, ConfigError
from ..foreign import refuse_pickle

HOW_TO_READ = "pip install 'jitcnn[interchange]'"
OLDEST_OPSET, NEWEST_OPSET = 7, 26
LARGEST_FILE = (1 << 31) - 1  # bytes; the limit of protobuf
MOST_NODES, MOST_TENSORS, LONGEST_NAME = 10_000, 40_000, 1000
OWN_DOMAINS = ("", "ai.onnx")


def load_model(path: str | os.PathLike[str]) -> Any:
    """The ``ModelProto`` in a file, without external tensors; its node order, names and sizes are checked.

    Raises
    ------
    ConfigError
        If the file does not exist, ``onnx`` is not installed, or the file uses another operator set or functions.
    CheckpointError
        If the file is damaged, a pickle, not an ONNX file, or exceeds a limit.
    """
    onnx = _onnx()
    refuse_pickle(path)
    try:
        size = Path(path).stat().st_size
        if Path(path).is_dir():
            raise ConfigError(f"Expected an ONNX file at {path}, found a folder.")
    except FileNotFoundError:
        raise ConfigError(f"Expected an ONNX file at {path}, found none.") from None
    if not 0 < size <= LARGEST_FILE:
        raise CheckpointError(f"{path} is not an ONNX file: expected 1 to {LARGEST_FILE:,} bytes, got {size:,}.")
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except (_decode_error(), UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged or not an ONNX file: it cannot be parsed as protobuf.") from error
    if not model.ir_version or not model.graph.node or not model.opset_import:
        raise CheckpointError(f"{path} is damaged or not an ONNX file: it contains no graph of ONNX operators.")
    _check_graph(path, model)
    return model


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ConfigError(
            f"Reading ONNX files needs the package onnx, which is not installed: run {HOW_TO_READ}."
        ) from error
    return onnx


def _decode_error() -> type[Exception]:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    found: type[Exception] = DecodeError
    return found


def opset_of(path: str | os.PathLike[str], model: Any) -> int:
    """Version of the ONNX operator set; ConfigError if it is not supported."""
    versions = [entry.version for entry in model.opset_import if entry.domain in OWN_DOMAINS]
    if len(versions) != 1 or not OLDEST_OPSET <= versions[0] <= NEWEST_OPSET:
        raise ConfigError(
            f"{path} uses the ONNX operator set {', '.join(map(str, versions)) or 'of no version'}, expected "
            f"{OLDEST_OPSET} to {NEWEST_OPSET}: export it again with opset_version=17."
        )
    return int(versions[0])


def _check_graph(path: str | os.PathLike[str], model: Any) -> None:
    """Raise an error unless the numbers and names are within the limits, and each value is written once and before it is read."""
    graph = model.graph
    for what, count, most in (
        ("nodes", len(graph.node), MOST_NODES),
        ("tensors", len(graph.initializer), MOST_TENSORS),
    ):
        if count > most:
            raise CheckpointError(f"{path} contains {count:,} {what}, expected at most {most:,}.")
    if model.functions:
        raise ConfigError(
            f"{path} defines {len(model.functions)} functions of its own: export it with plain operators."
        )
    if graph.sparse_initializer:
        raise ConfigError(f"{path} contains sparse tensors, expected dense ones: export it again without them.")
    if len(graph.output) != 1:
        raise ConfigError(f"{path} has {len(graph.output)} outputs, expected one: remove the others before the export.")
    _check_names(path, _names(graph))
    held = [tensor.name for tensor in graph.initializer]
    _check_once(path, held)
    given = [value.name for value in graph.input if value.name not in {*held}]
    known = {*held, *given}
    _check_once(path, [*held, *given])
    written = {name for node in graph.node for name in node.output if name}
    for position, node in enumerate(graph.node):
        for name in node.input:
            if name and name not in known:
                problem = (
                    "a later node writes: its nodes are not sorted, or form a cycle"
                    if name in written
                    else "nothing writes"
                )
                raise CheckpointError(
                    f"{path} is damaged: node {position} ({node.op_type}) reads {name!r}, which {problem}."
                )
        for name in filter(None, node.output):
            if name in known:
                raise CheckpointError(
                    f"{path} is damaged: {name!r} is written twice, expected one writer of each value."
                )
            known.add(name)
    if graph.output[0].name not in known:
        raise CheckpointError(f"{path} is damaged: nothing writes its output {graph.output[0].name!r}.")


def _names(graph: Any) -> Iterable[str]:
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    for each in (*graph.initializer, *graph.input, *graph.output):
        yield each.name


def _check_names(path: str | os.PathLike[str], names: Iterable[str]) -> None:
    longest = max(map(len, names), default=0)
    if longest > LONGEST_NAME:
        raise CheckpointError(
            f"{path} contains a name of {longest:,} characters, expected at most {LONGEST_NAME:,}: rename its nodes."
        )


def _check_once(path: str | os.PathLike[str], names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise CheckpointError(f"{path} is damaged: it contains {name!r} twice, expected each name once.")
        seen.add(name)
