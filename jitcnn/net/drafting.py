"""``Drafting``: what each of the first layers of a network computes in one compiled call, before it has a place in the memory.

Batch normalisation disappears into the convolution before it, see ``folding``; so do a ReLU and a sum after it.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from ..functional.calls import Windows
from ..functional.checks import FUSING
from ..graph import INPUT, Graph
from ..kernels.engine.one_image import depthwise_for_one_image, tile_for_one_image
from ..kernels.engine.plan import Problem
from ..kernels.types import Grid, windows_extent
from ..kernels.whole_net.table import CONVOLVE, COPY, DEPTHWISE, MAXIMUM, MEAN, WINOGRAD
from ..layers import (
    Add,
    AvgPool2D,
    BatchNorm2D,
    BottleneckBlock,
    Clip,
    Concat,
    Conv2D,
    Dropout,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    ResidualBlock,
)
from ..shapes import Shape, window_grid
from .folding import Convolution, alone, folded

IMAGE = -1  # among the rows


def _is_relu(layer: Layer) -> bool:
    """Whether a layer is a ReLU, or one with an upper limit: ``Clip(0, 6)`` is the ReLU6."""
    return type(layer) is ReLU or (type(layer) is Clip and layer.low == 0)


class Draft(NamedTuple):
    """One row of the table: its kind, its input and addend as positions (-1 is the image, None is no addend), and its output.

    Winograd's algorithm computes tiles of side × side outputs. ``ceiling`` is the upper limit of the ReLU, if it has one. A part
    of a concatenation copies its input to the channels from ``channel`` on of the output of row ``into``.
    """

    kind: int
    source: int
    windows: Windows
    channels: int
    convolution: Convolution | None = None
    relu: bool = False
    add: int | None = None
    ceiling: float | None = None
    into: int | None = None
    channel: int = 0
    side: int = 1

    @property
    def work(self) -> int:
        """Multiply-adds of the convolution per image."""
        return 0 if self.convolution is None else self.convolution.weights.size * prod(self.windows.size_out)


class Drafting:
    """The rows of the layers from the first on, up to one that has none.

    Parameters
    ----------
    graph : Graph of Layer
    input_shape : (C, H, W)

    Attributes
    ----------
    drafts : list of Draft
    count : int, how many of the first layers these are: of what they compute, the other layers read the output of the last one only
    shape : (C, H, W) or (C,), of that output
    """

    def __init__(self, graph: Graph[Layer], input_shape: Shape) -> None:
        self.drafts: list[Draft] = []
        self._graph, self._readers = graph, graph.readers()
        self._shapes: list[Shape] = [input_shape]  # of the image, at IMAGE + 1, and of each row
        self._rows = {INPUT: IMAGE}  # the row that has the output of a layer, by its position
        self._shared = {IMAGE}  # rows that several layers read
        self._planes: int | None = None  # the row that has the image channels last
        self.count = position = rows = 0
        while position < len(graph) and (taken := self._take(position)):
            position += taken
            if graph.is_cut(position) and self._rows[position - 1] == len(self.drafts) - 1:
                self.count, rows = position, len(self.drafts)
        del self.drafts[rows:]
        self.shape = self._shapes[rows]

    def _take(self, position: int) -> int:
        """Add the rows of a layer and of those that merge with it; how many these are, 0 if it has no row."""
        layer, sources = self._graph.nodes[position], self._graph.sources[position]
        rows = [self._rows[source] for source in sources]
        if getattr(layer, "impl", "auto") not in FUSING or any(len(self._shapes[row + 1]) != 3 for row in rows):
            return 0
        match layer:  # exact classes: a subclass may compute something else
            case Conv2D() if type(layer) is Conv2D and layer.weights.dtype == np.float32:
                norm = self._next(position)
                if type(norm) is not BatchNorm2D:
                    return self._end(position, self._convolve(layer, None, rows[0]))
                return 1 + self._end(position + 1, self._convolve(layer, norm, rows[0]))
            case BatchNorm2D() if type(layer) is BatchNorm2D and layer.gamma.dtype == np.float32:
                source, shape = self._channels_last(rows[0]), self._shapes[rows[0] + 1]
                windows = Windows((shape[1], shape[2]), (1, 1), Grid())
                draft = Draft(DEPTHWISE, source, windows, shape[0], alone(layer))
                return self._end(position, self._add(draft, layer.output_shape(shape)))
            case Add() if type(layer) is Add and len({self._shapes[row + 1] for row in rows}) == 1:
                return self._end(position, self._sum(rows))
            case Concat() if type(layer) is Concat:
                return self._end(position, self._concatenate(rows))
        found = self._row_of(layer, rows[0]) if len(rows) == 1 else None
        return 0 if found is None else self._end(position, found)

    def _row_of(self, layer: Layer, source: int) -> int | None:
        """The last row of a layer that merges with no other one; None if it has none."""
        if _is_relu(layer):
            row = self._copy(source)
            self._rectify(row, layer)
            return row
        if type(layer) in (MaxPool2D, AvgPool2D):
            assert isinstance(layer, MaxPool2D | AvgPool2D)  # for mypy
            maximum = type(layer) is MaxPool2D
            if layer.ceil_mode or (
                layer.padding not in ("valid", (0, 0)) and not (maximum and self._nonnegative(source))
            ):
                return None
            return self._pool(MAXIMUM if maximum else MEAN, layer, source)
        if type(layer) is GlobalAvgPool2D:
            _, H, W = self._shapes[source + 1]
            row = self._pool(MEAN, AvgPool2D((H, W)), source)
            self._shapes[-1] = self._shapes[-1][:1]
            return row
        if type(layer) in (ResidualBlock, BottleneckBlock):
            assert isinstance(layer, ResidualBlock | BottleneckBlock)  # for mypy
            return self._block(layer, source)
        return source if type(layer) is Dropout else None

    def _next(self, position: int) -> Layer | None:
        """The layer after this one if it may merge with it, as nothing else reads between them."""
        if self._readers[position] != 1 or self._graph.sources[position + 1] != (position,):
            return None
        layer = self._graph.nodes[position + 1]
        return layer if getattr(layer, "impl", "auto") in FUSING else None

    def _end(self, position: int, row: int) -> int:
        """Note that a row has the output of a layer, and of a ReLU after it; return 1, or with a ReLU 2."""
        count, after = 1, self._next(position)
        if after is not None and _is_relu(after) and self._takes_relu(row):
            self._rectify(row, after)
            position, count = position + 1, 2
        self._rows[position] = row
        if self._readers[position] != 1:
            self._shared.add(row)
        return count

    def _takes_relu(self, row: int) -> bool:
        """Whether a ReLU can be applied as a row is written."""
        alone = row != IMAGE and row not in self._shared
        return alone and not self.drafts[row].relu

    def _rectify(self, row: int, relu: Layer) -> None:
        self.drafts[row] = self.drafts[row]._replace(relu=True, ceiling=relu.high if isinstance(relu, Clip) else None)

    def _block(self, block: ResidualBlock | BottleneckBlock, source: int) -> int | None:
        if block.branch[0][0].weights.dtype != np.float32:
            return None
        at = source
        around = self._channels_last(source) if block.shortcut is None else self._convolve(*block.shortcut, source)
        for conv, norm in block.branch[:-1]:
            at = self._convolve(conv, norm, at, relu=True)
        return self._convolve(*block.branch[-1], at, relu=True, add=around)

    def _convolve(
        self, conv: Conv2D, norm: BatchNorm2D | None, source: int, relu: bool = False, add: int | None = None
    ) -> int:
        shape = self._shapes[source + 1]
        out = conv.output_shape(shape)
        size = shape[1], shape[2]
        pad, size_out = window_grid(size, conv.kernel_size, conv.stride, conv.padding, conv.dilation)
        windows = Windows(size_out, conv.kernel_size, Grid(conv.stride, conv.dilation, pad))
        problem = Problem(1, shape[0], out[0], size, *windows, conv.groups)
        side = 1 if source == IMAGE else tile_for_one_image(problem)
        kind = CONVOLVE if side == 1 else WINOGRAD
        if source != IMAGE and depthwise_for_one_image(problem):
            kind = DEPTHWISE
        return self._add(Draft(kind, source, windows, out[0], folded(conv, norm), relu, add, side=side), out)

    def _sum(self, rows: Sequence[int]) -> int:
        """The sum of these rows, added as the last of them is written if that is a convolution and nothing else reads it."""
        rows = [self._channels_last(row) for row in rows]
        latest = max(rows)
        draft, others = self.drafts[latest], [row for row in rows if row != latest]
        if (
            draft.convolution is None or draft.relu or draft.add is not None
            or latest in self._shared or len(others) != len(rows) - 1
        ):  # fmt: skip
            latest, *others = rows
        else:
            self.drafts[latest] = draft._replace(add=others.pop(0))
        for row in others:
            latest = self._copy(latest, add=row)
        return latest

    def _concatenate(self, rows: Sequence[int]) -> int:
        """A copy of each row to channels of its own of the same place."""
        shapes = [self._shapes[row + 1] for row in rows]
        (_, H, W), channels = shapes[0], sum(shape[0] for shape in shapes)
        into, channel, windows = len(self.drafts), 0, Windows((H, W), (1, 1), Grid())
        for row, shape in zip(rows, shapes, strict=True):
            self._add(Draft(COPY, row, windows, channels, into=into, channel=channel), (channels, H, W))
            channel += shape[0]
        return len(self.drafts) - 1

    def _channels_last(self, row: int) -> int:
        """The row, or of the image, of which only convolutions and copies read the channels, its copy with the channels last."""
        if row != IMAGE:
            return row
        if self._planes is None:
            self._planes = self._copy(IMAGE)
            self._shared.add(self._planes)
        return self._planes

    def _copy(self, source: int, add: int | None = None) -> int:
        C, H, W = self._shapes[source + 1]
        return self._add(Draft(COPY, source, Windows((H, W), (1, 1), Grid()), C, add=add), (C, H, W))

    def _nonnegative(self, row: int) -> bool:
        """Whether a row has no negative output: the zeros of a border are then never a maximum that is not one of the pixels."""
        while row != IMAGE and self.drafts[row].kind == MAXIMUM and not self.drafts[row].relu:
            row = self.drafts[row].source
        return row != IMAGE and self.drafts[row].relu

    def _pool(self, kind: int, layer: MaxPool2D | AvgPool2D, source: int) -> int:
        source = self._channels_last(source)
        shape = self._shapes[source + 1]
        out, size = layer.output_shape(shape), (shape[1], shape[2])
        pad, size_out = window_grid(size, layer.pool_size, layer.stride, layer.padding)
        windows = Windows(size_out, layer.pool_size, Grid(layer.stride, pad=pad))
        draft, pool = self.drafts[source], Draft(kind, source, windows, out[0])
        if source not in self._shared and draft.kind != COPY:
            if kind == MAXIMUM and draft.relu and draft.add is None:  # of the maxima instead: of fewer numbers
                pool = pool._replace(relu=True, ceiling=draft.ceiling)
                self.drafts[source] = draft._replace(relu=False, ceiling=None)
            self._crop(source, windows)
        return self._add(pool, out)

    def _crop(self, row: int, windows: Windows) -> None:
        """Leave out what these windows do not read of a row."""
        draft, (C, H, W) = self.drafts[row], self._shapes[row + 1]
        (height, width), pad = windows_extent(*windows), windows.grid.pad
        size = min(H, height - pad[0]), min(W, width - pad[1])
        self.drafts[row] = draft._replace(windows=draft.windows._replace(size_out=size))
        self._shapes[row + 1] = C, *size

    def _add(self, draft: Draft, out: Shape) -> int:
        self.drafts.append(draft)
        self._shapes.append(out)
        return len(self.drafts) - 1
