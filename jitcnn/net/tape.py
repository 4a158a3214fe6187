"""``Tape``: records the steps of a forward pass for the backward pass."""

from collections.abc import Collection, Sequence
from typing import Any

from ..errors import ConfigError
from ..graph import Graph
from ..layers import Layer
from ..support.arrays import Array
from .fusion import Step, layers_of
from .model_arrays import zero_gradients


class Tape:
    """The saved values of each step of one forward pass; ``frozen`` are the layers frozen in this pass."""

    def __init__(self, steps: Graph[Step], frozen: Collection[Layer] = ()) -> None:
        self._steps = steps
        self._saved: list[Any] = []
        self._frozen = frozen

    def append(self, saved: Any) -> None:
        """Record the values that the next step saves."""
        self._saved.append(saved)

    def pullback(self, d_out: Array, need_d_x: bool = True) -> Array | None:
        """Backward pass: d_out -> d_x, or None if not needed; sets the gradients of all layers that are not frozen.

        The gradients of a parameter used by several steps are summed. Without d_x, the pass ends at the first layer to train.
        """
        totals: dict[int, Array] = {}  # keyed by id of the parameter array
        owners: list[tuple[Layer, dict[str, Array]]] = []
        first = 0 if need_d_x else self._first_trained()

        def back(position: int, d_out: Array) -> Any:
            step, saved = self._steps.nodes[position], self._saved[position]
            if self._is_frozen(step):
                d_x: Any = step.pullback_input(d_out, saved)
                if step.keeps_its_pass:  # such a layer sets its own gradients
                    zero_gradients(layers_of(step)[0])
                return d_x
            needed = need_d_x or any(source >= first for source in self._steps.sources[position])
            d_x, gradients = step.pullback(d_out, saved, needed)
            if gradients:
                owner = layers_of(step)[0]
                parameters = owner.parameters()
                owners.append((owner, {name: parameters[name] for name in gradients}))
                for name, gradient in gradients.items():
                    key = id(parameters[name])
                    totals[key] = totals[key] + gradient if key in totals else gradient
            return d_x

        d_x = self._steps.backward(d_out, back, first)
        for owner, parameters in owners:
            owner.set_gradients({name: totals[id(parameter)] for name, parameter in parameters.items()})
        return d_x if need_d_x else None

    def _first_trained(self) -> int:
        """Position of the first step to train: the first one, or, if any are frozen, the first with other parameters."""
        if not self._frozen:
            return 0
        trained = (
            position
            for position, step in enumerate(self._steps)
            if layers_of(step)[0].parameters() and not self._is_frozen(step)
        )
        return next(trained, len(self._steps))

    def _is_frozen(self, step: Step) -> bool:
        return layers_of(step)[0] in self._frozen


def check_shared(layers: Sequence[Layer]) -> None:
    """Raise ConfigError if a layer that stores the state of its own pass is used twice."""
    for position, layer in enumerate(layers):
        if layer.keeps_its_pass and any(layer is other for other in layers[:position]):
            raise ConfigError(
                f"{layer!r} is used twice in a model, but stores the state of only one pass: "
                "define apply and pullback instead of forward and backward."
            )
