"""``Tape``: what a net saved in one forward pass, so that the backward pass can follow it step by step."""

from collections.abc import Sequence
from typing import Any

from .arrays import Array
from .errors import ConfigError
from .fusion import Step, layers_of
from .layers import Layer


class Tape:
    """The steps of one forward pass in order, each with what it saved."""

    def __init__(self) -> None:
        self._entries: list[tuple[Step, Any]] = []

    def append(self, step: Step, saved: Any) -> None:
        """Add the next step of the pass."""
        self._entries.append((step, saved))

    def pullback(self, d_out: Array, need_d_x: bool = True) -> Array | None:
        """Set every layer's gradients, given the gradient for the output; return the input's, or None unless needed.

        The gradients of a parameter that several steps use are summed.
        """
        totals: dict[int, Array] = {}  # by the parameter array
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
    """ConfigError if a layer that keeps the state of its pass on itself is used twice in a net."""
    for position, layer in enumerate(layers):
        if layer.keeps_its_pass and any(layer is other for other in layers[:position]):
            raise ConfigError(
                f"{layer!r} is used twice in a net, but keeps the state of one pass only: "
                "define apply and pullback instead of forward and backward."
            )
