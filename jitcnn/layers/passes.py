"""A pass and its pullback: pure functions of a layer's parameters, with the textbook's stateful pair on top.

``apply(x, training) -> (out, saved)`` computes the output and returns what the backward pass needs.
``pullback(d_out, saved) -> (d_x, gradients)`` is the backward pass. Neither stores anything about the pass on the object, so a
layer may be used twice in a net, by several threads, or for a prediction between a forward pass and its backward pass.

``forward(x)`` and ``backward(d_out)`` are thin wrappers that keep ``saved`` of the last forward pass on the object.
"""

from collections.abc import Mapping
from typing import Any

from ..arrays import Array
from ..errors import ConfigError

Gradients = dict[str, Array]  # by parameter name, ``inner.name`` for the parameters of an inner layer
Pulled = tuple[Array | None, Gradients]


class Pass:
    """Base of layers and fused blocks. A subclass defines ``apply`` and ``pullback``, or ``forward`` and ``backward``.

    The second pair is for layers that keep their state themselves; such a layer cannot be used twice in one net.
    """

    _last: tuple[Any] | None = None  # ``saved`` of the last ``forward``, in a tuple as it may be None itself

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = cls.__dict__
        if "apply" in own:
            cls._apply = own["apply"]  # type: ignore[method-assign]
        if "pullback" in own:
            cls._pullback = own["pullback"]  # type: ignore[method-assign]
        if ("forward" in own or "backward" in own) and "apply" not in own:
            cls.apply, cls.pullback = Pass.apply, Pass.pullback  # type: ignore[method-assign]

    def _apply(self, x: Array, training: bool) -> tuple[Array, Any]:
        raise NotImplementedError(f"{type(self).__name__} defines neither apply and pullback nor forward and backward.")

    def _pullback(self, d_out: Array, saved: Any, need_d_x: bool = True) -> Pulled:
        raise NotImplementedError(f"{type(self).__name__} defines neither apply and pullback nor forward and backward.")

    @property
    def keeps_its_pass(self) -> bool:
        """Whether it defines ``forward`` and ``backward`` only, so that a second forward pass overwrites the first."""
        return type(self).apply is Pass.apply

    def apply(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Compute the output, and return with it what ``pullback`` needs; ``training`` is False in evaluation."""
        return self.forward(x, training), None

    def pullback(self, d_out: Array, saved: Any, need_d_x: bool = True) -> Pulled:
        """From the gradient for the output to those for the input (None unless needed) and for the parameters."""
        return self.backward(d_out), self.gradients()

    def __call__(self, x: Array) -> Array:
        """Inference: ``apply`` with ``training=False``, keeping nothing for a backward pass."""
        return self.apply(x, False)[0]

    def forward(self, x: Array, training: bool = True) -> Array:
        """``apply``, keeping what ``backward`` needs; ``training`` is False in evaluation."""
        out, saved = self._apply(x, training) if self.keeps_its_pass else self.apply(x, training)
        self._last = (saved,)
        return out

    def backward(self, d_out: Array) -> Array:
        """``pullback`` for the last ``forward``: set the parameters' gradients, return the input's."""
        pullback = self._pullback if self.keeps_its_pass else self.pullback
        d_x, gradients = pullback(d_out, self._saved())
        self.set_gradients(gradients)
        assert d_x is not None  # it was needed
        return d_x

    def backward_parameters(self, d_out: Array) -> None:
        """Set the parameters' gradients only: enough for the first layer, whose input is not learned."""
        if self.keeps_its_pass:
            self.backward(d_out)
        else:
            self.set_gradients(self.pullback(d_out, self._saved(), need_d_x=False)[1])

    def gradients(self) -> Gradients:
        """The gradient of each parameter, by the parameter's name."""
        raise NotImplementedError

    def set_gradients(self, gradients: Mapping[str, Array]) -> None:
        """Store gradients by parameter name."""
        raise NotImplementedError

    def _saved(self) -> Any:
        """What the last ``forward`` saved; ConfigError if there was none."""
        if self._last is None:
            raise ConfigError(
                f"{type(self).__name__}.backward expects a forward pass before it: call forward(x) first."
            )
        return self._last[0]
