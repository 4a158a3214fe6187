"""``Table``: the rows of a compiled network with their places in the memory, and all their numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..kernels.engine import winograd_transforms, winograd_transforms_4x4
from ..kernels.engine.over_channels import LANES, whole_lanes
from ..kernels.memory import empty
from ..kernels.types import windows_extent
from ..kernels.whole_net import entry
from ..kernels.whole_net.table import COPY, DEPTHWISE, ROOM, WINOGRAD, Place, Tables
from ..kernels.whole_net.winograd import scratch_needed
from ..shapes import Shape
from ..support.arrays import Array, IntArray
from .drafting import Draft
from .folding import Convolution

LANES_AT_ONCE = 32  # the largest block of lanes of direct sums: two vectors of 512 bits
PIXELS_AT_ONCE = 64  # of direct sums, in whole rows: their sums for a block of lanes stay in the L1 cache
LANES_OF_WINOGRAD, TILES_AT_ONCE = 64, 64  # their sums fit in the L2 cache
# Multiply-adds of a layer from which on several threads share it: waking one takes 2 to 20 µs. One image, two cores of a Xeon
# (512-bit, 2026-11-27), shared from here on vs. never: mnist-cnn 1.0 times as fast (from 2¹⁹ on, 0.9), resnet20 1.1.
SHARED = 1 << 21


class Table:
    """What ``whole_net.run`` needs to know.

    Parameters
    ----------
    drafts : sequence of Draft, at least one of them a convolution
    input_shape : (C, H, W)
    normalised : ndarray of shape (C, 256), the values of uint8 pixels
    threads : int, that share the rows of a large layer

    Attributes
    ----------
    steps : array of int, one row of entries for the image, and one per draft
    tables : Tables
    size, scratch : int, elements of the memory of an image, and of the scratch memory of a thread
    """

    def __init__(self, drafts: Sequence[Draft], input_shape: Shape, normalised: Array, threads: int) -> None:
        places, self.size = _places(drafts, input_shape)
        self.steps = np.zeros((1 + len(drafts), entry.ENTRIES), np.int64)
        self.scratch = 0
        channels = max(place.along for place in places)
        self._numbers: list[Array] = [np.zeros(ROOM, np.float32)]
        self._offsets: list[IntArray] = [np.arange(channels, dtype=np.uintp)]
        image = self.steps[0]
        image[entry.TO], image[entry.TO_DOWN] = places[0].first, places[0].down
        image[entry.CHANNEL], image[entry.FACTORS] = places[0].channel, self._keep(normalised)
        counts = [input_shape[0], *(draft.channels for draft in drafts)]
        for step, draft, place in zip(self.steps[1:], drafts, places[1:], strict=True):
            source = places[draft.source + 1]
            self._describe(step, draft, source, place)
            if draft.add is not None:
                step[entry.ADD], step[entry.ADD_DOWN] = places[draft.add + 1].first, places[draft.add + 1].down
            if draft.kind == COPY:
                step[entry.COUNT], step[entry.CHANNEL] = counts[draft.source + 1], source.channel
                step[entry.TO_CHANNEL] = draft.channel
            elif draft.convolution is None:
                step[entry.FACTORS] = self._keep(np.full(LANES, 1 / (step[entry.K_H] * step[entry.K_W]), np.float32))
            elif draft.kind == WINOGRAD:
                self._transform(step, draft, draft.convolution, source)
            elif draft.kind == DEPTHWISE:
                self._line_up(step, draft, draft.convolution, source)
            else:
                self._lay_out(step, draft, draft.convolution, source)
            step[entry.SHARED] = threads > 1 and draft.work >= SHARED
        numbers = empty((sum(map(len, self._numbers)),), np.dtype(np.float32))
        self.tables = Tables(np.concatenate(self._numbers, out=numbers), np.concatenate(self._offsets))

    def _describe(self, step: IntArray, draft: Draft, source: Place, place: Place) -> None:
        """Everything but the numbers."""
        size_out, (K_h, K_w), (stride, _, pad) = draft.windows
        step[entry.KIND], step[entry.LANES], step[entry.UNITS] = draft.kind, place.along, size_out[0]
        step[entry.ROWS], step[entry.COLUMNS], step[entry.K_H], step[entry.K_W] = *size_out, K_h, K_w
        step[entry.FROM] = source.first - pad[0] * source.down - pad[1] * source.along
        step[entry.FROM_DOWN] = source.down
        step[entry.DOWN], step[entry.ALONG] = stride[0] * source.down, stride[1] * source.along
        step[entry.TO], step[entry.TO_DOWN], step[entry.RELU], step[entry.ADD] = place.first, place.down, draft.relu, -1
        step[entry.CEILING] = -1 if draft.ceiling is None else self._keep(np.full(LANES, draft.ceiling, np.float32))

    def _lay_out(self, step: IntArray, draft: Draft, convolution: Convolution, source: Place) -> None:
        """Numbers of direct sums: the taps in the order in which they lie in the memory, block by block of lanes."""
        K, columns, lanes = len(convolution.bias), int(step[entry.COLUMNS]), int(step[entry.LANES])
        found = (_blocks(convolution, _block(lanes, most)) for most in (LANES_AT_ONCE, LANES))
        blocks = min(found, key=lambda blocks: blocks.channels)  # the larger ones, if both read as many channels
        weights = _spread(convolution.weights, blocks)
        taps = _taps(weights.shape[1:], draft, source)
        order = np.argsort(taps, kind="stable")
        factors = np.zeros((len(taps), lanes), np.float32)
        factors[:, :K] = weights.reshape(K, -1).T[order]
        rows = 1 if columns % 8 == 0 else min(int(step[entry.ROWS]), max(1, PIXELS_AT_ONCE // columns))
        windows = np.arange(rows)[:, None] * step[entry.DOWN] + np.arange(columns) * step[entry.ALONG]
        self.scratch = max(self.scratch, windows.size * blocks.lanes)
        step[entry.AT_ONCE], step[entry.PLACES] = rows, self._point(np.append(np.zeros(4, int), windows))
        step[entry.BLOCK], step[entry.CHANNEL_STEPS] = blocks.lanes, self._point(blocks.first * source.channel)
        step[entry.COUNT], step[entry.TAPS] = len(taps), self._point(taps[order])
        step[entry.FILTER_STEPS] = self._point(np.arange(len(taps)) * blocks.lanes)
        step[entry.FACTORS] = self._keep(factors.reshape(len(taps), -1, blocks.lanes).transpose(1, 0, 2))
        step[entry.BIAS] = self._keep(_filled(convolution.bias, lanes))

    def _line_up(self, step: IntArray, draft: Draft, convolution: Convolution, source: Place) -> None:
        """Numbers of depthwise sums: a row of factors, one for each lane, per tap."""
        K, lanes = len(convolution.bias), int(step[entry.LANES])
        factors = np.zeros((int(step[entry.K_H] * step[entry.K_W]), lanes), np.float32)
        factors[:, :K] = convolution.weights.reshape(K, -1).T
        taps = _taps((1, *draft.windows.kernel_size), draft, source)
        step[entry.COUNT], step[entry.TAPS] = len(taps), self._point(taps)
        step[entry.FACTORS], step[entry.BIAS] = self._keep(factors), self._keep(_filled(convolution.bias, lanes))

    def _transform(self, step: IntArray, draft: Draft, convolution: Convolution, source: Place) -> None:
        """Numbers of Winograd's algorithm: G g Gᵀ of every filter, block by block of lanes."""
        (weights, bias, _), side = convolution, draft.side
        G = winograd_transforms_4x4.G if side == 4 else winograd_transforms.G
        (K, C), lanes, channels = weights.shape[:2], int(step[entry.LANES]), source.along
        block = step[entry.BLOCK] = _block(lanes, LANES_OF_WINOGRAD)
        factors = np.zeros((len(G) ** 2, channels, lanes), np.float32)
        factors[:, :C, :K] = (np.kron(G, G) @ weights.reshape(-1, 9).T).reshape(-1, K, C).transpose(0, 2, 1)
        biases = np.zeros((lanes // block, 2, block), np.float32)  # of all elements of a tile but one, and of that one
        biases[:, 1] = _filled(bias, lanes).reshape(-1, block)
        step[entry.SIDE] = side
        step[entry.UNITS], step[entry.TILES] = -(-step[entry.ROWS] // side), -(-step[entry.COLUMNS] // side)
        step[entry.DOWN], step[entry.ALONG] = side * step[entry.DOWN], side * step[entry.ALONG]
        step[entry.AT_ONCE] = min(step[entry.UNITS], max(1, TILES_AT_ONCE // step[entry.TILES]))
        tiles = int(step[entry.AT_ONCE] * step[entry.TILES])
        step[entry.CHANNELS], step[entry.TILE_STEPS] = channels, self._point(np.arange(tiles + 3) * channels)
        step[entry.FILTER_STEPS] = self._point(np.arange(channels) * block)
        step[entry.FACTORS] = self._keep(factors.reshape(len(factors), channels, -1, block).transpose(2, 0, 1, 3))
        step[entry.BIAS] = self._keep(biases)
        self.scratch = max(self.scratch, scratch_needed(side, tiles, channels, block))

    def _keep(self, numbers: Array) -> int:
        """Where these begin in ``tables.numbers``."""
        return _append(self._numbers, _filled(numbers.ravel(), whole_lanes(numbers.size)))

    def _point(self, offsets: IntArray) -> int:
        """Where these begin in ``tables.offsets``."""
        return _append(self._offsets, offsets.astype(np.uintp))


def _append(parts: list[Any], part: Any) -> int:
    """Where ``part`` begins in the concatenation of all parts."""
    at = sum(map(len, parts))
    parts.append(part)
    return at


def _filled(numbers: Array, count: int) -> Array:
    """``count`` numbers: these, and zeros."""
    return np.pad(numbers, (0, count - len(numbers)))


def _block(lanes: int, most: int) -> int:
    """How many lanes of a convolution are computed together: at most ``most``, and a divisor of all."""
    return next(block for block in (most, 32, LANES) if block <= most and lanes % block == 0)


def _taps(shape: Shape, draft: Draft, source: Place) -> IntArray:
    """Offsets of the taps (channels, K_h, K_w) of a convolution, one after another."""
    (c, kh, kw), dilation = np.indices(shape).reshape(3, -1), draft.windows.grid.dilation
    offsets: IntArray = c * source.channel + kh * dilation[0] * source.down + kw * dilation[1] * source.along
    return offsets


class _Blocks(NamedTuple):
    """Which channels the blocks of ``lanes`` filters read: those of all groups in a block."""

    lanes: int
    first: IntArray
    """The first channel of each block."""
    channels: int
    """How many channels each block reads."""
    own: IntArray
    """The first channel of the group of each filter."""


def _blocks(convolution: Convolution, lanes: int) -> _Blocks:
    """The channels of the blocks of so many filters."""
    (K, C), groups = convolution.weights.shape[:2], convolution.groups
    own = np.arange(K) // (K // groups) * C
    first, ends = own[::lanes], np.minimum(np.arange(lanes, K + lanes, lanes), K)
    channels = int((own[ends - 1] - first).max()) + C
    return _Blocks(lanes, np.minimum(first, groups * C - channels), channels, own)


def _spread(weights: Array, blocks: _Blocks) -> Array:
    """Weights (K, channels of a block, K_h, K_w): those of channels that are not of the filter's own group are 0."""
    (K, C), filters = weights.shape[:2], np.arange(len(weights))
    begin = blocks.own - blocks.first[filters // blocks.lanes]
    spread = np.zeros((K, blocks.channels, *weights.shape[2:]), np.float32)
    spread[filters[:, None], begin[:, None] + np.arange(C)] = weights
    return spread


def _places(drafts: Sequence[Draft], input_shape: Shape) -> tuple[list[Place], int]:
    """Where the image and the output of each row lie, with a border as wide as any row that reads them needs, and the end of all."""
    shapes = [input_shape, *((draft.channels, *draft.windows.size_out) for draft in drafts)]
    owners = [0, *(k if draft.into is None else draft.into + 1 for k, draft in enumerate(drafts, 1))]
    borders = np.zeros((len(shapes), 4), int)  # top, bottom, left, right
    for draft in drafts:
        size_out, kernel_size, grid = draft.windows
        size_out = -(-size_out[0] // draft.side) * draft.side, -(-size_out[1] // draft.side) * draft.side  # whole tiles
        spanned = windows_extent(size_out, kernel_size, grid)
        for axis in (0, 1):
            size, before = shapes[draft.source + 1][1 + axis], grid.pad[axis]
            after = spanned[axis] - before - size
            wide = borders[owners[draft.source + 1], 2 * axis : 2 * axis + 2]
            np.maximum(wide, (before, after), out=wide)
    places: list[Place] = []
    end = 0
    for position, ((C, H, W), (top, bottom, left, right)) in enumerate(zip(shapes, borders.tolist(), strict=True)):
        if owners[position] != position:
            places.append(places[owners[position]])
            continue
        height, width = top + H + bottom, left + W + right
        lanes = 1 if position == 0 else whole_lanes(C)
        channel = height * width if position == 0 else 1
        places.append(Place(end + (top * width + left) * lanes, width * lanes, lanes, channel))
        end += whole_lanes(height * width * (C if position == 0 else lanes)) + ROOM
    return places, end
