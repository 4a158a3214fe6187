"""A stack of layers as a table: one row per layer, its activation beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .layers import Layer
from .layers.base import Shape
from .shapes import receptive_field


@dataclass
class Row:
    """One line of the table."""

    label: str
    activation: str
    output_shape: str
    parameter_count: int
    receptive_field: str
    runs: str


def summary_rows(layers: Iterable[Layer], input_shape: Shape | None, fused: Sequence[Layer] = ()) -> list[Row]:
    """The rows of a stack; shapes and receptive fields read "?" while the input's shape is not known.

    Parameters
    ----------
    layers : the stack, from the input upwards
    input_shape : tuple without N, or None
    fused : those of the layers that run as one pass with their neighbours
    """
    rows: list[Row] = []
    windows = []
    shape = input_shape
    for layer in layers:
        windows.append(layer.window)
        field: tuple[int, ...] | None = receptive_field(windows)
        if shape is not None:
            shape = layer.output_shape(shape)
        if input_shape is None:
            field = None
        elif shape is not None and len(shape) == 1:  # behind Flatten every unit sees everything
            field = input_shape[1:] or input_shape
        if layer.is_activation and rows:
            rows[-1].activation = layer.label
            continue
        count = sum(parameter.size for parameter in layer.parameters().values())
        runs = "fused" if layer in fused else layer.runs_as
        rows.append(Row(layer.label, "", _times(shape), count, _times(field), runs))
    return rows


def summary_text(rows: list[Row]) -> str:
    """The table as plain text, with the total of parameters below."""
    head = ("layer", "activation", "output", "parameters", "receptive field", "runs as")
    table = [head] + [
        (r.label, r.activation, r.output_shape, f"{r.parameter_count:,}", r.receptive_field, r.runs) for r in rows
    ]
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if column == 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
    total = sum(r.parameter_count for r in rows)
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], f"total parameters: {total:,}"])


def _times(sizes: Iterable[int] | None) -> str:
    return "?" if sizes is None else "×".join(map(str, sizes))
