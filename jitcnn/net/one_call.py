"""``OneCall``: the first layers of a network, prepared to run in one compiled call (see ``kernels.whole_net``)."""

from collections.abc import Sequence

import numpy as np

from ..functional.pixels import pixel_values
from ..graph import Graph
from ..kernels.memory import empty
from ..kernels.runtime import most_threads
from ..kernels.whole_net.run import run
from ..layers import Layer
from ..shapes import Shape
from ..support.arrays import Array, IntArray
from .drafting import Drafting
from .tabulating import Table

MOST_BYTES = 1 << 22  # of an image in all its layers: more does not stay in the cache of a core
JOBS = 8  # of a batch, or one for each thread if there are more, so that these share the images evenly
DTYPES = np.dtype(np.float32), np.dtype(np.uint8)
NO_NUMBERS, NO_PIXELS = np.zeros((0, 0, 0, 0), np.float32), np.zeros((0, 0, 0, 0), np.uint8)


class OneCall:
    """The first layers of a network, prepared to run in one compiled call.

    A snapshot: weights that change later have no effect. Calls from several threads at a time are allowed.

    Parameters
    ----------
    graph : Graph of Layer
    input_shape : (C, H, W)
    mean, std : sequence of float, that normalise uint8 pixels, one value per channel or one for all channels

    Attributes
    ----------
    count : int, how many of the first layers it runs; 0 if there is no convolution among them
    output_shape : tuple without N

    Examples
    --------
    >>> from jitcnn import BatchNorm2D, Conv2D, Dense, Flatten, ReLU
    >>> from jitcnn.graph import Graph
    >>> from jitcnn.net.one_call import OneCall
    >>> layers = [Conv2D(1, 2, 3), BatchNorm2D(2), ReLU(), Flatten(), Dense(8, 2)]
    >>> first = OneCall(Graph.chain(layers), (1, 4, 4))
    >>> first.count, first(np.zeros((5, 1, 4, 4), np.float32)).shape
    (3, (5, 2, 2, 2))
    """

    def __init__(
        self, graph: Graph[Layer], input_shape: Shape, mean: Sequence[float] = (0,), std: Sequence[float] = (1,)
    ) -> None:
        drafting = Drafting(graph, input_shape)
        self.count = drafting.count
        self.output_shape = drafting.shape
        self._shape = *drafting.shape, *(1, 1)[: 2 * (len(drafting.shape) == 1)]
        self._free: dict[
            int, list[tuple[Array, Array]]
        ] = {}  # memory of calls that are over, by the number of images at a time
        if not any(draft.convolution for draft in drafting.drafts):
            self.count = 0
            return
        self._threads = most_threads()
        self._table = Table(drafting.drafts, input_shape, pixel_values(input_shape[0], mean, std), self._threads)
        self._large = self._table.size * 4 > MOST_BYTES

    def suits(self, x: Array | IntArray) -> bool:
        """Whether this call computes x."""
        return self.count > 0 and x.dtype in DTYPES and len(x) > 0

    def __call__(self, x: Array | IntArray) -> Array:
        """x (N, C, H, W), float32 or uint8 pixels -> (N, …)."""
        if not x.flags.carray:
            x = x.copy()  # the type of a read-only array would have the kernel compiled once more
        out, table = np.empty((len(x), *self._shape), np.float32), self._table
        in_turn = self._large or len(x) < max(2, self._threads)
        images = 1 if in_turn else min(len(x), max(JOBS, self._threads))
        free = self._free.setdefault(images, [])
        try:
            memory, scratch = free.pop()
        except IndexError:
            memory, scratch = (
                empty((jobs, size), out.dtype)
                for jobs, size in ((images, table.size), (max(images, self._threads), table.scratch))
            )
            memory[...] = scratch[...] = 0
        numbers, pixels = (NO_NUMBERS, x) if x.dtype == np.uint8 else (x, NO_PIXELS)
        run(numbers, pixels, table.steps, *table.tables, memory, scratch, out)
        free.append((memory, scratch))
        return out.reshape(len(x), *self.output_shape)
