"""Padding layer: adds pixels at the sides of an image.

out[n, c, oh, ow] = x[n, c, oh - top, ow - left] inside the image; outside it a constant, or the pixel mirrored or nearest.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import functional
from ..errors import ConfigError
from ..functional.calls import Windows, plane_plans
from ..functional.checks import check_impl
from ..functional.pad import check_pad, pad_sources, padded_size
from ..kernels.engine.plan import Plan
from ..shapes import Padding, Pair, Shape, check_padding, seen_through, sides
from ..support.arrays import Array
from .base import Layer, check_input, check_number, window_label
from .facts import IMAGES, Answer, Probe, answers, image
from .passes import Pulled


class Pad2D(Layer):
    """Padding as a layer of its own, for forms that a convolution or pooling layer does not have.

    Parameters
    ----------
    padding : int or pair (height, width) on each side, or four ints (top, bottom, left, right), in pixels
    mode : {"constant", "reflect", "edge"}
        "reflect" mirrors the image at the centre of its outermost pixels, "edge" repeats the outermost pixels.
    value : float, of the pixels added with mode "constant"
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Raises
    ------
    ConfigError
        If a setting is out of range, or ``value`` is given with another mode.

    Examples
    --------
    >>> from jitcnn import Pad2D
    >>> Pad2D((0, 0, 2, 1), mode="reflect")(np.array([[[[1.0, 2.0, 3.0]]]])).tolist()
    [[[[3.0, 2.0, 1.0, 2.0, 3.0, 2.0]]]]
    """

    short_name = "pad"
    config_names = ("padding", "mode", "value")
    implementations = tuple(functional.PAD_IMPLEMENTATIONS)

    def __init__(self, padding: Padding, mode: str = "constant", value: float = 0.0, *, impl: str = "auto") -> None:
        check_pad(padding, mode)
        self.padding: Padding = check_padding(padding)
        self.mode = mode
        self.impl = check_impl(impl)
        self.value = check_number("value of Pad2D", value)
        if value != 0 and mode != "constant":
            raise ConfigError(f'value of Pad2D is for mode "constant" only, got {value!r} with mode "{mode}".')

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, C, H, W) -> (N, C, H_out, W_out). Saves the shape of x: the pass is linear."""
        check_input("Pad2D", x.shape[1:], "C", "H", "W")
        return functional.pad2d(x, self.padding, self.mode, self.value, impl=self.impl), x.shape

    def pullback(self, d_out: Array, saved: Shape, need_d_x: bool = True) -> Pulled:
        """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W)."""
        return functional.pad2d_backward(d_out, saved, self.padding, self.mode, impl=self.impl), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C, top + H + bottom, left + W + right)."""
        check_input("Pad2D", input_shape, "C", "H", "W")
        return (input_shape[0], *padded_size((input_shape[1], input_shape[2]), self.padding, self.mode))

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        x, windows = (
            (images, *input_shape),
            Windows(padded_size((input_shape[1], input_shape[2]), self.padding, self.mode)),
        )
        return plane_plans("pad2d", functional.PAD_IMPLEMENTATIONS, x, windows, np.dtype(np.float32), self.impl)

    @property
    def label(self) -> str:
        """Name, padding and mode, such as ``Pad2D 1 reflect`` or ``Pad2D (0, 1, 0, 1)``."""
        text = window_label(((1, 1), (1, 1)), self.padding).removeprefix("1×1 pad ")
        text = "0" if text == "1×1" else text
        if self.value:
            return f"Pad2D {text} with {self.value:g}"
        return f"Pad2D {text}" if self.mode == "constant" else f"Pad2D {text} {self.mode}"

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair]:
        """The pixels in the outputs, and those of which the outputs have copies."""
        top, _, left, _ = sides(self.padding)
        found = []
        for (first, end), size, before in zip(outputs, input_shape[1:], (top, left), strict=True):
            if self.mode == "constant" or first >= end:
                found.append(seen_through((first, end), size, 1, 1, before))
                continue
            sources = pad_sources(size, end, before, self.mode)[first:]
            found.append((int(sources.min()), int(sources.max()) + 1))
        return found

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Each mode with different padding at each side, and the largest reflection that the image size allows."""
        x = rng.standard_normal(IMAGES)
        yield "Pad2D 1×2", cls((1, 2), impl=impl), x
        yield "Pad2D on three sides, with -0.5", cls((0, 2, 1, 3), value=-0.5, impl=impl), x
        yield "Pad2D on three sides, reflect", cls((6, 0, 1, 5), "reflect", impl=impl), x
        yield "Pad2D wider than the image, edge", cls((1, 8, 0, 3), "edge", impl=impl), x

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Two pixels at the left and one at the right, in each mode."""
        x, d_out, around = image([1, 2, 3]), image([1, 2, 3, 4, 5, 6]), (0, 0, 2, 1)
        yield from answers(cls(around, value=9, impl=impl), x, image([9, 9, 1, 2, 3, 9]), d_out, image([3, 4, 5]))
        yield from answers(cls(around, "reflect", impl=impl), x, image([3, 2, 1, 2, 3, 2]), d_out, image([3, 12, 6]))
        yield from answers(cls(around, "edge", impl=impl), x, image([1, 1, 1, 2, 3, 3]), d_out, image([6, 4, 11]))

    def torch_twin(self, torch: Any) -> Any:
        """ConstantPad2d, ReflectionPad2d or ReplicationPad2d."""
        top, bottom, left, right = sides(self.padding)
        around = left, right, top, bottom
        if self.mode == "constant":
            return torch.nn.ConstantPad2d(around, self.value)
        return {"reflect": torch.nn.ReflectionPad2d, "edge": torch.nn.ReplicationPad2d}[self.mode](around)
