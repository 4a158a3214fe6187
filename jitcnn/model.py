"""``CNN``: layers in a row, forward and back."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from .architecture import NetDescription, build_layers, describe, parse_net
from .arrays import Array, IntArray
from .errors import ConfigError, DataError, ShapeError
from .functional import softmax
from .functional.checks import float_arrays
from .functional.pixels import normalise
from .fusion import Step, fuse
from .initializers import Seed
from .layers import Layer, Softmax
from .old_names import OldNames
from .shapes import Shape
from .summary import Row, summary_rows, summary_text, total
from .tape import Tape, check_shared

PREPARATIONS = ("ink", "fill", "crop")
AT_ONCE, EXAMINED_BYTES = 256, 1 << 28  # images that run at once in an evaluation, and their activations: at most


class CNN(OldNames):
    """A network: a list of layers, each fed with what the one before it returns.

    Parameters
    ----------
    layers : sequence of Layer, from the input upwards
    input_shape : tuple without N, such as (1, 28, 28); if given, the layers are checked against it
    name : str, for tables and files
    mean, std : what is taken off pixels / 255, and what the rest is divided by: one number for each channel, or one
        for all; they are kept in the model's file, see ``normalise_by``
    class_names : what the classes are called; empty as long as nobody said
    preparation : how a picture file becomes an input, "ink", "fill" or "crop", see ``data.images.read_for``

    Attributes
    ----------
    recipe : dict of plain values, or None
        How it was trained, if it was trained by a recipe; kept in its file.

    Raises
    ------
    ConfigError, ShapeError
        If there is no layer, something in the list is none, two neighbours do not fit together, or mean and std are
        no such numbers.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input_shape: Shape | None = None,
        name: str = "cnn",
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        class_names: Sequence[str] = (),
        preparation: str = "",
    ) -> None:
        self.layers = list(layers)
        self.name = name
        self.recipe: dict[str, Any] | None = None
        self.class_names = tuple(map(str, class_names))
        self.preparation = preparation
        if preparation not in ("", *PREPARATIONS):
            raise ConfigError(f"preparation must be one of {', '.join(PREPARATIONS)}, got {preparation!r}.")
        self.input_shape = None if input_shape is None else tuple(input_shape)
        if not self.layers or not all(isinstance(layer, Layer) for layer in self.layers):
            raise ConfigError(f"CNN expects a list of at least one layer, got {layers!r}.")
        self._planned: list[tuple[Layer, Any]] = []
        self._steps: list[Step] = []
        self._image_bytes: int | None = None
        self._tape: Tape | None = None  # of the last forward pass in training
        self.normalise_by(mean, std)
        classes = self.num_classes
        if self.class_names and classes not in (None, len(self.class_names)):
            raise ConfigError(
                f"{name} tells {classes} classes apart, got {len(self.class_names)} class_names: give one for each."
            )

    def normalise_by(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Take bytes as (pixels / 255 - mean) / std from now on, as ``Dataset.statistics`` gives them.

        Raises
        ------
        ConfigError
            If they are not one finite number for each channel, or one for all; or a std is not above 0.
        """
        try:
            mean, std = tuple(map(float, mean)), tuple(map(float, std))
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f"{self.name} expects mean and std to be numbers, got {mean!r} and {std!r}.") from error
        channels = self.input_shape[0] if self.input_shape is not None and len(self.input_shape) == 3 else None
        fit = len(mean) == len(std) > 0 and (len(mean) == 1 or channels in (None, len(mean)))
        if not fit or not np.isfinite([*mean, *std]).all() or min(std) <= 0:
            raise ConfigError(
                f"{self.name} expects mean and std to be one finite number for each of {channels or 'its'} channels, or "
                f"one for all, with std above 0, got {mean} and {std}."
            )
        self.mean, self.std = mean, std

    def _output_shape(self, shape: Shape) -> Shape:
        """The shape of the output; ShapeError unless every layer takes what the one before it returns."""
        for position, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ShapeError as error:
                raise ShapeError(f"Layer {position} of {self.name} does not fit the one before it: {error}") from error
        return shape

    # --- forward and backward ---------------------------------------------------------------------

    def forward(self, x: Array, training: bool = True) -> Array:
        """All layers in order: x (N, C, H, W), float, scaled -> (N, classes); ``training`` is False in evaluation.

        The default is a training pass, as in the textbooks: batch normalisation updates its running statistics, dropout
        drops, and the pass is recorded for ``backward``. For inference call ``net(x)``, which records nothing.

        Raises
        ------
        DataError
            If x holds NaN or infinity.
        ShapeError, DTypeError
            If x does not fit the first layer, or is no float array.
        """
        return self._run(self.steps(), x, training)

    def __call__(self, x: Array) -> Array:
        """Inference: ``forward(x, training=False)``."""
        return self.forward(x, training=False)

    def logits(self, x: Array, training: bool = True) -> Array:
        """As ``forward``, but stopping before a closing Softmax."""
        return self._run(self.steps_to_logits(), x, training)

    def backward(self, d_loss: Array) -> Array:
        """Gradient for the output of the last ``forward`` in training -> gradient for its input; sets every layer's gradients.

        Raises
        ------
        ConfigError
            If there was no such pass, or a backward pass for it already.
        """
        d_x = self._taken().pullback(d_loss)
        assert d_x is not None  # it was needed
        return d_x

    def backward_logits(self, d_logits: Array) -> None:
        """As ``backward`` for ``logits``; the gradient for the input is not computed."""
        self._taken().pullback(d_logits, need_d_x=False)

    def record(self, x: Array, training: bool = True) -> tuple[Array, Tape]:
        """As ``forward``, and with the output a ``Tape`` of the pass: for several passes, or the gradient of an evaluation."""
        tape = Tape()
        return self._pass(self.steps(), x, training, tape), tape

    def _taken(self) -> Tape:
        """The recorded pass, once."""
        if self._tape is None:
            raise ConfigError(
                f"{self.name}.backward expects a forward pass in training before it, and one for each backward pass: "
                "call forward(x) or logits(x) first."
            )
        tape, self._tape = self._tape, None
        return tape

    def steps(self) -> list[Step]:
        """What a pass runs, one after another: layers, and blocks of layers that run as one."""
        how = [(layer, getattr(layer, "impl", None)) for layer in self.layers]
        if how != self._planned:  # someone changed the list of layers, or an implementation
            check_shared(self.layers)
            self._planned, self._steps, self._image_bytes = how, fuse(self.layers), None
        return self._steps

    def steps_to_logits(self) -> list[Step]:
        """The steps without a closing Softmax: what training runs."""
        steps = self.steps()
        return steps[:-1] if isinstance(steps[-1], Softmax) else steps

    def _run(self, steps: list[Step], x: Array, training: bool) -> Array:
        if not training:
            return self._pass(steps, x, training, None)
        tape = Tape()
        out = self._pass(steps, x, training, tape)
        self._tape = tape
        return out

    def _pass(self, steps: list[Step], x: Array, training: bool, tape: Tape | None) -> Array:
        (x,) = float_arrays(self.name, x=x)
        if self.input_shape is not None and x.shape[1:] != self.input_shape:
            wanted = ", ".join(["N", *map(str, self.input_shape)])
            raise ShapeError(f"{self.name} expects input of shape ({wanted}), got {x.shape}.")
        if not np.isfinite(x).all():
            where = tuple(map(int, np.argwhere(~np.isfinite(x))[0]))
            raise DataError(f"{self.name} expects finite input, got {x[where]} at index {where}: check the images.")
        for step in steps:
            x, saved = step.apply(x, training)
            if tape is not None:
                tape.append(step, saved)
        return x

    @property
    def num_classes(self) -> int | None:
        """How many classes it tells apart; None as long as ``input_shape`` is unknown."""
        return None if self.input_shape is None else self._output_shape(self.input_shape)[-1]

    # --- predictions --------------------------------------------------------------------------------

    def as_input(self, x: Array | IntArray) -> Array:
        """Images as ``forward`` takes them: uint8 pixels normalised by ``mean`` and ``std``, float as it is."""
        return normalise(x, self.mean, self.std) if x.dtype == np.uint8 else x  # type: ignore[arg-type, return-value]

    @property
    def images_at_once(self) -> int:
        """How many images an evaluation runs at once: 256, or fewer if their activations would fill more than 256 MiB."""
        self.steps()  # forgets the memory if someone changed the layers
        if self._image_bytes is None:
            self._image_bytes = total(self.summary_rows()).activation_bytes or 0
        return min(AT_ONCE, max(1, EXAMINED_BYTES // self._image_bytes)) if self._image_bytes else AT_ONCE

    def predict_proba(self, x: Array | IntArray, batch_size: int | None = None) -> Array:
        """Probability of each class; the net is evaluated, not trained: running statistics, nothing dropped.

        Parameters
        ----------
        x : ndarray of shape (N, C, H, W): uint8 pixels, normalised here by ``mean`` and ``std``, or float, as it is
        batch_size : int, how many images run at once; by default ``images_at_once``

        Returns
        -------
        ndarray of shape (N, classes)
        """
        batches, batch_size = [], batch_size or self.images_at_once
        for start in range(0, max(1, len(x)), batch_size):
            batches.append(softmax(self.logits(self.as_input(x[start : start + batch_size]), training=False)))
        return np.concatenate(batches)

    def predict(self, x: Array | IntArray, batch_size: int | None = None) -> IntArray:
        """The most probable class of each image, (N,) int64; x and batch_size as ``predict_proba``."""
        classes: IntArray = self.predict_proba(x, batch_size).argmax(axis=1)
        return classes

    # --- description and file -------------------------------------------------------------------------

    def summary_rows(self, batch_size: int = 64) -> list[Row]:
        """One row per layer, for whoever draws the table; the algorithm is that for batches of so many images."""
        return summary_rows(self.steps(), self.input_shape, batch_size)

    def summary(self, batch_size: int = 64) -> str:
        """The layers as a table: sizes, parameters, how much of the input each unit sees, and which algorithm runs."""
        return f"{self.name}\n{summary_text(self.summary_rows(batch_size), batch_size)}"

    def summary_record(self, batch_size: int = 64) -> dict[str, Any]:
        """The summary as plain values: one row for each layer, and the totals."""
        rows = self.summary_rows(batch_size)
        last = total(rows)
        return {
            "name": self.name,
            "input_shape": self.input_shape,
            "parameters": last.parameter_count,
            "multiply_adds": last.multiply_adds,
            "activation_bytes": last.activation_bytes,
            "batch_size": batch_size,
            "layers": [
                asdict(row) | {"plans": {name: plan._asdict() for name, plan in row.plans.items()}} for row in rows
            ],
        }

    def to_toml(self) -> str:
        """The architecture as TOML, from which ``CNN.from_toml`` builds the same net with fresh weights."""
        return describe(self.name, self.input_shape, self.layers)

    @classmethod
    def from_toml(
        cls, text: str | NetDescription, *, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32, **around: Any
    ) -> "CNN":
        """Build a net with fresh weights from its description.

        Parameters
        ----------
        text : str in TOML, or what ``parse_net`` or ``read_net`` made of it
        seed : int, or a numpy random Generator, for the initial weights
        impl : one of ``IMPLEMENTATIONS``, for the layers that have several
        dtype : np.float32 or np.float64
        around : mean, std, class_names, preparation, as for the constructor

        Raises
        ------
        ConfigError, ShapeError
            If the text is not valid, a setting is out of range, or a layer does not accept the shape it gets.
        """
        net = parse_net(text) if isinstance(text, str) else text
        layers = build_layers(net, seed=seed, impl=impl, dtype=dtype)
        return cls(layers, input_shape=net.input_shape, name=net.name, **around)

    def __repr__(self) -> str:
        return f"<CNN {self.name}: {len(self.layers)} layers, {self.parameter_count:,} parameters>"
