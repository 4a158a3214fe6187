"""Base class of all layers: forward pass, exact backward pass, parameters and buffers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import count
from math import isfinite, isnan, prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import ConfigError, DTypeError, ShapeError
from ..functional.checks import fits_shape
from ..kernels.engine.plan import Plan
from ..shapes import Padding, Pair, Shape
from ..support.arrays import Array
from ..support.renamed import keep_old_names
from .facts import Facts
from .passes import Gradients, Pass

_CHANGES = count(1)
LARGEST_COUNT = 1 << 22  # of channels, features, pixels: more than any network needs, yet small enough to allocate


class Layer(Pass, Facts, ABC):
    """Base of all layers.

    A subclass defines ``apply`` and ``pullback``, the stateless forward and backward pass; see ``passes``.

    - ``parameter_names`` lists the learnable arrays. Each is an attribute; its gradient is the attribute with the prefix
      ``d_``, overwritten by every backward pass.
    - ``buffer_names`` lists the arrays without gradients, such as running statistics.
    - ``inner`` returns the inner layers of a composite layer.
    - ``rng`` is the generator of a layer with a random forward pass.
    - ``input_axes`` names the input axes after N. Names that are also settings can be inferred from an input shape.

    Examples
    --------
    A new layer, and a check of its backward pass:

    >>> from jitcnn import Layer, gradient_check
    >>> class Square(Layer):
    ...     def apply(self, x, training):
    ...         return x * x, x
    ...     def pullback(self, d_out, saved, need_d_x=True):
    ...         return 2 * saved * d_out, {}
    ...     def output_shape(self, input_shape):
    ...         return input_shape
    >>> Square()(np.array([[3.0, -4.0]])).tolist()
    [[9.0, 16.0]]
    >>> gradient_check(Square(), np.array([[3.0, -4.0]])) < 1e-6
    True
    """

    parameter_names: tuple[str, ...] = ()
    buffer_names: tuple[str, ...] = ()
    rng: np.random.Generator | None = None
    config_names: ClassVar[tuple[str, ...]] = ()
    input_axes: ClassVar[tuple[str, ...]] = ()
    is_activation: ClassVar[bool] = False
    inputs: ClassVar[int | None] = 1  # 0 for a ``Constant``, None for any number from two, see ``Merge``
    renamed: ClassVar[dict[str, str]] = {}  # old names of settings and arrays, accepted until version 1.0
    ends_in_relu: ClassVar[bool] = False  # if so, a channel that is 0 on every image gets no gradient
    # Another number whenever any layer gets another value of an attribute that is no gradient.
    last_change: ClassVar[int] = 0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__dict__.get("renamed"):
            keep_old_names(cls, cls.renamed, cls.parameter_names)

    if not TYPE_CHECKING:  # a type checker would accept any attribute

        def __setattr__(self, name: str, value: Any) -> None:
            changes = name in self.__dict__ and not name.startswith(("d_", "_"))
            super().__setattr__(name, value)
            if changes:
                Layer.last_change = next(_CHANGES)

    def inner(self) -> dict[str, "Layer"]:
        """The inner layers of a composite layer by name, in the order of their parameters."""
        return {}

    def parameters(self) -> dict[str, Array]:
        """The parameters by name; those of an inner layer as ``inner.name``."""
        own = {name: getattr(self, name) for name in self.parameter_names}
        return own | self._of_inner(lambda layer: layer.parameters())

    def gradients(self) -> Gradients:
        """The gradient of each parameter, by parameter name."""
        own = {name: getattr(self, f"d_{name}") for name in self.parameter_names}
        return own | self._of_inner(lambda layer: layer.gradients())

    def set_gradients(self, gradients: Mapping[str, Array]) -> None:
        """Store gradients under the names that ``gradients()`` returns."""
        inner = self.inner()
        for name, gradient in gradients.items():
            owner, _, rest = name.partition(".")
            if rest:
                inner[owner].set_gradients({rest: gradient})
            else:
                setattr(self, f"d_{name}", gradient)

    def buffers(self) -> dict[str, Array]:
        """The arrays without gradients by name, such as running statistics."""
        own = {name: getattr(self, name) for name in self.buffer_names}
        return own | self._of_inner(lambda layer: layer.buffers())

    def generators(self) -> list[np.random.Generator]:
        """The random generators used in the forward pass; layers may share one."""
        own = [] if self.rng is None else [self.rng]
        return own + [generator for layer in self.inner().values() for generator in layer.generators()]

    def set_array(self, name: str, array: Array) -> None:
        """Replace a parameter or buffer by ``array``; the gradient of a parameter is reset to zero."""
        owner, _, rest = name.partition(".")
        if rest:
            self.inner()[owner].set_array(rest, array)
            return
        name = self.renamed.get(name, name)
        setattr(self, name, array)
        if name in self.parameter_names:
            setattr(self, f"d_{name}", np.zeros(array.shape, array.dtype))

    def _of_inner(self, arrays: Callable[["Layer"], dict[str, Array]]) -> dict[str, Array]:
        return {f"{name}.{key}": array for name, layer in self.inner().items() for key, array in arrays(layer).items()}

    def activations(self, input_shape: Shape) -> int:
        """Number of activations stored for one input of ``input_shape`` (without N): by default the size of the output."""
        return prod(self.output_shape(input_shape))

    def multiply_adds(self, input_shape: Shape) -> int:
        """Number of multiply-adds for one input of ``input_shape`` (without N)."""
        return 0

    @abstractmethod
    def output_shape(self, input_shape: Shape) -> Shape:
        """Output shape for ``input_shape``, both without N; ShapeError if the input shape is invalid."""

    def config(self) -> dict[str, Any]:
        """The constructor arguments that rebuild this layer, as plain values."""
        return {name: getattr(self, name) for name in self.config_names}

    @property
    def label(self) -> str:
        """Name and sizes for tables, such as ``Conv2D 1→32 3×3``."""
        return type(self).__name__

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """The plan of each pass of the unfused layer for ``images`` inputs of ``input_shape`` (without N), "forward" first.

        Empty if there is only one implementation. The passes of inner layers are named ``inner.forward`` and so on.
        """
        return {}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.config().items())
        return f"{type(self).__name__}({settings})"


def window_label(window: tuple[Pair, Pair], padding: Padding) -> str:
    """Kernel, stride and padding in short form: ``3×3``, ``7×7/2 pad 3``."""
    (K_h, K_w), (stride_h, stride_w) = window
    text = f"{K_h}×{K_w}"
    if stride_h == stride_w > 1:
        text += f"/{stride_h}"
    elif (stride_h, stride_w) != (1, 1):
        text += f"/{stride_h}×{stride_w}"
    if isinstance(padding, tuple) and len(padding) == 4:
        text += f" pad {padding}"
    elif padding not in ("valid", (0, 0)):
        pads = padding if isinstance(padding, tuple) else (padding, padding)
        text += f" pad {pads[0]}" if pads[0] == pads[1] else f" pad {pads[0]}×{pads[1]}"
    return text


def check_count(name: str, value: object) -> int:
    """``value`` as an int from 1 to LARGEST_COUNT; ConfigError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigError(f"{name} must be an integer of at least 1, got {value!r}.")
    if value > LARGEST_COUNT:
        raise ConfigError(f"{name} must be at most {LARGEST_COUNT:,}, got {value!r}.")
    return int(value)


