"""Dropout layers: zero random activations during training to prevent co-adaptation of units.

Training: out = x / (1 - rate) where kept, 0 elsewhere, which preserves the expected value. Evaluation: out = x.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import functional
from ..functional.checks import float_arrays, has_shape
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer, check_fraction, check_input
from .facts import IMAGES, Answer, Probe
from .passes import Pulled

Saved = tuple[Shape, NDArray[Any] | None]  # the mask is None in evaluation


class Dropout(Layer):
    """Zeroes single activations at random in training; the identity in evaluation.

    Parameters
    ----------
    rate : float in [0, 1), probability of dropping an activation
    rng : numpy random Generator for the masks; by default a new one

    Raises
    ------
    ConfigError
        If ``rate`` is out of range.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: a simple way to prevent neural networks
    from overfitting", JMLR 15.

    Examples
    --------
    In training, ones become 0 or 1 / (1 - 0.75) = 4; in evaluation they stay.

    >>> from jitcnn import Dropout
    >>> dropout, x = Dropout(0.75, rng=np.random.default_rng(0)), np.ones((8, 8))
    >>> np.unique(dropout.forward(x, training=True)).tolist(), np.unique(dropout(x)).tolist()
    ([0.0, 4.0], [1.0])
    """

    config_names = ("rate",)
    rng: np.random.Generator

    def __init__(self, rate: float = 0.5, rng: np.random.Generator | None = None) -> None:
        self.rate = check_fraction("rate", rate)
        self.rng = rng or np.random.default_rng()

    def apply(self, x: Array, training: bool) -> tuple[Array, Saved]:
        """x of any shape -> the same shape, with a new mask in training. Saves the shape and the mask."""
        (x,) = float_arrays(type(self).__name__, x=x)
        mask, out = None, x
        if training:
            # float32 for any dtype of x, for identical masks in float32 and float64.
            mask = self.rng.random(self._units(x.shape), np.float32) >= self.rate
            out = functional.dropout(x, mask, self.rate)
        return out, (x.shape, mask)

    def pullback(self, d_out: Array, saved: Saved, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x, with the mask of the forward pass."""
        x_shape, mask = saved
        has_shape(f"{type(self).__name__}.backward", "d_out", d_out, *x_shape)
        return d_out if mask is None else functional.dropout(d_out, mask, self.rate), {}

    def _units(self, x_shape: Shape) -> Shape:
        """Shape of the mask, one entry per unit dropped or kept as a whole."""
        return x_shape

    def output_shape(self, input_shape: Shape) -> Shape:
        """The input shape."""
        return input_shape

    @property
    def label(self) -> str:
        """Name and rate, such as ``Dropout 0.5``."""
        return f"{type(self).__name__} {self.rate:g}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """A rate of 0.3."""
        layer = cls(0.3, rng)
        yield layer.label, layer, rng.standard_normal(IMAGES)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """With rate 3/4, kept ones become 4 in the forward and the backward pass; evaluation drops nothing."""
        layer, ones = cls(0.75, np.random.default_rng(0)), np.ones((8, 5))
        out = layer.forward(ones)
        yield (
            "out for a given mask",
            functional.dropout(np.arange(1.0, 5), np.array([True, False, True, True]), 0.75),
            [4, 0, 12, 16],
        )
        yield "out", out, np.where(out == 0, 0, 4)
        yield "d_x", layer.backward(ones), out
        yield "out in evaluation", layer.forward(ones, training=False), ones

    def torch_twin(self, torch: Any) -> Any:
        """Dropout or Dropout2d, with different random masks."""
        kind = torch.nn.Dropout2d if isinstance(self, Dropout2D) else torch.nn.Dropout
        return kind(self.rate)


class Dropout2D(Dropout):
    """Zeroes whole channels at random in training; single pixels are too correlated with their neighbours.

    Parameters
    ----------
    rate : float in [0, 1), probability of dropping a channel
    rng : numpy random Generator for the masks; by default a new one

    Raises
    ------
    ConfigError
        If ``rate`` is out of range.

    References
    ----------
    Tompson, Goroshin, Jain, LeCun and Bregler (2015), "Efficient object localization using convolutional networks",
    arXiv:1411.4280.

    Examples
    --------
    All pixels of a channel share one value:

    >>> from jitcnn import Dropout2D
    >>> out = Dropout2D(0.5, rng=np.random.default_rng(0)).forward(np.ones((4, 8, 3, 3)))
    >>> bool((out == out[:, :, :1, :1]).all()), np.unique(out).tolist()
    (True, [0.0, 2.0])
    """

    def apply(self, x: Array, training: bool) -> tuple[Array, Saved]:
        """x (N, C, H, W) -> the same shape, with a new mask in training."""
        check_input("Dropout2D", x.shape[1:], "C", "H", "W")
        return super().apply(x, training)

    def _units(self, x_shape: Shape) -> Shape:
        return x_shape[:2]

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C, H, W)."""
        check_input("Dropout2D", input_shape, "C", "H", "W")
        return input_shape

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Whole channels are kept and multiplied by 4, or dropped."""
        layer, ones = cls(0.75, np.random.default_rng(0)), np.ones((6, 5, 2, 3))
        out = layer.forward(ones)
        planes = np.where(out[:, :, :1, :1] == 0, 0, 4 * ones)
        yield "out", out, planes
        yield "d_x", layer.backward(ones), planes
