"""``CNN``: a network, with forward and backward pass."""

from collections.abc import Sequence
from copy import copy, deepcopy
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError, ShapeError
from ..functional.checks import float_arrays
from ..graph import Graph, check_sources
from ..layers import Layer, Softmax
from ..shapes import Shape
from ..support.arrays import Array
from .exchange import Exchanged
from .fusion import Step, fuse_graph, layers_of
from .old_names import OldNames
from .predicting import Predicting
from .predictor import Predictor
from .tape import Tape, check_shared

PREPARATIONS = ("ink", "fill", "crop")


class CNN(Predicting, Exchanged, OldNames):
    """A network: a graph of layers, usually a chain, where the output of each layer is the input of the next.

    Parameters
    ----------
    layers : sequence of Layer, from input to output
    sources : for each layer, the positions of the layers whose outputs it reads, -1 for the input of the network; by default
        each layer reads the output of the one before it. Layers with several inputs are ``Add``, ``Mul``, ``Div`` and ``Concat``;
        a ``Constant`` has none
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
        sources: Sequence[Sequence[int]] | None = None,
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
        self._sources = None if sources is None else check_sources(name, self.layers, sources)
        self._planned: list[tuple[Layer, Any]] = []
        self._steps: Graph[Step] = Graph((), ())
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

        def visit(position: int, shape: Any) -> Shape:
            try:
                return self.layers[position].output_shape(shape)
            except ShapeError as error:
                raise ShapeError(f"Layer {position} of {self.name} does not fit the one before it: {error}") from error

        return self.graph.forward(shape, visit)

    @property
    def graph(self) -> Graph[Layer]:
        """The layers, and for each the positions of those whose output it reads."""
        return Graph.chain(self.layers) if self._sources is None else Graph(tuple(self.layers), self._sources)

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
        """As ``forward``, without a final Softmax.

        In evaluation mode, convolutions, batch normalisation, ReLU, pooling, residual blocks, sums and concatenations, from the
        first layer on, run in one compiled call: their weights are prepared once and after every change, batch normalisation
        is folded into them, and a thread takes an image through all of them while it is in the cache. The results are those
        of ``forward`` up to rounding. With ``JITCNN_VERBOSE=1``, the layers run one by one.
        """
        compiled = None if training else self._compiled
        if compiled is None:
            return self._run(self.steps_to_logits(), x, training)
        x = self.checked(x)
        return compiled(x) if compiled.suits(x) else self._run(self.steps_to_logits(), x, training)

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
        steps = self.steps()
        tape = Tape(steps, self._frozen)
        return self._pass(steps, x, training, tape), tape

    def _taken(self) -> Tape:
        """Return the recorded pass and clear it."""
        if self._tape is None:
            raise ConfigError(
                f"{self.name}.backward expects one training forward pass before each backward pass, found none: "
                "call forward(x) or logits(x) first."
            )
        tape, self._tape = self._tape, None
        return tape

    def steps(self) -> Graph[Step]:
        """The steps of a pass: layers and fused blocks."""
        how = [(layer, getattr(layer, "impl", None)) for layer in self.layers]
        if how != self._planned:  # a layer or an implementation was changed
            check_shared(self.layers)
            self._planned, self._steps, self._image_bytes = how, fuse_graph(self.graph), None
        return self._steps

    def steps_to_logits(self) -> Graph[Step]:
        """The steps without a final Softmax, as run in training."""
        steps = self.steps()
        return steps.without_last if isinstance(steps.nodes[-1], Softmax) else steps

    def _run(self, steps: Graph[Step], x: Array, training: bool) -> Array:
        if not training:
            return self._pass(steps, x, training, None)
        tape = Tape(steps, self._frozen)
        out = self._pass(steps, x, training, tape)
        self._tape = tape
        return out

    def compile(self, batch_size: int | None = None) -> Predictor:
        """A ``Predictor`` of the network as it is now: faster, and without training.

        Parameters
        ----------
        batch_size : int, images per call; default ``images_at_once``

        Examples
        --------
        >>> from jitcnn.models import mnist_cnn
        >>> mnist_cnn().compile()
        <Predictor of mnist-cnn: the first 6 of 11 layers in one call>
        """
        snapshot = copy(self)
        snapshot.layers, snapshot._tape, snapshot._planned = deepcopy(self.layers), None, []
        snapshot._changes = False
        return Predictor(snapshot, batch_size)

    def _pass(self, steps: Graph[Step], x: Array, training: bool, tape: Tape | None) -> Array:
        x = self.checked(x)
        if len(x) == 0:
            return self._nothing(x, tape)

        def visit(position: int, x: Array) -> Array:
            step = steps.nodes[position]
            out, saved = step.apply(x, training and layers_of(step)[0] not in self._frozen)
            if tape is not None:
                tape.append(saved)
            return out

        return steps.forward(x, visit)

    def checked(self, x: Array) -> Array:
        """x in C order, if it is what ``forward`` expects; otherwise the errors of ``forward``."""
        (x,) = float_arrays(self.name, x=x)
        if self.input_shape is not None and x.shape[1:] != self.input_shape:
            wanted = ", ".join(["N", *map(str, self.input_shape)])
            raise ShapeError(f"{self.name} expects input of shape ({wanted}), got {x.shape}.")
        if not np.isfinite(x).all():
            where = tuple(map(int, np.argwhere(~np.isfinite(x))[0]))
            raise DataError(f"{self.name} expects finite input, got {x[where]} at index {where}: check the images.")
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

    def __repr__(self) -> str:
        frozen = f", {self.frozen_count:,} frozen" if self.frozen else ""
        return f"<CNN {self.name}: {len(self.layers)} layers, {self.parameter_count:,} parameters{frozen}>"
