"""``Watch``: notices that layers have changed since the compiled call of a network was prepared."""

from collections.abc import Sequence

from ..kernels.elementwise.checksums import Checksums
from ..layers import Layer
from ..support.arrays import Array


class Watch:
    """Notices changes of layers: of a setting, of which array a layer has, and of the numbers in an array.

    It is made before the numbers are read, so that a change in the meantime is noticed, too.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._change = Layer.last_change
        arrays = [_arrays(layer) for layer in layers]
        self._counts = [len(some) for some in arrays]
        self._checksums = Checksums([array for some in arrays for array in some])

    def narrow(self, count: int) -> None:
        """Watch the arrays of the first ``count`` layers only."""
        self._checksums.narrow(sum(self._counts[:count]))

    @property
    def sees_no_change(self) -> bool:
        """Whether the layers are as they were."""
        return self._change == Layer.last_change and self._checksums.are_unchanged


def _arrays(layer: Layer) -> list[Array]:
    return [*layer.parameters().values(), *layer.buffers().values()]
