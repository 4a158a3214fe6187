"""The torch modules of the pooling layers, whose padding torch has on both sides of an axis only."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..shapes import sides, window_grid

if TYPE_CHECKING:
    from .pool import AvgPool2D, MaxPool2D

Around = tuple[int, int, int, int]
"""Left, right, top and bottom, as ``torch.nn.functional.pad`` takes them; a negative number crops."""


def max_pool_twin(torch: Any, layer: "MaxPool2D") -> Any:
    """MaxPool2d; after padding with -inf if the padding of the layer is no pair."""
    if isinstance(layer.padding, tuple) and len(layer.padding) == 2:
        return torch.nn.MaxPool2d(layer.pool_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode)
    pad, pool = torch.nn.functional.pad, torch.nn.MaxPool2d(layer.pool_size, layer.stride)
    return _padded(
        torch, layer, lambda x, given, rest: pool(pad(pad(x, given, value=-torch.inf), rest, value=-torch.inf))
    )


def avg_pool_twin(torch: Any, layer: "AvgPool2D") -> Any:
    """AvgPool2d; or two of them, of the padded images and of ones that count, if the padding of the layer is no pair."""
    if isinstance(layer.padding, tuple) and len(layer.padding) == 2:
        settings = layer.pool_size, layer.stride, layer.padding, layer.ceil_mode, layer.count_include_pad
        return torch.nn.AvgPool2d(*settings)
    pad, pool = torch.nn.functional.pad, torch.nn.AvgPool2d(layer.pool_size, layer.stride)

    def mean(x: Any, given: Around, rest: Around) -> Any:
        ones = pad(torch.ones_like(x), given, value=float(layer.count_include_pad))
        return pool(pad(pad(x, given), rest)) / pool(pad(ones, rest))

    return _padded(torch, layer, mean)


def _padded(torch: Any, layer: "MaxPool2D | AvgPool2D", pool: Callable[[Any, Around, Around], Any]) -> Any:
    """A module that calls ``pool`` with x, the padding of the layer, and what the windows need or leave beyond it."""

    class Padded(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            image = x.shape[2], x.shape[3]
            (top, left), size_out = window_grid(
                image, layer.pool_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode
            )
            reach = zip(size_out, layer.stride, layer.pool_size, (top, left), image, strict=True)
            bottom, right = ((outputs - 1) * s + k - before - size for outputs, s, k, before, size in reach)
            if layer.padding == "same":
                return pool(x, (left, right, top, bottom), (0, 0, 0, 0))
            top, given_bottom, left, given_right = sides(layer.padding)
            given = left, given_right, top, given_bottom
            return pool(x, given, (0, right - given_right, 0, bottom - given_bottom))

    return Padded()
