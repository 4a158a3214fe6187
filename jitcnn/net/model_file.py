"""Save and load models: the architecture as TOML, and the whole model in one file."""

import os
from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, JitCNNError
from ..functional.checks import FLOATS
from ..graph import Graph
from ..initializers import Blank, Seed
from ..layers import Layer
from ..shapes import Shape
from ..support.versions import versions
from .architecture import NetDescription, net_of_format_1, parse_net
from .building import build_layers
from .checkpoint import CheckpointFile, Spec, open_checkpoint, write_checkpoint
from .freezing import Freezing
from .trained_on import PREFIX, TrainedOn
from .writing import to_toml

FORMAT = 4  # 1 stored the layers as JSON; 2 had no checksum; 3 had other names in BatchNorm2D
TRAINING = "training."  # prefix of the arrays that belong to a training run and not to the model


class ModelFile(Freezing):
    """The architecture as TOML, and the model file; base class of ``CNN``."""

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    recipe: dict[str, Any] | None
    class_names: tuple[str, ...]
    trained_on: TrainedOn | None = None  # set by ``fit``; None if unknown
    input_shape: Shape | None
    value_ranges: Mapping[str, tuple[float, float]] = {}  # set by ``fit``: of images with more than 8 bits, by kind

    if TYPE_CHECKING:

        def __init__(self, layers: Sequence[Layer], **around: Any) -> None: ...

        @property
        def graph(self) -> Graph[Layer]: ...

    def to_toml(self) -> str:
        """The architecture as TOML; ``CNN.from_toml`` builds the same model with fresh weights.

        Examples
        --------
        >>> from jitcnn import CNN, Dense, Flatten
        >>> print(CNN([Flatten(), Dense(4, 2)], input_shape=(1, 2, 2), name="tiny").to_toml().splitlines()[:3])
        ['name = "tiny"', 'input_shape = [1, 2, 2]', 'classes = 2']
        """
        return to_toml(self.name, self.input_shape, self.graph)

    @classmethod
    def from_toml(
        cls, text: str | NetDescription, *, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32, **around: Any
    ) -> Self:
        """Build a model with fresh weights from its architecture.

        Parameters
        ----------
        text : str in TOML, or the result of ``parse_net`` or ``read_net``
        seed : int, or a numpy random Generator, for the initial weights
        impl : one of ``IMPLEMENTATIONS``, for the layers that have several
        dtype : np.float32 or np.float64
        around : mean, std, class_names, preparation: see the constructor

        Raises
        ------
        ConfigError, ShapeError
            If the text is not valid, a setting is out of range, or a layer does not accept its input shape.

        Examples
        --------
        >>> from jitcnn import CNN
        >>> from jitcnn.models import lenet5
        >>> model = CNN.from_toml(lenet5().to_toml(), seed=1)
        >>> model, model.fingerprint() == lenet5(seed=1).fingerprint()
        (<CNN lenet5: 13 layers, 61,706 parameters>, True)
        """
        net = parse_net(text) if isinstance(text, str) else text
        layers = build_layers(net, seed=seed, impl=impl, dtype=dtype)
        return cls(layers, sources=net.sources, input_shape=net.input_shape, name=net.name, **around)

    def save(self, path: str | os.PathLike[str], notes: Mapping[str, Any] | None = None) -> None:
        """Write architecture, weights, recipe and ``trained_on`` to one ``.npz`` file, atomically.

        ``notes`` are plain values to keep with it, in its header.

        Raises
        ------
        CheckpointError
            If the file cannot be written.

        Examples
        --------
        >>> from jitcnn import CNN
        >>> from jitcnn.models import lenet5
        >>> model = lenet5()
        >>> model.save("lenet5.npz")
        >>> CNN.load("lenet5.npz").fingerprint() == model.fingerprint()
        True
        """
        header = self.header() if notes is None else {**self.header(), "notes": dict(notes)}
        write_checkpoint(path, header, self.file_arrays())

    def file_arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays of the model file: those of the layers, and those of ``trained_on``."""
        return {**self.named_arrays(), **({} if self.trained_on is None else self.trained_on.arrays())}

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, impl: str = "auto") -> Self:
        """Load a model from a file written by ``save``, or from a training checkpoint.

        Nothing in the file is executed, and no more memory is allocated than the file size.

        Parameters
        ----------
        path : path of the file
        impl : one of ``IMPLEMENTATIONS``, for the layers that have several

        Raises
        ------
        CheckpointError
            If the file is damaged or not a model file, or its arrays do not match its architecture.

        Examples
        --------
        >>> from jitcnn import CNN
        >>> from jitcnn.models import lenet5
        >>> lenet5().save("lenet5.npz")
        >>> CNN.load("lenet5.npz", impl="naive").layers[0].impl
        'naive'
        """
        with open_checkpoint(path) as file:
            return cls.from_file(file, impl=impl)

    @classmethod
    def from_file(cls, file: CheckpointFile, *, impl: str = "auto") -> Self:
        """As ``load``, from an open file."""
        header, specs = (
            file.header,
            {name: spec for name, spec in file.specs.items() if not name.startswith((TRAINING, PREFIX))},
        )
        try:
            match header["format"]:
                case 2 | 3 | 4:
                    net = parse_net(header["net"], "its architecture")
                case 1:
                    net = net_of_format_1(header["architecture"], "its architecture")
                case other:
                    raise CheckpointError(f"its format is {other}, expected 1 to {FORMAT}")
            most = sum(prod(spec.shape) for spec in specs.values())
            layers = build_layers(net, seed=Blank(most), impl=impl, most=most)
            model = cls(
                layers, sources=net.sources, input_shape=net.input_shape, name=net.name, **header.get("input", {})
            )
            model._check(specs)
            model.recipe = header.get("recipe")  # older files have none
            _check_recipe(model.recipe)
            model.value_ranges = _value_ranges(header.get("value_ranges"))
            model._freeze_again(header.get("frozen"))
        except (LookupError, TypeError, AttributeError, MemoryError, JitCNNError) as error:
            raise CheckpointError(f"{file.path} is not a model file for this version of jitcnn: {error}") from error
        arrays = file.read([*specs, *(name for name in file.specs if name.startswith(PREFIX))])
        for name in specs:
            position, _, inner = name.partition(".")
            model.layers[int(position)].set_array(inner, arrays[name])
        try:
            model.trained_on = TrainedOn.from_header(header.get("trained_on"), arrays)
        except CheckpointError as error:
            raise CheckpointError(f"{file.path} is not a model file for this version of jitcnn: {error}") from error
        return model

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Load the weights, normalisation, class names and ``trained_on`` from a model file of the same architecture.

        Raises
        ------
        CheckpointError
            If the file is damaged or of another architecture; the weights are then unchanged.

        Examples
        --------
        >>> from jitcnn.models import lenet5
        >>> lenet5(seed=0).save("lenet5.npz")
        >>> model = lenet5(seed=1)
        >>> model.load_weights("lenet5.npz")
        >>> model.fingerprint() == lenet5(seed=0).fingerprint()
        True
        """
        loaded = type(self).load(path)
        if repr(loaded.graph) != repr(self.graph):
            raise CheckpointError(
                f"{path} belongs to another architecture: expected {self.name} with {self.parameter_count:,} "
                f"parameters, got {loaded.name} with {loaded.parameter_count:,}; load it with CNN.load instead."
            )
        self.load_arrays(loaded.named_arrays())
        self.mean, self.std, self.trained_on = loaded.mean, loaded.std, loaded.trained_on
        self.class_names = loaded.class_names or self.class_names
        self.value_ranges = loaded.value_ranges

    def header(self) -> dict[str, Any]:
        """The contents of the model file besides the arrays, as plain values; CheckpointError if ``load`` would refuse them."""
        around = {name: getattr(self, name) for name in ("mean", "std", "class_names", "preparation")}
        try:
            net = parse_net(text := self.to_toml(), "its architecture")
            # CNN itself, which checks its arguments: a subclass may take others, and its file is loaded by CNN.load
            cnn: Any = next(kind for kind in type(self).__mro__ if "normalise_by" in vars(kind))
            cnn(self.layers, sources=net.sources, input_shape=net.input_shape, name=net.name, **around)
            _check_recipe(self.recipe)
        except JitCNNError as error:
            raise CheckpointError(f"{self.name} cannot be saved, as it could not be loaded again: {error}") from error
        return {
            "format": FORMAT, "versions": versions(), "net": text, "input": around, "recipe": self.recipe,
            "trained_on": None if self.trained_on is None else self.trained_on.to_header(),
            "value_ranges": {kind: list(values) for kind, values in self.value_ranges.items()},
            **({"frozen": list(self.frozen)} if self.frozen else {}),
        }  # fmt: skip

    def _check(self, specs: Mapping[str, Spec]) -> None:
        """Raise CheckpointError unless the arrays in the file match the parameters and buffers of the model."""
        expected = {name: array.shape for name, array in self.named_arrays().items()}
        got = {name: spec.shape for name, spec in specs.items()}
        if expected != got:
            raise CheckpointError(f"its architecture needs arrays {expected}, the file contains {got}.")
        for name, spec in specs.items():
            if spec.dtype not in FLOATS:
                raise CheckpointError(f"array {name} has dtype {spec.dtype}, expected float32 or float64.")


def _check_recipe(recipe: object) -> None:
    if not isinstance(recipe, dict | None):
        raise CheckpointError(f"its recipe must be a table, got {recipe!r}")


def _value_ranges(header: object) -> dict[str, tuple[float, float]]:
    """The value ranges in a model file, none in older ones; CheckpointError if they are invalid."""
    ranges = {} if header is None else header
    if not isinstance(ranges, dict) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(value, int | float) for value in pair)
        for pair in ranges.values()
    ):
        raise CheckpointError(f"its value ranges must be two numbers for each kind of image, got {header!r}")
    return {str(kind): (float(low), float(high)) for kind, (low, high) in ranges.items()}