def check_fraction(name: str, value: object) -> float:
    """``value`` as a float in [0, 1); ConfigError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value < 1:
        raise ConfigError(f"{name} must be a number of at least 0 and below 1, got {value!r}.")
    return float(value)


def check_number(name: str, value: object, *, finite: bool = False) -> float:
    """``value`` as a float; ConfigError unless it is a number, not NaN, and, if asked, finite."""
    is_number = not isinstance(value, bool) and isinstance(value, int | float | np.number)
    if not is_number or (not isfinite(value) if finite else isnan(value)):  # type: ignore[arg-type]
        raise ConfigError(f"{name} must be a {'finite ' if finite else ''}number, got {value!r}.")
    return float(value)  # type: ignore[arg-type]


def check_flag(name: str, value: object) -> bool:
    """``value`` as True or False; ConfigError otherwise."""
    if not isinstance(value, bool | np.bool_):
        raise ConfigError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def check_dtype(dtype: Any) -> type:
    """``dtype`` as np.float32 or np.float64; DTypeError otherwise."""
    for allowed in (np.float32, np.float64):
        if dtype == allowed:
            return allowed
    raise DTypeError(f"dtype must be float32 or float64, got {dtype!r}.")


def check_input(layer: str, input_shape: Shape, *expected: int | str) -> None:
    """Raise ShapeError unless ``input_shape`` (without N) matches ``expected``; a name such as "H" matches any size."""
    if not fits_shape(input_shape, expected):
        wanted, got = (", ".join(["N", *map(str, shape)]) for shape in (expected, input_shape))
        raise ShapeError(f"{layer} expects input of shape ({wanted}), got ({got}).")
