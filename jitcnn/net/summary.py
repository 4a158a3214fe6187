"""Model summary: a table with one row per layer and the activation that follows it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from ..graph import INPUT, Graph, layer_shapes
from ..kernels.engine.plan import Plan
from ..layers import Layer
from ..layers.naming import numbered
from ..shapes import Shape, Window, receptive_field
from ..support.text import printable
from .architecture import INPUT_NAME
from .fusion import Step, layers_of

HEAD = ("layer", "output", "parameters", "mult-adds", "memory", "field", "runs as")
LEGEND = (
    "mult-adds, memory of the outputs: per image, in float32\n"
    "field: receptive field, in pixels; runs as: algorithm, forward / backward if they differ, for batch size {batch_size}"
)
FLOAT32_BYTES = 4
PREFIXES = ("", "k", "M", "G", "T")


@dataclass
class Row:
    """One row of the table, for one image; values that depend on the input shape are None if it is unknown.

    ``activation_bytes`` is the memory of the layer's output in float32; activations run in place or are fused.
    ``receptive_field`` is empty if the layer does not depend on the input. ``position`` is the number of the layer, from 0, and None in the row of totals; ``frozen`` tells whether a training leaves it as it is.
    """

    label: str
    activation: str
    output_shape: Shape | None
    parameter_count: int
    multiply_adds: int | None
    activation_bytes: int | None
    receptive_field: Shape | None
    runs_as: str
    plans: dict[str, Plan]
    position: int | None = None
    frozen: bool = False


def summary_rows(
    graph: Graph[Layer],
    steps: Graph[Step],
    input_shape: Shape | None,
    batch_size: int = 64,
    frozen: Collection[int] = (),
) -> list[Row]:
    """The rows of the table, one per layer.

    Parameters
    ----------
    graph : the layers
    steps : layers and fused blocks, as they run
    input_shape : tuple without N, or None
    batch_size : int; the algorithm may depend on it
    frozen : positions of the frozen layers
    """
    rows: list[Row] = []
    shapes = None if input_shape is None else layer_shapes(graph, input_shape)
    windows = _windows(graph)
    names = [*numbered(map(type, graph)), INPUT_NAME]  # that of the input is last, at INPUT
    for position, (layer, plans) in enumerate(_with_plans(steps, shapes, batch_size)):
        shape = field = adds = memory = None
        if shapes is not None and input_shape is not None:
            before, shape = shapes[position]
            adds, memory = layer.multiply_adds(before), FLOAT32_BYTES * layer.activations(before)
            seen = windows.get(position)
            # after Flatten every unit sees the whole input
            field = receptive_field(seen) if seen is not None and len(shape) > 1 else input_shape[1:] or input_shape
            field = field if position in windows else ()
        reads = graph.sources[position]
        if layer.is_activation and rows and reads == (position - 1,):
            rows[-1].activation = layer.label
            continue
        count = sum(parameter.size for parameter in layer.parameters().values())
        runs = runs_as(plans) if shape is not None else _impl_of(layer)
        is_frozen = position in frozen
        label = (
            layer.label
            if reads in ((), (position - 1,))
            else f"{layer.label} of {', '.join(names[each] for each in reads)}"
        )
        rows.append(Row(label, "", shape, count, adds, memory, field, runs, plans, position, is_frozen))
    return rows


def _windows(graph: Graph[Layer]) -> dict[int, list[Window] | None]:
    """The windows between the input and each layer, on the path that sees most; None if some path sees the whole input.

    Layers that do not depend on the input are left out.
    """
    found: dict[int, list[Window] | None] = {INPUT: []}
    for position, layer in enumerate(graph):
        paths = [found[source] for source in graph.sources[position] if source in found]
        known = [path for path in paths if path is not None]
        if known and len(known) == len(paths) and layer.window is not None:
            found[position] = [*max(known, key=receptive_field), layer.window]
        elif paths:
            found[position] = None
    return found


def _with_plans(
    steps: Iterable[Step], shapes: Sequence[tuple[Any, Shape]] | None, batch_size: int
) -> Iterator[tuple[Layer, dict[str, Plan]]]:
    """Each layer with its plans; the pooling layer of a fused block has the plans of the block."""
    first = 0
    for step in steps:
        plans = {} if shapes is None else step.plans(shapes[first][0], batch_size)
        for position, layer in enumerate(layers_of(step)):
            yield layer, plans if position == 0 or not layer.is_activation else {}
        first += len(layers_of(step))


def _impl_of(layer: Layer) -> str:
    """The requested implementation, for layers without a plan."""
    impl = getattr(layer, "impl", "")
    return "?" if impl == "auto" else impl


def runs_as(plans: Mapping[str, Plan]) -> str:
    """The algorithms of the forward pass, then after a slash those of the backward pass if they differ."""
    forward = {_short(plan): _algorithm(plan) for name, plan in plans.items() if name.endswith("forward")}
    backward = dict.fromkeys(_algorithm(plan) for name, plan in plans.items() if not name.endswith("forward"))
    text = "+".join(forward)
    if backward and set(backward) != set(forward.values()):
        text += f" / {'+'.join(backward)}"
    return text


def _algorithm(plan: Plan) -> str:
    """Name of an algorithm, with the size of its tiles if the plan chose it."""
    return f"{plan.algorithm} {plan.variant}" if plan.variant == "4×4" else plan.algorithm


def _short(plan: Plan) -> str:
    """``_algorithm``, with the variant of a fused one."""
    return f"{plan.algorithm} {plan.variant}" if plan.algorithm == "fused" else _algorithm(plan)


def cells(row: Row) -> tuple[str, ...]:
    """Cell texts of a row, one per column of ``HEAD``."""
    number = "" if row.position is None else f"{row.position} "
    activation = f" + {row.activation}" if row.activation else ""
    return (
        f"{number}{row.label}{activation}{' (frozen)' if row.frozen else ''}",
        times(row.output_shape),
        f"{row.parameter_count:,}" if row.parameter_count else "–",
        compact(row.multiply_adds),
        compact(row.activation_bytes, "B"),
        times(row.receptive_field) or "–",
        row.runs_as,
    )


def total(rows: Sequence[Row]) -> Row:
    """The row of totals."""
    counts = [row.multiply_adds for row in rows if row.multiply_adds is not None]
    memory = [row.activation_bytes for row in rows if row.activation_bytes is not None]
    known = len(counts) == len(rows)
    return Row(
        "total", "", None, sum(row.parameter_count for row in rows),
        sum(counts) if known else None, sum(memory) if known else None, None, "", {},
    )  # fmt: skip


def total_cells(rows: Sequence[Row]) -> tuple[str, ...]:
    """Cell texts of the totals, empty where there is no total."""
    return tuple("" if cell == "?" else cell for cell in cells(total(rows)))


def summary_text(rows: list[Row], batch_size: int = 64) -> str:
    """The table as plain text, followed by totals and legend."""
    last = total(rows)
    bottom = ("total", "", f"{last.parameter_count:,}", *cells(last)[3:5], "", "")
    table = [HEAD, *map(cells, rows), bottom]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, 1, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], LEGEND.format(batch_size=batch_size)])


def summary_record(name: str, input_shape: Shape | None, rows: Sequence[Row], batch_size: int) -> dict[str, Any]:
    """The table as plain values: totals, and one entry per layer."""
    last = total(rows)
    return {
        "name": name,
        "input_shape": input_shape,
        "parameters": last.parameter_count,
        "multiply_adds": last.multiply_adds,
        "activation_bytes": last.activation_bytes,
        "batch_size": batch_size,
        "layers": [asdict(row) | {"plans": {name: plan._asdict() for name, plan in row.plans.items()}} for row in rows],
    }


def summary_html(name: str, rows: Sequence[Row], batch_size: int) -> str:
    """The table as HTML for a notebook, with the columns and the legend of ``summary_text``."""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in HEAD)
    body = "".join(f"<tr>{_html_cells(cells(row))}</tr>" for row in rows)
    legend = escape(LEGEND.format(batch_size=batch_size)).replace("\n", "<br>")
    return (
        f"<table><caption>{escape(printable(name))}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f"<tfoot><tr>{_html_cells(total_cells(rows))}</tr></tfoot></table><p><small>{legend}</small></p>"
    )


def _html_cells(texts: Sequence[str]) -> str:
    """The cells of a row: the first is its header."""
    first, *others = map(escape, texts)
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{text}</td>" for text in others)


class Summarised:
    """The summary of a model, as text, HTML and plain values; base class of ``CNN``."""

    name: str
    input_shape: Shape | None

    if TYPE_CHECKING:

        def steps(self) -> Graph[Step]: ...

        @property
        def graph(self) -> Graph[Layer]: ...

        @property
        def frozen(self) -> tuple[int, ...]: ...

    def summary_rows(self, batch_size: int = 64) -> list[Row]:
        """One row per layer; the algorithms are those for batches of ``batch_size`` images."""
        return summary_rows(self.graph, self.steps(), self.input_shape, batch_size, self.frozen)

    def summary(self, batch_size: int = 64) -> str:
        """Table of the layers with their numbers: output shape, parameters, receptive field and algorithm.

        Examples
        --------
        >>> from jitcnn import CNN, Dense, Flatten
        >>> print(CNN([Flatten(), Dense(12, 3)], input_shape=(3, 2, 2), name="tiny").summary())
        tiny
        layer         output  parameters  mult-adds  memory  field  runs as
        -------------------------------------------------------------------
        0 Flatten     12               –          –       –    2×2
        1 Dense 12→3  3               39         36    12 B    2×2  ...
        -------------------------------------------------------------------
        total                         39         36    12 B
        ...
        """
        return f"{self.name}\n{summary_text(self.summary_rows(batch_size), batch_size)}"

    def summary_record(self, batch_size: int = 64) -> dict[str, Any]:
        """The summary as plain values: one row per layer, and the totals."""
        return summary_record(self.name, self.input_shape, self.summary_rows(batch_size), batch_size)

    def _repr_html_(self) -> str:
        """The summary as a table, which a notebook shows."""
        return summary_html(self.name, self.summary_rows(), batch_size=64)


def times(sizes: Iterable[int] | None) -> str:
    """Format sizes as ``32×26×26``."""
    return "?" if sizes is None else "×".join(map(str, sizes))


def compact(number: float | None, unit: str = "") -> str:
    """Format with three digits and a prefix, such as ``1.85 M``; a dash for zero, "?" for None."""
    if not number:
        return "?" if number is None else "–"
    power = 0
    while number >= 999.5 and power < len(PREFIXES) - 1:
        number, power = number / 1000, power + 1
    return f"{number:.3g} {PREFIXES[power]}{unit}".rstrip()
