"""Shape arithmetic: pairs, output size, padding, receptive field.

Reference: Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep learning",
arXiv:1603.07285.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from numbers import Integral
from typing import Any, Literal

from .errors import ConfigError, ShapeError
from .kernels.types import extent

Pair = tuple[int, int]
Shape = tuple[int, ...]
IntOrPair = int | Pair
Sides = tuple[int, int, int, int]
"""Pixels at the top, bottom, left and right."""
Padding = int | Pair | Sides | Literal["valid", "same"]
Window = tuple[Pair, tuple[int | Fraction, int | Fraction]]
"""Extent and stride; a layer that enlarges its input by s has the stride 1/s."""


def pair(value: IntOrPair, name: str, least: int = 1) -> Pair:
    """``value`` as a (height, width) pair; an int is used for both.

    Raises
    ------
    ConfigError
        If ``value`` is neither an int nor a pair of ints, or is below ``least``.

    Examples
    --------
    >>> from jitcnn.shapes import pair
    >>> pair(3, "kernel_size"), pair((3, 5), "kernel_size")
    ((3, 3), (3, 5))
    """
    if value.__class__ is tuple and len(value) == 2:
        first, second = value
        if first.__class__ is int and second.__class__ is int and first >= least and second >= least:
            return value  # fast path for the validated settings of a layer
    elif value.__class__ is int and value >= least:
        return value, value
    if isinstance(value, Integral) and not isinstance(value, bool):
        both: tuple[Any, ...] = (int(value), int(value))
    elif isinstance(value, Iterable) and not isinstance(value, str):
        both = tuple(value)
    else:
        both = (value,)
    if len(both) != 2 or not all(isinstance(v, Integral) and not isinstance(v, bool) and int(v) >= least for v in both):
        raise ConfigError(f"{name} must be an integer of at least {least}, or a pair of them, got {value!r}.")
    return int(both[0]), int(both[1])


def span(kernel_size: int, dilation: int) -> int:
    """Extent of a dilated kernel, in pixels: (kernel_size - 1)·dilation + 1.

    Examples
    --------
    >>> from jitcnn.shapes import span
    >>> span(3, dilation=2)
    5
    """
    return extent(kernel_size, dilation)


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Output size along one axis: ⌊(size + 2·padding - span) / stride⌋ + 1, span = (kernel_size - 1)·dilation + 1.

    Parameters
    ----------
    size, kernel_size, stride, padding, dilation : int, in pixels; ``padding`` on each side

    Raises
    ------
    ConfigError
        If ``kernel_size``, ``stride`` or ``dilation`` is below 1, or ``padding`` below 0.
    ShapeError
        If the kernel is larger than the padded axis.

    Examples
    --------
    >>> from jitcnn import output_size
    >>> output_size(28, kernel_size=5), output_size(28, kernel_size=3, stride=2, padding=1)
    (24, 14)
    """
    kernel_size, _ = pair(kernel_size, "kernel_size")
    stride, _ = pair(stride, "stride")
    padding, _ = pair(padding, "padding", least=0)
    dilation, _ = pair(dilation, "dilation")
    return _windows(size, size + 2 * padding, kernel_size, stride, dilation)


def _windows(size: int, padded_size: int, kernel_size: int, stride: int, dilation: int, last: int | None = None) -> int:
    """Number of windows; of ceil mode if ``last`` is given, the size that the last window must begin in."""
    spanned = span(kernel_size, dilation)
    room = padded_size - spanned
    if last is not None:
        room = min(room + stride - 1, last - 1)
    if room < 0:
        dilated = f" ({kernel_size} dilated by {dilation})" if dilation > 1 else ""
        raise ShapeError(
            f"A kernel of size {spanned}{dilated} does not fit into {size} pixels padded to {padded_size}: "
            "use a smaller kernel, more padding or a larger image."
        )
    return room // stride + 1


def check_padding(padding: Padding) -> Padding:
    """``padding`` as a pair, as four ints if two opposite sides differ, as "valid" or "same"; ConfigError for anything else.

    Examples
    --------
    >>> from jitcnn.shapes import check_padding
    >>> check_padding(2), check_padding((1, 1, 2, 2)), check_padding((0, 1, 0, 1)), check_padding("same")
    ((2, 2), (1, 2), (0, 1, 0, 1), 'same')
    """
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise ConfigError(f'padding must be an integer, a pair, four integers, "valid" or "same", got {padding!r}.')
        return padding
    if isinstance(padding, tuple | list) and len(padding) == 4:
        top, bottom, left, right = (pair(side, "every side of padding", least=0)[0] for side in padding)
        return (top, left) if (top, left) == (bottom, right) else (top, bottom, left, right)
    return pair(padding, "padding", least=0)


def sides(padding: Padding) -> Sides:
    """Padding at the top, bottom, left and right, in pixels; not of "same", which depends on the size of the image.

    Examples
    --------
    >>> from jitcnn.shapes import sides
    >>> sides(1), sides((1, 2)), sides("valid")
    ((1, 1, 1, 1), (1, 1, 2, 2), (0, 0, 0, 0))
    """
    checked = check_padding(padding)
    if isinstance(checked, str):
        return (0, 0, 0, 0)
    if isinstance(checked, tuple) and len(checked) == 4:
        return checked
    pad_h, pad_w = pair(checked, "padding", least=0)
    return pad_h, pad_h, pad_w, pad_w


