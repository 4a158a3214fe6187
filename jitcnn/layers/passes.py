"""Forward and backward passes of a layer: the stateless pair ``apply`` and ``pullback``, and stateful wrappers.

``apply(x, training) -> (out, saved)`` computes the output and returns what the backward pass needs.
``pullback(d_out, saved) -> (d_x, gradients)`` is the backward pass. Neither stores state on the layer, so a layer can be used
twice in a network, by several threads, or for a prediction between a forward pass and its backward pass.

``forward(x)`` and ``backward(d_out)`` are thin wrappers that store ``saved`` of the last forward pass on the layer.
"""

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError
from ..support.arrays import Array

Gradients = dict[str, Array]  # by parameter name, ``inner.name`` for the parameters of an inner layer
Pulled = tuple[Array | None, Gradients]


class Pass:
    """Base of layers and fused blocks. A subclass defines ``apply`` and ``pullback``, or ``forward`` and ``backward``.

    The second pair is for layers that store their own state; such a layer cannot be used twice in one network.
    """

    _last: tuple[Any] | None = None  # ``saved`` of the last ``forward``; in a tuple, as ``saved`` may be None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = cls.__dict__
        if "apply" in own:
            cls._apply = own["apply"]  # type: ignore[method-assign]
        if "pullback" in own:
            cls._pullback = own["pullback"]  # type: ignore[method-assign]
        if ("forward" in own or "backward" in own) and "apply" not in own:
            cls.apply, cls.pullback = Pass.apply, Pass.pullback  # type: ignore[method-assign]
        if ("pullback" in own or "backward" in own) and "pullback_input" not in own:
            cls.pullback_input = Pass.pullback_input  # type: ignore[method-assign]

    def _apply(self, x: Array, training: bool) -> tuple[Array, Any]:
        raise NotImplementedError(f"{type(self).__name__} defines neither apply and pullback nor forward and backward.")

    def _pullback(self, d_out: Array, saved: Any, need_d_x: bool = True) -> Pulled:
        raise NotImplementedError(f"{type(self).__name__} defines neither apply and pullback nor forward and backward.")

    @property
    def keeps_its_pass(self) -> bool:
        """Whether the class defines only ``forward`` and ``backward``; a second forward pass then overwrites the first."""
        return type(self).apply is Pass.apply

    def apply(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Return the output and the values that ``pullback`` needs; ``training`` is False in evaluation."""
        return self.forward(x, training), None

    def pullback(self, d_out: Array, saved: Any, need_d_x: bool = True) -> Pulled:
        """Gradients with respect to the input (None unless needed) and the parameters, given ``d_out``."""
        return self.backward(d_out), self.gradients()

    def pullback_input(self, d_out: Array, saved: Any) -> Array:
        """The d_x of ``pullback``; layers that can compute it without the parameter gradients override this."""
        d_x, _ = self.pullback(d_out, saved)
        assert d_x is not None  # need_d_x is True by default
        return d_x

    def __call__(self, x: Array) -> Array:
        """Inference: ``apply`` with ``training=False``; stores nothing for a backward pass."""
        return self.apply(x, False)[0]

    def forward(self, x: Array, training: bool = True) -> Array:
        """``apply``, and store what ``backward`` needs; ``training`` is False in evaluation."""
        out, saved = self._apply(x, training) if self.keeps_its_pass else self.apply(x, training)
        self._last = (saved,)
        return out

    def backward(self, d_out: Array) -> Array:
        """``pullback`` for the last ``forward``: store the parameter gradients and return d_x."""
        pullback = self._pullback if self.keeps_its_pass else self.pullback
        d_x, gradients = pullback(d_out, self._saved())
        self.set_gradients(gradients)
        assert d_x is not None  # need_d_x is True by default
        return d_x

    def backward_parameters(self, d_out: Array) -> None:
        """Store the parameter gradients only; the first layer of a network needs no d_x."""
        if self.keeps_its_pass:
            self.backward(d_out)
        else:
            self.set_gradients(self.pullback(d_out, self._saved(), need_d_x=False)[1])

    def gradients(self) -> Gradients:
        """The gradient of each parameter, by parameter name."""
        raise NotImplementedError

    def set_gradients(self, gradients: Mapping[str, Array]) -> None:
        """Store gradients by parameter name."""
        raise NotImplementedError

    def _saved(self) -> Any:
        """The values saved in the last ``forward``; ConfigError if there was none."""
        if self._last is None:
            raise ConfigError(
                f"{type(self).__name__}.backward expects a preceding forward pass; call forward(x) first."
            )
        return self._last[0]
