"""The arrays of a model: parameters, gradients and buffers, in layer order and by name."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np

from ..layers import Layer
from ..optim import SGD
from ..support.arrays import Array

Thing = TypeVar("Thing")


class ModelArrays:
    """The arrays of all layers; base class of ``CNN``. An array shared by several layers is listed once."""

    layers: list[Layer]
    _frozen: tuple[Layer, ...] = ()  # see ``freezing``

    def parameters(self) -> list[Array]:
        """All learnable arrays, in layer order, those of frozen layers included.

        Examples
        --------
        >>> from jitcnn.models import lenet5
        >>> [array.shape for array in lenet5().parameters()[:2]]
        [(6, 1, 5, 5), (6,)]
        """
        return _once(parameter for layer in self.layers for parameter in layer.parameters().values())

    def buffers(self) -> list[Array]:
        """All arrays that are saved but not trained, in layer order."""
        return _once(buffer for layer in self.layers for buffer in layer.buffers().values())

    def arrays(self) -> list[Array]:
        """All parameters, then all buffers."""
        return self.parameters() + self.buffers()

    def generators(self) -> list[np.random.Generator]:
        """The random generators used by the forward pass, each once."""
        return _once(generator for layer in self.layers for generator in layer.generators())

    def gradients(self) -> list[Array]:
        """The gradient of each of ``parameters()``, in the same order."""
        parameters = [parameter for layer in self.layers for parameter in layer.parameters().values()]
        gradients = [gradient for layer in self.layers for gradient in layer.gradients().values()]
        return list({id(mine): gradient for mine, gradient in zip(parameters, gradients, strict=True)}.values())

    def trainable_parameters(self) -> list[Array]:
        """The parameters that a training updates, in layer order: those that no frozen layer uses."""
        frozen = self._frozen_arrays()
        return [parameter for parameter in self.parameters() if id(parameter) not in frozen]

    def trainable_gradients(self) -> list[Array]:
        """The gradient of each of ``trainable_parameters()``, in the same order."""
        frozen = self._frozen_arrays()
        pairs = zip(self.parameters(), self.gradients(), strict=True)
        return [gradient for parameter, gradient in pairs if id(parameter) not in frozen]

    def trainable_arrays(self) -> list[Array]:
        """As ``arrays``, without those that a frozen layer uses: the arrays that change in a training."""
        frozen = self._frozen_arrays()
        return [array for array in self.arrays() if id(array) not in frozen]

    def _frozen_arrays(self) -> set[int]:
        """The ids of the parameters and buffers of the frozen layers."""
        return {id(array) for layer in self._frozen for array in (layer.parameters() | layer.buffers()).values()}

    @property
    def parameter_count(self) -> int:
        """Number of parameters, those of frozen layers included."""
        return sum(parameter.size for parameter in self.parameters())

    def fingerprint(self) -> str:
        """SHA-256 of all parameters in order, as little-endian bytes: equal for bit-identical weights.

        Examples
        --------
        >>> from jitcnn.models import lenet5
        >>> len(lenet5().fingerprint()), lenet5(seed=0).fingerprint() == lenet5(seed=1).fingerprint()
        (64, False)
        """
        digest = hashlib.sha256()
        for parameter in self.parameters():
            digest.update(parameter.astype(parameter.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def update_params(self, learning_rate: float) -> None:
        """One step of plain gradient descent: parameter -= learning_rate · gradient."""
        SGD(learning_rate, momentum=0).step(self.trainable_parameters(), self.trainable_gradients())

    def named_arrays(self) -> dict[str, Array]:
        """All parameters and buffers by their name in a model file, such as ``0.weights``.

        Examples
        --------
        >>> from jitcnn.models import lenet5
        >>> list(lenet5().named_arrays())[:3]
        ['0.weights', '0.bias', '3.weights']
        """
        arrays = [layer.parameters() | layer.buffers() for layer in self.layers]
        return {f"{position}.{name}": array for position, named in enumerate(arrays) for name, array in named.items()}

    def load_arrays(self, arrays: Mapping[str, Array]) -> None:
        """Copy arrays into the parameters and buffers of the same name in ``named_arrays``."""
        mine = self.named_arrays()
        for name, array in arrays.items():
            mine[name][...] = array


def zero_gradients(layer: Layer) -> None:
    """Set the gradients of a layer to zero."""
    layer.set_gradients({name: np.zeros_like(parameter) for name, parameter in layer.parameters().items()})


def _once(things: Iterable[Thing]) -> list[Thing]:
    """The unique objects, in order of first occurrence."""
    return list({id(thing): thing for thing in things}.values())