def window_grid(
    image: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair = (1, 1), *, ceil_mode: bool = False
) -> tuple[Pair, Pair]:
    """Padding and output size of a window sliding over an image.

    Parameters
    ----------
    image, kernel, stride, dilation : pair of int, (height, width) in pixels
    padding : int or pair on each side, four ints (top, bottom, left, right), "valid" or "same"
        "valid" is no padding; "same" gives ⌈size / stride⌉ outputs, an odd pixel of padding is at the bottom and right.
    ceil_mode : bool
        Whether a last window may end outside the padded image, if it begins in the image or in the padding at the top or
        left; no effect with "same".

    Returns
    -------
    pad_top_left : pair of int
        Padding at the top and left, in pixels; the padding at the bottom and right follows from it.
    size_out : pair of int, (H_out, W_out)

    Raises
    ------
    ConfigError, ShapeError
        As ``output_size``.

    Examples
    --------
    >>> from jitcnn.shapes import window_grid
    >>> window_grid((28, 28), kernel=(5, 5), stride=(2, 2), padding="same")
    ((1, 1), (14, 14))
    >>> window_grid((6, 6), kernel=(3, 3), stride=(2, 2), padding=(0, 1, 0, 0))
    ((0, 0), (3, 2))
    >>> window_grid((6, 6), kernel=(3, 3), stride=(2, 2), padding=0, ceil_mode=True)
    ((0, 0), (3, 3))
    """
    padding = check_padding(padding)
    if padding == "same":
        size_out = (-(-image[0] // stride[0]), -(-image[1] // stride[1]))
        spanned = span(kernel[0], dilation[0]), span(kernel[1], dilation[1])
        missing = [max(0, (o - 1) * s + k - i) for i, k, s, o in zip(image, spanned, stride, size_out, strict=True)]
        return (missing[0] // 2, missing[1] // 2), size_out
    (H, W), (top, bottom, left, right) = image, sides(padding)
    last_h, last_w = (H + top, W + left) if ceil_mode else (None, None)
    H_out = _windows(H, H + top + bottom, kernel[0], stride[0], dilation[0], last_h)
    W_out = _windows(W, W + left + right, kernel[1], stride[1], dilation[1], last_w)
    return (top, left), (H_out, W_out)


def receptive_field(windows: Iterable[Window]) -> Pair:
    """Receptive field of one unit after a stack of layers: height and width, in input pixels.

    Each layer adds (extent - 1) times the product of the strides of all layers before it.

    Parameters
    ----------
    windows : iterable of Window, from input to output

    Examples
    --------
    Convolution 3×3, pooling 2×2 with stride 2, convolution 3×3:

    >>> from jitcnn.shapes import receptive_field
    >>> receptive_field([((3, 3), (1, 1)), ((2, 2), (2, 2)), ((3, 3), (1, 1))])
    (8, 8)
    """
    field: list[int | Fraction] = [1, 1]
    jump: list[int | Fraction] = [1, 1]
    for window, stride in windows:
        for axis in (0, 1):
            field[axis] += (window[axis] - 1) * jump[axis]
            jump[axis] *= stride[axis]
    return ceil(field[0]), ceil(field[1])


def seen_through(outputs: Pair, size: int, spanned: int, stride: int, padding: int) -> Pair:
    """Input range along one axis that a range of outputs depends on; output o sees ``spanned`` inputs from o·stride - padding.

    Parameters
    ----------
    outputs : pair of int, half-open range (first, last + 1)
    size : int, number of inputs; padding is excluded from the result
    spanned, stride, padding : int, of the window; ``spanned`` is its ``span``, ``padding`` precedes the first input

    Returns
    -------
    pair of int
        Half-open range (first, last + 1) of inputs; (0, 0) if there are none.

    Examples
    --------
    >>> from jitcnn.shapes import seen_through
    >>> seen_through((0, 2), size=28, spanned=3, stride=1, padding=1)  # outputs 0 and 1
    (0, 3)
    """
    first, behind = outputs
    low, high = max(0, first * stride - padding), min(size, (behind - 1) * stride - padding + spanned)
    return (low, high) if first < behind and low < high else (0, 0)


def seen_through_transposed(outputs: Pair, size: int, spanned: int, stride: int, padding: int) -> Pair:
    """As ``seen_through``, for the outputs of a transposed convolution: input i adds to i·stride - padding … + spanned - 1.

    Examples
    --------
    >>> from jitcnn.shapes import seen_through_transposed
    >>> seen_through_transposed((2, 3), size=7, spanned=4, stride=2, padding=1)  # output 2
    (0, 2)
    """
    first, end = outputs
    low, high = max(0, -((spanned - 1 - first - padding) // stride)), min(size, (end - 1 + padding) // stride + 1)
    return (low, high) if first < end and low < high else (0, 0)
