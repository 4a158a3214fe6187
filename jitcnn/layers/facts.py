"""Layer metadata for tools that iterate over all layers.

The gradient check, the comparison with torch, the worked examples, the receptive field, the microscope and the layer names read
this metadata from the layer; adding a layer requires no change to them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..shapes import Pair, Shape, Window
from ..support.arrays import Array

if TYPE_CHECKING:
    from .base import Layer

Probe = tuple[str, "Layer", Any]
"""A description, a layer, and an input for it; a tuple of inputs unless the layer has exactly one."""
Answer = tuple[str, Any, Any]
"""The name of an array, its value, and the expected value worked out by hand."""

IMAGES = (2, 3, 7, 6)  # shape of the images in probes: axis sizes pairwise different


class Facts:
    """Layer metadata; the defaults are those of an elementwise layer."""

    short_name: ClassVar[str] = ""  # in names such as conv2; by default the class name in lower case
    lens: ClassVar[str] = ""  # view in the microscope: "conv", "dense", "max_pool" or "avg_pool"; empty for none
    implementations: ClassVar[tuple[str, ...]] = ()  # valid values of ``impl``; empty if there is only one

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Layers and inputs that cover each setting, to check gradients and compare with torch and between implementations."""
        yield from ()

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Small results that can be verified by hand."""
        yield from ()

    def torch_twin(self, torch: Any) -> Any:
        """The equivalent torch module with copies of the arrays; TypeError if torch has none."""
        raise TypeError(f"torch has no equivalent of {self}")

    @property
    def window(self) -> Window | None:
        """Size and stride of the input window that an output depends on; None for the whole input."""
        return (1, 1), (1, 1)

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair] | None:
        """The inputs that a block of outputs depends on.

        Parameters
        ----------
        outputs : a range (first, end) for each axis of the output after the channels, or for the only axis
        input_shape : tuple, without N

        Returns
        -------
        sequence of pairs, or None
            A range for each axis of the input after the channels, or for the only axis; None for the whole input.
        """
        return outputs if self.window is not None else None


def answers(layer: "Layer", x: Any, out: Any, d_out: Any, d_x: Any, **gradients: Any) -> Iterator[Answer]:
    """Run a layer forward and backward in float64, with the expected output, d_x and parameter gradients."""
    x, d_out = np.asarray(x, np.float64), np.asarray(d_out, np.float64)
    yield "out", layer.forward(x), out
    yield "d_x", layer.backward(d_out), d_x
    for name, expected in gradients.items():
        yield f"d_{name}", layer.gradients()[name], expected


def image(*rows: Sequence[float]) -> Array:
    """Rows of pixels as one single-channel image, (1, 1, H, W), float64."""
    return np.array([[rows]], np.float64)


def as_if_trained(layer: "Layer", rng: np.random.Generator) -> "Layer":
    """Randomise scales, shifts and running statistics, whose initial values 1 and 0 would hide errors."""
    for name, array in (layer.parameters() | layer.buffers()).items():
        if name.endswith(("gamma", "running_var")):
            layer.set_array(name, rng.uniform(0.5, 1.5, array.shape).astype(array.dtype))
        elif name.endswith(("beta", "bias", "running_mean")):
            layer.set_array(name, rng.uniform(-0.5, 0.5, array.shape).astype(array.dtype))
    return layer


def torch_module(torch: Any, function: Callable[..., Any]) -> Any:
    """A torch module without parameters whose ``forward`` is the function."""

    class Twin(torch.nn.Module):  # type: ignore[misc]
        def forward(self, *x: Any) -> Any:
            return function(*x)

    return Twin()


def tensor(torch: Any, array: Array) -> Any:
    """A torch tensor with a copy of the array."""
    return torch.from_numpy(np.array(array, order="C"))
