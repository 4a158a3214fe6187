"""Frozen layers, which a training does not change, and learning rates of single layers."""

from collections.abc import Mapping
from math import isfinite

from ..errors import CheckpointError, ConfigError
from ..layers import Layer
from .model_arrays import ModelArrays, zero_gradients
from .selection import Selection, select_layers


class Freezing(ModelArrays):
    """Frozen layers; base class of ``CNN``.

    A training leaves the parameters and buffers of a frozen layer as they are, and computes no gradients for them. A frozen
    layer runs in evaluation mode: batch normalisation uses its running statistics, and dropout is off. A parameter that a
    frozen layer shares with another one is frozen in both.
    """

    name: str

    def freeze(self, *selections: Selection) -> None:
        """Freeze layers, in addition to those that are frozen already; ``save`` records them.

        Parameters
        ----------
        selections : numbers such as 3, ranges such as "0-5", kinds such as "BatchNorm2D", "head", "all-but-head" or "all";
            a text may have several, separated by commas; see ``net.selection.select_layers``

        Raises
        ------
        ConfigError
            If a selection is unknown, or selects no layer.

        Examples
        --------
        >>> from jitcnn.models import mnist_cnn
        >>> model = mnist_cnn()
        >>> model.freeze("all-but-head")
        >>> model.frozen
        (0, 1, 2, 3, 4, 5, 6, 7)
        >>> model
        <CNN mnist-cnn: 11 layers, 225,034 parameters, 223,744 frozen>
        >>> [parameter.shape for parameter in model.trainable_parameters()]
        [(128, 10), (10,)]
        """
        for position in select_layers(self.layers, *selections, name=self.name):
            layer = self.layers[position]
            if not any(layer is other for other in self._frozen):
                self._frozen = (*self._frozen, layer)
                zero_gradients(layer)

    def unfreeze(self, *selections: Selection) -> None:
        """Train these layers again, or all if none are given; parameters and errors as for ``freeze``.

        Examples
        --------
        >>> from jitcnn.models import mnist_cnn
        >>> model = mnist_cnn()
        >>> model.freeze("0-7")
        >>> model.unfreeze("Dense")
        >>> model.frozen
        (0, 1, 2, 3, 4, 5, 6)
        >>> model.unfreeze()
        >>> model.frozen
        ()
        """
        chosen = select_layers(self.layers, *(selections or ("all",)), name=self.name)
        layers = [self.layers[position] for position in chosen]
        self._frozen = tuple(layer for layer in self._frozen if not any(layer is other for other in layers))

    @property
    def frozen(self) -> tuple[int, ...]:
        """Positions of the frozen layers."""
        frozen = {id(layer) for layer in self._frozen}
        return tuple(position for position, layer in enumerate(self.layers) if id(layer) in frozen)

    def frozen_layers(self) -> tuple[Layer, ...]:
        """The frozen layers, each once, in the order they were frozen."""
        return self._frozen

    @property
    def frozen_count(self) -> int:
        """Number of frozen parameters."""
        return self.parameter_count - sum(parameter.size for parameter in self.trainable_parameters())

    def check_trainable(self) -> None:
        """Raise ConfigError if layers are frozen and no parameter is left to train."""
        if self._frozen and not self.trainable_parameters():
            raise ConfigError(
                f"{self.name} has no parameters left to train, as all its layers with parameters are frozen: freeze fewer "
                "layers, such as all-but-head, or call unfreeze."
            )

    def layer_rates(self, factors: Mapping[str, float]) -> dict[int, float]:
        """The learning rate factor of each layer, by position, without those that are 1.

        Parameters
        ----------
        factors : factor > 0 of each selection of layers, as for ``freeze``; of overlapping selections, the last one counts

        Raises
        ------
        ConfigError
            If a selection is unknown or a factor is not a positive number.

        Examples
        --------
        >>> from jitcnn.models import mnist_cnn
        >>> mnist_cnn().layer_rates({"all": 0.1, "head": 1, "Conv2D": 0.01})
        {0: 0.01, 1: 0.1, 2: 0.1, 3: 0.01, 4: 0.1, 5: 0.1, 6: 0.1, 7: 0.1, 8: 0.1}
        """
        rates: dict[int, float] = {}
        for selection, factor in factors.items():
            if isinstance(factor, bool) or not isinstance(factor, int | float) or not (isfinite(factor) and factor > 0):
                raise ConfigError(
                    f"The learning rate factor of {selection} must be a positive number, got {factor!r}; freeze layers "
                    "that are not to change."
                )
            rates |= dict.fromkeys(select_layers(self.layers, selection, name=self.name), float(factor))
        return {position: rate for position, rate in sorted(rates.items()) if rate != 1}

    def parameter_rates(self, factors: Mapping[str, float]) -> list[float] | None:
        """The factor of each of ``trainable_parameters()``, for ``Optimizer.step``; None if all are 1.

        ``factors`` and errors as for ``layer_rates``. A parameter that two layers share has the factor of the first.

        Examples
        --------
        >>> from jitcnn.models import mnist_cnn
        >>> mnist_cnn().parameter_rates({"head": 10})
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0, 10.0]
        """
        rates = self.layer_rates(factors)
        if not rates:
            return None
        of_array: dict[int, float] = {}
        for position, layer in enumerate(self.layers):
            for parameter in layer.parameters().values():
                of_array.setdefault(id(parameter), rates.get(position, 1.0))
        return [of_array[id(parameter)] for parameter in self.trainable_parameters()]

    def _freeze_again(self, positions: object) -> None:
        """Freeze the positions in a file, None in most files; CheckpointError if they are invalid."""
        positions = [] if positions is None else positions
        if not isinstance(positions, list) or not all(
            type(position) is int and 0 <= position < len(self.layers) for position in positions
        ):
            raise CheckpointError(
                f"its frozen layers must be numbers from 0 to {len(self.layers) - 1}, got {positions!r}"
            )
        if positions:
            self.freeze(*positions)
