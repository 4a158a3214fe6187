"""``CNN``: a sequential network, with forward and backward pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError, DTypeError, ShapeError
from ..functional import softmax
from ..functional.checks import float_arrays
from ..functional.pixels import normalise
from ..layers import Layer, Softmax
from ..shapes import Shape
from ..support.arrays import Array, IntArray
from .fusion import Step, fuse, layers_of
from .old_names import OldNames
from .summary import Summarised, total
from .tape import Tape, check_shared

PREPARATIONS = ("ink", "fill", "crop")
EVALUATION_BATCH, EVALUATION_BYTES = 256, 1 << 28  # evaluation: largest batch, and bytes of its activations


class CNN(Summarised, OldNames):
    """A sequential network: the output of each layer is the input of the next.

    Parameters
    ----------
    layers : sequence of Layer, from input to output
    input_shape : tuple without N, such as (1, 28, 28); if given, the layers are checked against it
    name : str, for tables and files
    mean, std : sequence of float, normalisation constants, one per channel or one for all: the input is
        (pixels / 255 - mean) / std; saved in the model file, see ``normalise_by``
    class_names : sequence of str; empty if unknown
    preparation : how an image file becomes an input, "ink", "fill" or "crop", see ``data.images.read_for``

    Attributes
    ----------
    recipe : dict of plain values, or None
        The recipe the model was trained with, if any; saved in the model file.

    Raises
    ------
    ConfigError, ShapeError
        If ``layers`` is empty or contains anything but layers, neighbouring layers do not match, or mean and std
        are invalid.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax
    >>> rng = np.random.default_rng(0)
    >>> layers = [Conv2D(1, 4, 3, rng=rng), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10, rng=rng), Softmax()]
    >>> model = CNN(layers, input_shape=(1, 8, 8), name="small")
    >>> model
    <CNN small: 6 layers, 410 parameters>
    >>> model(np.zeros((2, 1, 8, 8), np.float32)).shape
    (2, 10)
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
        self._tape: Tape | None = None  # of the last training forward pass
        self.normalise_by(mean, std)
        classes = self.num_classes
        if self.class_names and classes not in (None, len(self.class_names)):
            raise ConfigError(
                f"{name} has {classes} classes, got {len(self.class_names)} class_names: give one name per class."
            )

    def normalise_by(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Normalise uint8 input as (pixels / 255 - mean) / std; ``Dataset.statistics`` computes both.

        Raises
        ------
        ConfigError
            If they are not one finite number per channel or one for all, or a std is not positive.
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
                f"one for all, with std > 0, got {mean} and {std}."
            )
        self.mean, self.std = mean, std

    def _output_shape(self, shape: Shape) -> Shape:
        """Output shape; ShapeError unless each layer accepts the output of the one before it."""
        for position, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ShapeError as error:
                raise ShapeError(f"Layer {position} of {self.name} does not fit the one before it: {error}") from error
        return shape

    # --- forward and backward ---------------------------------------------------------------------

    def forward(self, x: Array, training: bool = True) -> Array:
        """Forward pass through all layers: x (N, C, H, W), float, normalised -> (N, classes).

        The default is a training pass: batch normalisation updates its running statistics, dropout is active, and the
        pass is recorded for ``backward``. For inference call ``net(x)``, which records nothing.

        Raises
        ------
        DataError
            If x contains NaN or infinity.
        ShapeError, DTypeError
            If x does not match the first layer, or is not a float array.
        """
        return self._run(self.steps(), x, training)

    def __call__(self, x: Array) -> Array:
        """Inference: ``forward(x, training=False)``."""
        return self.forward(x, training=False)

    def logits(self, x: Array, training: bool = True) -> Array:
        """As ``forward``, without a final Softmax."""
        return self._run(self.steps_to_logits(), x, training)

    def backward(self, d_loss: Array) -> Array:
        """Gradient w.r.t. the output of the last training ``forward`` -> d_x; sets the gradients of all layers not frozen.

        Raises
        ------
        ConfigError
            If there was no such forward pass, or ``backward`` was already called for it.

        Examples
        --------
        >>> from jitcnn import CNN, Dense
        >>> model = CNN([Dense(3, 2)], input_shape=(3,))
        >>> out = model.forward(np.ones((1, 3), np.float32))
        >>> model.backward(np.array([[1, 2]], np.float32)).shape
        (1, 3)
        >>> model.gradients()[1]  # of the bias
        array([1., 2.], dtype=float32)
        """
        d_x = self._taken().pullback(d_loss)
        assert d_x is not None  # for mypy: need_d_x is True
        return d_x

    def backward_logits(self, d_logits: Array) -> None:
        """As ``backward``, for ``logits`` and without d_x."""
        self._taken().pullback(d_logits, need_d_x=False)

    def record(self, x: Array, training: bool = True) -> tuple[Array, Tape]:
        """As ``forward``, but also return the ``Tape`` of the pass: for several passes, or gradients in evaluation mode."""
        tape = Tape(self._frozen)
        return self._pass(self.steps(), x, training, tape), tape

    def _taken(self) -> Tape:
        """Return the recorded pass and clear it."""
        if self._tape is None:
            raise ConfigError(
                f"{self.name}.backward expects one training forward pass before each backward pass, found none: "
                "call forward(x) or logits(x) first."
            )
        tape, self._tape = self._tape, None
        return tape

    def steps(self) -> list[Step]:
        """The steps of a pass: layers and fused blocks."""
        how = [(layer, getattr(layer, "impl", None)) for layer in self.layers]
        if how != self._planned:  # a layer or an implementation was changed
            check_shared(self.layers)
            self._planned, self._steps, self._image_bytes = how, fuse(self.layers), None
        return self._steps

    def steps_to_logits(self) -> list[Step]:
        """The steps without a final Softmax, as run in training."""
        steps = self.steps()
        return steps[:-1] if isinstance(steps[-1], Softmax) else steps

    def _run(self, steps: list[Step], x: Array, training: bool) -> Array:
        if not training:
            return self._pass(steps, x, training, None)
        tape = Tape(self._frozen)
        out = self._pass(steps, x, training, tape)
        self._tape = tape
        return out

    def _pass(self, steps: list[Step], x: Array, training: bool, tape: Tape | None) -> Array:
        (x,) = float_arrays(self.name, x=x)
        if self.input_shape is not None and x.shape[1:] != self.input_shape:
            wanted = ", ".join(["N", *map(str, self.input_shape)])
            raise ShapeError(f"{self.name} expects input of shape ({wanted}), got {x.shape}.")
        if len(x) == 0:
            return self._nothing(x, tape)
        if not np.isfinite(x).all():
            where = tuple(map(int, np.argwhere(~np.isfinite(x))[0]))
            raise DataError(f"{self.name} expects finite input, got {x[where]} at index {where}: check the images.")
        for step in steps:
            x, saved = step.apply(x, training and layers_of(step)[0] not in self._frozen)
            if tape is not None:
                tape.append(step, saved)
        return x

    def _nothing(self, x: Array, tape: Tape | None) -> Array:
        """The output for no images, (0, …)."""
        if tape is not None:
            raise DataError(f"{self.name} expects at least one image in a training pass, got none.")
        return np.zeros((0, *self._output_shape(x.shape[1:])), x.dtype)

    @property
    def num_classes(self) -> int | None:
        """Number of classes; None if ``input_shape`` is unknown."""
        return None if self.input_shape is None else self._output_shape(self.input_shape)[-1]

    # --- predictions --------------------------------------------------------------------------------

    def as_input(self, x: Array | IntArray) -> Array:
        """Input for ``forward``: uint8 pixels are normalised with ``mean`` and ``std``, float arrays are unchanged."""
        if not isinstance(x, np.ndarray):
            raise DTypeError(f"{self.name} expects x to be a numpy array, got {type(x).__name__}: use np.asarray(x).")
        return normalise(x, self.mean, self.std) if x.dtype == np.uint8 else x  # type: ignore[arg-type, return-value]

    @property
    def images_at_once(self) -> int:
        """Batch size for evaluation: 256, or less if the activations would exceed 256 MiB."""
        self.steps()  # resets the memory estimate if a layer was changed
        if self._image_bytes is None:
            self._image_bytes = total(self.summary_rows()).activation_bytes or 0
        fitting = EVALUATION_BYTES // self._image_bytes if self._image_bytes else EVALUATION_BATCH
        return min(EVALUATION_BATCH, max(1, fitting))

    def predict_proba(self, x: Array | IntArray, batch_size: int | None = None) -> Array:
        """Probability of each class, in evaluation mode (running statistics, no dropout).

        Parameters
        ----------
        x : ndarray of shape (N, C, H, W): uint8 pixels, normalised with ``mean`` and ``std``, or float, used unchanged
        batch_size : int, images per forward pass; default ``images_at_once``

        Returns
        -------
        ndarray of shape (N, classes)

        Examples
        --------
        >>> from jitcnn.models import lenet5
        >>> probabilities = lenet5().predict_proba(np.zeros((3, 1, 28, 28), np.uint8))
        >>> probabilities.shape, np.allclose(probabilities.sum(axis=1), 1)
        ((3, 10), True)
        """
        batches, batch_size = [], batch_size or self.images_at_once
        for start in range(0, max(1, len(x)), batch_size):
            batches.append(softmax(self.logits(self.as_input(x[start : start + batch_size]), training=False)))
        return np.concatenate(batches)

    def predict(self, x: Array | IntArray, batch_size: int | None = None) -> IntArray:
        """The most probable class of each image, (N,) int64; parameters as for ``predict_proba``.

        Examples
        --------
        >>> from jitcnn import CNN, Dense
        >>> layer = Dense(2, 2)
        >>> layer.weights[...] = np.eye(2)
        >>> CNN([layer]).predict(np.array([[5, 1], [2, 3]], np.float32))
        array([0, 1])
        """
        classes: IntArray = self.predict_proba(x, batch_size).argmax(axis=1)
        return classes

    def __repr__(self) -> str:
        frozen = f", {self.frozen_count:,} frozen" if self.frozen else ""
        return f"<CNN {self.name}: {len(self.layers)} layers, {self.parameter_count:,} parameters{frozen}>"
