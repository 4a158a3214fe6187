"""A layer without inputs: an array that other layers add, multiply or append, the same for every image."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from ..errors import ConfigError, ShapeError
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer, check_count, check_dtype
from .facts import Answer, Probe, tensor
from .passes import Pulled


class Constant(Layer):
    """out = value, of one row: ``Add``, ``Mul``, ``Div`` and ``Concat`` repeat it for each image.

    Parameters
    ----------
    shape : sequence of int, the shape of ``value``, without N
    trained : bool; whether ``value`` is a parameter, such as a learnable scale, or a buffer that training leaves as it is
    dtype : np.float32 (for training) or np.float64 (for gradient checks)

    Attributes
    ----------
    value : ndarray of shape ``shape``, initially zero
    d_value : ndarray, gradient of value, if it is a parameter

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    Examples
    --------
    The sum of an image and a constant per channel; the constant reads nothing:

    >>> from jitcnn import CNN, Add, Constant
    >>> constant = Constant((2, 1, 1))
    >>> constant.value[:] = [[[1]], [[5]]]
    >>> model = CNN([constant, Add()], sources=[(), (-1, 0)], input_shape=(2, 1, 3))
    >>> model(np.zeros((1, 2, 1, 3), np.float32)).tolist()
    [[[[1.0, 1.0, 1.0]], [[5.0, 5.0, 5.0]]]]
    """

    inputs: ClassVar[int | None] = 0
    config_names = ("shape", "trained")

    def __init__(self, shape: Sequence[int], trained: bool = False, *, dtype: Any = np.float32) -> None:
        if not isinstance(shape, list | tuple) or not shape:
            raise ConfigError(f"shape of Constant must be a list of sizes without N, such as (3, 1, 1), got {shape!r}.")
        if not isinstance(trained, bool):
            raise ConfigError(f"trained must be true or false, got {trained!r}.")
        self.shape: Shape = tuple(check_count("every size in shape of Constant", size) for size in shape)
        self.trained = trained
        self.value: Array = np.zeros(self.shape, check_dtype(dtype))
        if trained:
            self.parameter_names = ("value",)
            self.d_value: Array = np.zeros_like(self.value)
        else:
            self.buffer_names = ("value",)

    def apply(self, x: Any, training: bool) -> tuple[Array, None]:
        """The empty tuple -> value, (1, …). Saves nothing: d_out is the gradient."""
        self._check(x)
        return self.value[None], None

    def pullback(self, d_out: Array, saved: None, need_d_x: bool = True) -> Pulled:
        """d_out (1, …) -> the empty tuple, and the gradient of value if it is trained."""
        if d_out.shape != (1, *self.shape):
            raise ShapeError(f"Constant.backward expects d_out of shape {(1, *self.shape)}, got {d_out.shape}.")
        return (), {"value": d_out[0].copy()} if self.trained else {}  # type: ignore[return-value]

    def output_shape(self, input_shape: Any) -> Shape:
        """The empty tuple -> the shape of value."""
        self._check(input_shape)
        return self.shape

    def activations(self, input_shape: Any) -> int:
        """0: the output is a view of value."""
        return 0

    @property
    def label(self) -> str:
        """Name and shape, such as ``Constant 3×1×1``."""
        return f"Constant {'×'.join(map(str, self.shape))}"

    @property
    def window(self) -> None:
        """None: there is no input."""
        return None

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """A trained constant per channel, and one of features; one that is not trained has no gradient to compare."""
        for name, shape in (("per channel", (3, 1, 1)), ("of features", (5,))):
            layer = cls(shape, trained=True)
            layer.value[...] = rng.standard_normal(shape)
            yield f"Constant {name}", layer, ()

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The gradient of the value is d_out."""
        layer = cls((2,), trained=True, dtype=np.float64)
        layer.value[:] = 3, 4
        yield "out", layer.forward(()), [[3, 4]]  # type: ignore[arg-type]
        yield "d_x", layer.backward(np.array([[5.0, 6.0]])), ()
        yield "d_value", layer.d_value, [5, 6]

    def torch_twin(self, torch: Any) -> Any:
        """A module whose ``forward`` has no arguments."""
        value, trained = tensor(torch, self.value), self.trained

        class Twin(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                if trained:
                    self.value = torch.nn.Parameter(value)
                else:
                    self.register_buffer("value", value)

            def forward(self) -> Any:
                return self.value[None]

        return Twin()

    def _check(self, x: Any) -> None:
        """``x`` is the tuple of inputs, or of their shapes."""
        if not isinstance(x, tuple) or x:
            got = x.shape if isinstance(x, np.ndarray) else x
            raise ShapeError(f"Constant expects no input, got {got}: give CNN sources where it reads none, ().")
