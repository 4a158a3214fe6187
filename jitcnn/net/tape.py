"""``Tape``: records the steps of a forward pass for the backward pass."""

from collections.abc import Collection, Sequence
from typing import Any

from ..errors import ConfigError
from ..layers import Layer
from ..support.arrays import Array
from .fusion import Step, layers_of
from .model_arrays import zero_gradients


class Tape:
    """The steps of one forward pass, in order, with their saved values; ``frozen`` are the layers frozen in this pass."""

    def __init__(self, frozen: Collection[Layer] = ()) -> None:
        self._entries: list[tuple[Step, Any]] = []
        self._frozen = frozen

    def append(self, step: Step, saved: Any) -> None:
        """Record the next step."""
        self._entries.append((step, saved))

    def pullback(self, d_out: Array, need_d_x: bool = True) -> Array | None:
        """Backward pass: d_out -> d_x, or None if not needed; sets the gradients of all layers that are not frozen.

        The gradients of a parameter used by several steps are summed. Without d_x, the pass ends at the first layer to train.
        """
        totals: dict[int, Array] = {}  # keyed by id of the parameter array
        owners: list[tuple[Layer, dict[str, Array]]] = []
        last = 0 if need_d_x else self._first_trained()
        for position in range(len(self._entries) - 1, last - 1, -1):
            step, saved = self._entries[position]
            if self._is_frozen(step):
                d_out = step.pullback_input(d_out, saved)
                if step.keeps_its_pass:  # such a layer sets its own gradients
                    zero_gradients(layers_of(step)[0])
                continue
            d_x, gradients = step.pullback(d_out, saved, need_d_x or position > last)
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

    def _first_trained(self) -> int:
        """Position of the first step to train: the first one, or, if any are frozen, the first with other parameters."""
        if not self._frozen:
            return 0
        trained = (
            position
            for position, (step, _) in enumerate(self._entries)
            if layers_of(step)[0].parameters() and not self._is_frozen(step)
        )
        return next(trained, len(self._entries))

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
