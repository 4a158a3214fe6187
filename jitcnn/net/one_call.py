"""``OneCall``: the first layers of a network, prepared to run in one compiled call (see ``kernels.engine.whole_net``)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kernels.engine.over_channels import whole_lanes
from ..kernels.engine.plan import in_one_call
from ..kernels.engine.whole_net import CONVOLVE, LANES_AT_ONCE, ROOM, Place, Step, Tables, run_images
from ..kernels.runtime import thread_count
from ..kernels.types import windows_extent
from ..layers import Layer
from ..shapes import Shape
from ..support.arrays import Array
from .drafting import Convolution, Draft, Drafting

MOST_BYTES = 1 << 22  # of an image in all its layers: more does not stay in the cache of a core
JOBS = 8  # of a batch, or one for each thread if there are more, so that these share the images evenly


class OneCall:
    """The first layers of a network, prepared to run in one compiled call.

    A snapshot: weights that change later have no effect. Calls from several threads at a time are allowed.

    Parameters
    ----------
    layers : sequence of Layer, those of a chain
    input_shape : (C, H, W)

    Attributes
    ----------
    count : int, how many of the layers it runs; 0 if the first one cannot be run so, or an image needs more than ``MOST_BYTES``
    output_shape : tuple without N

    Examples
    --------
    >>> from jitcnn import BatchNorm2D, Conv2D, Dense, Flatten, ReLU
    >>> from jitcnn.net.one_call import OneCall
    >>> first = OneCall([Conv2D(1, 2, 3), BatchNorm2D(2), ReLU(), Flatten(), Dense(8, 2)], (1, 4, 4))
    >>> first.count, first(np.zeros((5, 1, 4, 4), np.float32)).shape
    (3, (5, 2, 2, 2))
    """

    def __init__(self, layers: Sequence[Layer], input_shape: Shape) -> None:
        drafting, self.count = Drafting(input_shape), 0
        while self.count < len(layers) and (taken := drafting.take(layers[self.count :])):
            self.count += taken
        self.output_shape = drafting.shape
        self._free: dict[int, list[tuple[Array, Array]]] = {}  # memory of calls that are over, by the number of jobs
        drafts, self._folds, self._winograd_share = drafting.drafts, drafting.folds, drafting.winograd_share
        if not any(draft.kind == CONVOLVE for draft in drafts):
            self.count = 0
            return
        places, self._size = _places(drafts, input_shape)
        if self._size * 4 > MOST_BYTES:
            self.count = 0
            return
        self._image = places[0]
        self._steps, self._tables = _tables(drafts, places)

    def suits(self, x: Array) -> bool:
        """Whether this call computes x, and faster than one layer after another."""
        possible = self.count > 0 and x.dtype == np.float32 and len(x) > 0
        return possible and in_one_call(len(x), self._folds, self._winograd_share)

    def __call__(self, x: Array) -> Array:
        """x (N, C, H, W), float32 -> (N, …)."""
        out = np.empty((len(x), *self.output_shape, *(1, 1)[: 2 * (len(self.output_shape) == 1)]), np.float32)
        jobs = min(len(x), max(JOBS, thread_count()))
        free = self._free.setdefault(jobs, [])
        try:
            memory, rows = free.pop()
        except IndexError:
            memory = np.zeros((jobs, self._size), np.float32)
            rows = np.empty((jobs, 4 * LANES_AT_ONCE), np.float32)
        run_images(x, self._image, self._steps, self._tables, memory, rows, out)
        free.append((memory, rows))
        return out.reshape(len(x), *self.output_shape)


def _places(drafts: Sequence[Draft], input_shape: Shape) -> tuple[list[Place], int]:
    """Where the image and the output of each row lie, with a border as wide as any row that reads them needs, and the end of all."""
    shapes = [input_shape, *((draft.channels, *draft.windows.size_out) for draft in drafts)]
    borders = np.zeros((len(shapes), 4), int)  # top, bottom, left, right
    for draft in drafts:
        spanned = windows_extent(*draft.windows)
        for axis in (0, 1):
            size, before = shapes[draft.source + 1][1 + axis], draft.windows.grid.pad[axis]
            after = spanned[axis] - before - size
            wide = borders[draft.source + 1, 2 * axis : 2 * axis + 2]
            np.maximum(wide, (before, after), out=wide)
    places, end = [], 0
    for position, ((C, H, W), (top, bottom, left, right)) in enumerate(zip(shapes, borders.tolist(), strict=True)):
        height, width = top + H + bottom, left + W + right
        lanes = 1 if position == 0 else whole_lanes(C)
        channel = height * width if position == 0 else 1
        places.append(Place(end + (top * width + left) * lanes, width * lanes, lanes, channel))
        end += height * width * (C if position == 0 else lanes) + ROOM
    return places, end


def _tables(drafts: Sequence[Draft], places: Sequence[Place]) -> tuple[Any, Tables]:
    """The rows of all drafts, and the numbers of their convolutions."""
    steps = np.zeros(len(drafts), Step)
    parts: dict[str, list[Any]] = {name: [] for name in Tables._fields}
    for step, draft, place in zip(steps, drafts, places[1:], strict=True):
        source, (size_out, kernel_size, (stride, _, pad)) = places[draft.source + 1], draft.windows
        step["kind"], step["lanes"], step["block"] = draft.kind, place.along, _block(place.along)
        step["rows"], step["columns"] = size_out
        step["from_"] = source.first - pad[0] * source.down - pad[1] * source.along
        step["from_down"] = source.down
        step["down"], step["along"] = stride[0] * source.down, stride[1] * source.along
        step["to"], step["to_down"] = place.first, place.down
        step["K_h"], step["K_w"] = kernel_size
        step["relu"], step["add"] = draft.relu, -1
        if draft.add is not None:
            step["add"], step["add_down"] = places[draft.add + 1].first, places[draft.add + 1].down
        if draft.convolution is not None:
            for name, numbers in _numbers(draft, draft.convolution, source, place.along).items():
                if name != "runs":
                    step[name] = sum(map(len, parts[name]))
                parts[name].append(numbers)
            step["count"] = draft.convolution.weights[0].size
    return steps, Tables(*(np.concatenate(parts[name]) for name in Tables._fields))


def _numbers(draft: Draft, convolution: Convolution, source: Place, lanes: int) -> dict[str, Any]:
    """The entries of one convolution in ``Tables``; the taps in the order in which they lie in the memory."""
    weights, bias = convolution
    K, columns, (stride, dilation, _) = len(weights), draft.windows.size_out[1], draft.windows.grid
    c, kh, kw = np.indices(weights.shape[1:]).reshape(3, -1)
    taps = c * source.channel + kh * dilation[0] * source.down + kw * dilation[1] * source.along
    order = np.argsort(taps, kind="stable")
    factors, biases = np.zeros((len(taps), lanes), np.float32), np.zeros(lanes, np.float32)
    factors[:, :K], biases[:K] = weights.reshape(K, -1).T[order], bias
    row = np.zeros(max(4, columns), np.uintp)
    row[:columns] = np.arange(columns) * stride[1] * source.along
    return {
        "taps": taps[order].astype(np.uintp),
        "runs": np.arange(len(taps), dtype=np.uintp) * np.uintp(_block(lanes)),
        "places": row,
        "factors": factors.reshape(len(taps), -1, _block(lanes)).transpose(1, 0, 2).ravel(),
        "bias": biases,
    }


def _block(lanes: int) -> int:
    """How many lanes of a convolution are computed together: half of the largest block if that does not divide them."""
    return LANES_AT_ONCE if lanes % LANES_AT_ONCE == 0 else LANES_AT_ONCE // 2
