"""``CNN``: layers in a row, forward and back."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import prod
from typing import Any

import numpy as np

from .architecture import NetDescription, build_layers, describe, net_of_format_1, parse_net
from .arrays import Array, IntArray
from .checkpoint import CheckpointFile, Spec, open_checkpoint, write_checkpoint
from .errors import CheckpointError, ConfigError, DataError, JitCNNError, ShapeError
from .functional import softmax
from .functional.checks import FLOATS, float_arrays
from .functional.pixels import normalise
from .fusion import Step, fuse
from .initializers import Blank, Seed
from .layers import Layer, Softmax
from .layers.base import Shape
from .optim import SGD
from .summary import Row, summary_rows, summary_text, total
from .versions import versions

FORMAT = 3  # 1 named the layers in JSON; 2 had no checksum
TRAINING = "training."  # what the names of arrays begin with that belong to a training and not to the net
PREPARATIONS = ("ink", "fill", "crop")
AT_ONCE, EXAMINED_BYTES = 256, 1 << 28  # images that run at once in an examination, and their activations: at most


class CNN:
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
        """All layers in order: x (N, C, H, W), float, scaled -> (N, classes); ``training`` False for examination.

        Raises
        ------
        DataError
            If x holds NaN or infinity.
        ShapeError, DTypeError
            If x does not fit the first layer, or is no float array.
        """
        return self._run(self.steps(), x, training)

    def logits(self, x: Array, training: bool = True) -> Array:
        """As ``forward``, but stopping before a closing Softmax."""
        return self._run(self.steps_to_logits(), x, training)

    def backward(self, d_loss: Array) -> Array:
        """Gradient for the output of ``forward`` -> gradient for its input; sets every layer's gradients."""
        for step in reversed(self.steps()):
            d_loss = step.backward(d_loss)
        return d_loss

    def backward_logits(self, d_logits: Array) -> None:
        """Set every layer's gradients, given the gradient for ``logits``; the input's is not computed."""
        first, *others = self.steps_to_logits()
        for step in reversed(others):
            d_logits = step.backward(d_logits)
        first.backward_parameters(d_logits)

    def steps(self) -> list[Step]:
        """What a pass runs, one after another: layers, and blocks of layers that run as one."""
        how = [(layer, getattr(layer, "impl", None)) for layer in self.layers]
        if how != self._planned:  # someone changed the list of layers, or an implementation
            self._planned, self._steps, self._image_bytes = how, fuse(self.layers), None
        return self._steps

    def steps_to_logits(self) -> list[Step]:
        """The steps without a closing Softmax: what training runs."""
        steps = self.steps()
        return steps[:-1] if isinstance(steps[-1], Softmax) else steps

    def _run(self, steps: list[Step], x: Array, training: bool) -> Array:
        (x,) = float_arrays(self.name, x=x)
        if self.input_shape is not None and x.shape[1:] != self.input_shape:
            wanted = ", ".join(["N", *map(str, self.input_shape)])
            raise ShapeError(f"{self.name} expects input of shape ({wanted}), got {x.shape}.")
        if not np.isfinite(x).all():
            where = tuple(map(int, np.argwhere(~np.isfinite(x))[0]))
            raise DataError(f"{self.name} expects finite input, got {x[where]} at index {where}: check the images.")
        for step in steps:
            x = step.forward(x, training)
        return x

    # --- learning -----------------------------------------------------------------------------------

    def parameters(self) -> list[Array]:
        """Every learnable array, layer by layer."""
        return [parameter for layer in self.layers for parameter in layer.parameters().values()]

    def buffers(self) -> list[Array]:
        """Every array that is kept and not learnt by gradients, layer by layer."""
        return [buffer for layer in self.layers for buffer in layer.buffers().values()]

    def arrays(self) -> list[Array]:
        """Every parameter, then every buffer: what a ``WeightAverage`` follows."""
        return self.parameters() + self.buffers()

    def generators(self) -> list[np.random.Generator]:
        """Every generator that a forward pass draws from, once."""
        every = [generator for layer in self.layers for generator in layer.generators()]
        return list({id(generator): generator for generator in every}.values())

    def gradients(self) -> list[Array]:
        """The gradient of each of ``parameters()``, in the same order."""
        return [gradient for layer in self.layers for gradient in layer.gradients().values()]

    @property
    def num_classes(self) -> int | None:
        """How many classes it tells apart; None as long as ``input_shape`` is unknown."""
        return None if self.input_shape is None else self._output_shape(self.input_shape)[-1]

    @property
    def parameter_count(self) -> int:
        """How many numbers are learnt."""
        return sum(parameter.size for parameter in self.parameters())

    def update_params(self, learning_rate: float) -> None:
        """One plain step downhill: every parameter -= learning_rate · its gradient."""
        SGD(learning_rate, momentum=0).step(self.parameters(), self.gradients())

    # --- answers ------------------------------------------------------------------------------------

    def as_input(self, x: Array | IntArray) -> Array:
        """Images as ``forward`` takes them: uint8 pixels normalised by ``mean`` and ``std``, float as it is."""
        return normalise(x, self.mean, self.std) if x.dtype == np.uint8 else x  # type: ignore[arg-type, return-value]

    @property
    def images_at_once(self) -> int:
        """How many images an examination runs at once: 256, or fewer if their activations would fill more than 256 MiB."""
        self.steps()  # forgets the memory if someone changed the layers
        if self._image_bytes is None:
            self._image_bytes = total(self.summary_rows()).activation_bytes or 0
        return min(AT_ONCE, max(1, EXAMINED_BYTES // self._image_bytes)) if self._image_bytes else AT_ONCE

    def predict_proba(self, x: Array | IntArray, batch_size: int | None = None) -> Array:
        """Probability of each class; the net is examined, not trained: running statistics, nothing dropped.

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

    def describe(self) -> str:
        """The architecture as TOML, which ``parse_net`` reads and ``CNN.from_description`` builds again."""
        return describe(self.name, self.input_shape, self.layers)

    @classmethod
    def from_description(
        cls, description: NetDescription, *, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32, **around: Any
    ) -> "CNN":
        """Build a net with fresh weights from what ``parse_net`` read.

        Parameters
        ----------
        description : NetDescription
        seed : int, or a numpy random Generator, decides the first weights
        impl : one of ``IMPLEMENTATIONS``, for the layers that have several
        dtype : np.float32 or np.float64
        around : mean, std, class_names, preparation, as the constructor takes them

        Raises
        ------
        ConfigError, ShapeError
            If a setting is out of range, or a layer does not take the shape that arrives.
        """
        layers = build_layers(description, seed=seed, impl=impl, dtype=dtype)
        return cls(layers, input_shape=description.input_shape, name=description.name, **around)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write architecture, weights and recipe to one ``.npz`` file; an old file stays until the new one is whole.

        Raises
        ------
        CheckpointError
            If the file can not be written.
        """
        write_checkpoint(path, self.header(), self.named_arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, impl: str = "auto") -> "CNN":
        """Read a network back from the file that ``save`` wrote, or out of the checkpoint of a training.

        Nothing in a file is run, and no more is allocated than the file is large.

        Parameters
        ----------
        path : the file
        impl : one of ``IMPLEMENTATIONS``, for the layers that have several

        Raises
        ------
        CheckpointError
            If the file is damaged, no model file, or its arrays do not fit its architecture.
        """
        with open_checkpoint(path) as file:
            return cls.from_file(file, impl=impl)

    @classmethod
    def from_file(cls, file: CheckpointFile, *, impl: str = "auto") -> "CNN":
        """As ``load``, from an open file."""
        header, specs = file.header, {name: spec for name, spec in file.specs.items() if not name.startswith(TRAINING)}
        try:
            match header["format"]:
                case 2 | 3:
                    net = parse_net(header["net"], "its net")
                case 1:
                    net = net_of_format_1(header["architecture"], "its net")
                case other:
                    raise CheckpointError(f"format {other} instead of {FORMAT}")
            most = sum(prod(spec.shape) for spec in specs.values())
            layers = build_layers(net, seed=Blank(most), impl=impl, most=most)
            model = cls(layers, input_shape=net.input_shape, name=net.name, **header.get("input", {}))
            model._check(specs)
            model.recipe = header.get("recipe")  # files of before recipes were kept hold none
            if not isinstance(model.recipe, dict | None):
                raise CheckpointError(f"its recipe is no table but {model.recipe!r}")
        except (LookupError, TypeError, AttributeError, MemoryError, JitCNNError) as error:
            raise CheckpointError(
                f"{file.path} does not describe a network of this version of jitcnn: {error}"
            ) from error
        for name, array in file.read(specs).items():
            position, _, inner = name.partition(".")
            model.layers[int(position)].set_array(inner, array)
        return model

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Take the weights, and the normalisation they were learnt with, out of a file of the same architecture.

        Raises
        ------
        CheckpointError
            If the file is damaged, or belongs to another architecture; the weights are then as before.
        """
        loaded = CNN.load(path)
        if [repr(layer) for layer in loaded.layers] != [repr(layer) for layer in self.layers]:
            raise CheckpointError(
                f"{path} belongs to another architecture: expected {self.name} with {self.parameter_count:,} "
                f"parameters, got {loaded.name} with {loaded.parameter_count:,}; load it with CNN.load instead."
            )
        self.put_arrays(loaded.named_arrays())
        self.mean, self.std = loaded.mean, loaded.std

    def header(self) -> dict[str, Any]:
        """What its file says of it beside its arrays, as plain values."""
        around = {name: getattr(self, name) for name in ("mean", "std", "class_names", "preparation")}
        return {
            "format": FORMAT, "versions": versions(), "net": self.describe(), "input": around, "recipe": self.recipe,
        }  # fmt: skip

    def named_arrays(self) -> dict[str, Array]:
        """Every parameter and buffer by its name in a file, such as ``0.weights``."""
        arrays = [layer.parameters() | layer.buffers() for layer in self.layers]
        return {f"{position}.{name}": array for position, named in enumerate(arrays) for name, array in named.items()}

    def put_arrays(self, arrays: Mapping[str, Array]) -> None:
        """Copy arrays into the parameters and buffers that ``named_arrays`` calls by these names."""
        mine = self.named_arrays()
        for name, array in arrays.items():
            mine[name][...] = array

    def _check(self, specs: Mapping[str, Spec]) -> None:
        """CheckpointError unless these are its parameters and buffers, exactly."""
        expected = {name: array.shape for name, array in self.named_arrays().items()}
        got = {name: spec.shape for name, spec in specs.items()}
        if expected != got:
            raise CheckpointError(f"its architecture needs arrays {expected}, the file holds {got}.")
        for name, spec in specs.items():
            if spec.dtype not in FLOATS:
                raise CheckpointError(f"it has {name} in {spec.dtype}, expected are numbers in float32 or float64.")

    def __repr__(self) -> str:
        return f"<CNN {self.name}: {len(self.layers)} layers, {self.parameter_count:,} parameters>"
