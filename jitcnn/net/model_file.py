"""Save and load models."""

import os
from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Self

from ..errors import CheckpointError, JitCNNError
from ..functional.checks import FLOATS
from ..initializers import Blank
from ..layers import Layer
from ..support.versions import versions
from .architecture import build_layers, net_of_format_1, parse_net
from .checkpoint import CheckpointFile, Spec, open_checkpoint, write_checkpoint
from .model_arrays import ModelArrays

FORMAT = 4  # 1 stored the layers as JSON; 2 had no checksum; 3 had other names in BatchNorm2D
TRAINING = "training."  # prefix of the arrays that belong to a training run and not to the model


class ModelFile(ModelArrays):
    """Save and load a model; base class of ``CNN``."""

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    recipe: dict[str, Any] | None

    if TYPE_CHECKING:

        def __init__(self, layers: Sequence[Layer], **around: Any) -> None: ...

        def to_toml(self) -> str: ...

        @classmethod
        def from_toml(cls, text: Any, **settings: Any) -> Self: ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write architecture, weights and recipe to one ``.npz`` file, replacing an existing file atomically.

        Raises
        ------
        CheckpointError
            If the file cannot be written.
        """
        write_checkpoint(path, self.header(), self.named_arrays())

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
        """
        with open_checkpoint(path) as file:
            return cls.from_file(file, impl=impl)

    @classmethod
    def from_file(cls, file: CheckpointFile, *, impl: str = "auto") -> Self:
        """As ``load``, from an open file."""
        header, specs = file.header, {name: spec for name, spec in file.specs.items() if not name.startswith(TRAINING)}
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
            model = cls(layers, input_shape=net.input_shape, name=net.name, **header.get("input", {}))
            model._check(specs)
            model.recipe = header.get("recipe")  # older files have none
            if not isinstance(model.recipe, dict | None):
                raise CheckpointError(f"its recipe must be a table, got {model.recipe!r}")
        except (LookupError, TypeError, AttributeError, MemoryError, JitCNNError) as error:
            raise CheckpointError(f"{file.path} is not a model file for this version of jitcnn: {error}") from error
        for name, array in file.read(specs).items():
            position, _, inner = name.partition(".")
            model.layers[int(position)].set_array(inner, array)
        return model

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Load the weights and normalisation from a model file of the same architecture.

        Raises
        ------
        CheckpointError
            If the file is damaged or of another architecture; the weights are then unchanged.
        """
        loaded = type(self).load(path)
        if [repr(layer) for layer in loaded.layers] != [repr(layer) for layer in self.layers]:
            raise CheckpointError(
                f"{path} belongs to another architecture: expected {self.name} with {self.parameter_count:,} "
                f"parameters, got {loaded.name} with {loaded.parameter_count:,}; load it with CNN.load instead."
            )
        self.load_arrays(loaded.named_arrays())
        self.mean, self.std = loaded.mean, loaded.std

    def header(self) -> dict[str, Any]:
        """The contents of the model file besides the arrays, as plain values."""
        around = {name: getattr(self, name) for name in ("mean", "std", "class_names", "preparation")}
        return {
            "format": FORMAT, "versions": versions(), "net": self.to_toml(), "input": around, "recipe": self.recipe,
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
