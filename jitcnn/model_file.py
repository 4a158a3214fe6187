"""A net and its file: save, load, and its arrays by name."""

import os
from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Self

from .architecture import build_layers, net_of_format_1, parse_net
from .checkpoint import CheckpointFile, Spec, open_checkpoint, write_checkpoint
from .errors import CheckpointError, JitCNNError
from .functional.checks import FLOATS
from .initializers import Blank
from .layers import Layer
from .model_arrays import ModelArrays
from .versions import versions

FORMAT = 4  # 1 named the layers in JSON; 2 had no checksum; 3 had other names in BatchNorm2D
TRAINING = "training."  # prefix of the arrays that belong to a training run and not to the net


class ModelFile(ModelArrays):
    """Save a net and load it again; base of ``CNN``."""

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
        """Write architecture, weights and recipe to one ``.npz`` file; an old file stays until the new one is whole.

        Raises
        ------
        CheckpointError
            If the file cannot be written.
        """
        write_checkpoint(path, self.header(), self.named_arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, impl: str = "auto") -> Self:
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
    def from_file(cls, file: CheckpointFile, *, impl: str = "auto") -> Self:
        """As ``load``, from an open file."""
        header, specs = file.header, {name: spec for name, spec in file.specs.items() if not name.startswith(TRAINING)}
        try:
            match header["format"]:
                case 2 | 3 | 4:
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
        loaded = type(self).load(path)
        if [repr(layer) for layer in loaded.layers] != [repr(layer) for layer in self.layers]:
            raise CheckpointError(
                f"{path} belongs to another architecture: expected {self.name} with {self.parameter_count:,} "
                f"parameters, got {loaded.name} with {loaded.parameter_count:,}; load it with CNN.load instead."
            )
        self.load_arrays(loaded.named_arrays())
        self.mean, self.std = loaded.mean, loaded.std

    def header(self) -> dict[str, Any]:
        """What its file says of it beside its arrays, as plain values."""
        around = {name: getattr(self, name) for name in ("mean", "std", "class_names", "preparation")}
        return {
            "format": FORMAT, "versions": versions(), "net": self.to_toml(), "input": around, "recipe": self.recipe,
        }  # fmt: skip

    def _check(self, specs: Mapping[str, Spec]) -> None:
        """CheckpointError unless these are its parameters and buffers, exactly."""
        expected = {name: array.shape for name, array in self.named_arrays().items()}
        got = {name: spec.shape for name, spec in specs.items()}
        if expected != got:
            raise CheckpointError(f"its architecture needs arrays {expected}, the file holds {got}.")
        for name, spec in specs.items():
            if spec.dtype not in FLOATS:
                raise CheckpointError(f"it has {name} in {spec.dtype}, expected are numbers in float32 or float64.")
