"""``Tape``: records the steps of a forward pass for the backward pass."""

from collections.abc import Sequence
from typing import Any

from ..errors import ConfigError
from ..layers import Layer
from ..support.arrays import Array
from .fusion import Step, layers_of


class Tape:
    """The steps of one forward pass, in order, with their saved values."""

    def __init__(self) -> None:
        self._entries: list[tuple[Step, Any]] = []

    def append(self, step: Step, saved: Any) -> None:
        """Record the next step."""
        self._entries.append((step, saved))

    def pullback(self, d_out: Array, need_d_x: bool = True) -> Array | None:
        """Backward pass: d_out -> d_x, or None if not needed; sets the gradients of all layers.

        The gradients of a parameter used by several steps are summed.
        """
        totals: dict[int, Array] = {}  # keyed by id of the parameter array
        owners: list[tuple[Layer, dict[str, Array]]] = []
        for position in range(len(self._entries) - 1, -1, -1):
            step, saved = self._entries[position]
            d_x, gradients = step.pullback(d_out, saved, need_d_x or position > 0)
            if gradients:
                owner = layers_of(step)[0]
                parameters = owner.parameters()
                owners.append((owner, {name: parameters[name] for name in gradients}))
                for name, gradient in gradients.items():
                    key = id(parameters[name])
                    totals[key] = totals[key] + gradient if key in totals else gradient
            if d_x is None:
                break
            d_out = d_x
        for owner, parameters in owners:
            owner.set_gradients({name: totals[id(parameter)] for name, parameter in parameters.items()})
        return d_out if need_d_x else None


def check_shared(layers: Sequence[Layer]) -> None:
    """Raise ConfigError if a layer that stores the state of its own pass is used twice."""
    for position, layer in enumerate(layers):
        if layer.keeps_its_pass and any(layer is other for other in layers[:position]):
            raise ConfigError(
                f"{layer!r} is used twice in a model, but stores the state of only one pass: "
                "define apply and pullback instead of forward and backward."
            )
