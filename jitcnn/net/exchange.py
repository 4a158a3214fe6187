"""Exchange of models and weights with other programs; the formats are in ``interchange``."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from ..errors import CheckpointError, ConfigError
from ..graph import Graph
from ..interchange.described import Described
from ..interchange.keras.file import open_keras
from ..interchange.keras.model import build_keras, weights_of_keras
from ..interchange.onnx_export.writer import write_onnx
from ..interchange.onnx_import.reader import read_onnx
from ..interchange.safetensors_file import read_safetensors, write_safetensors
from ..layers import Layer
from ..shapes import Shape
from ..support.arrays import Array
from .trained_on import TrainedOn


class Exchanged:
    """Methods that read and write files of other programs; base class of ``CNN``."""

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...]
    preparation: str
    recipe: dict[str, Any] | None
    input_shape: Shape | None
    trained_on: TrainedOn | None
    value_ranges: Mapping[str, tuple[float, float]]

    if TYPE_CHECKING:

        def __init__(self, layers: Sequence[Layer], **around: Any) -> None: ...
        @property
        def graph(self) -> Graph[Layer]: ...
        @property
        def num_classes(self) -> int | None: ...
        def load_arrays(self, arrays: Mapping[str, Array]) -> None: ...
        def normalise_by(self, mean: Sequence[float], std: Sequence[float]) -> None: ...

    def to_onnx(self, path: str | os.PathLike[str], normalisation: bool = False) -> None:
        """Write the model, in evaluation mode, as an ONNX file, opset 17, with a free batch size N.

        The input ``images`` (N, C, H, W) is float32, and so are all arrays. The output of a model that ends in ``Softmax`` is
        called ``probabilities``; of another, it is called ``outputs``.

        Parameters
        ----------
        path : path of the file; an existing file is replaced
        normalisation : whether the input is pixels, 0 … 255, and the file normalises them with ``mean`` and ``std``;
            otherwise the input is normalised already, as for ``forward``

        Raises
        ------
        ConfigError, ShapeError
            If the model has no ``input_shape``, or a layer that ONNX has no form for; if ``onnx`` is not installed.
        CheckpointError
            If the file cannot be written; an existing file is kept.

        Examples
        --------
        >>> from jitcnn.models import lenet5
        >>> lenet5().to_onnx("lenet5.onnx", normalisation=True)
        >>> import onnx
        >>> onnx.load("lenet5.onnx").graph.output[0].name
        'probabilities'
        """
        if self.input_shape is None:
            raise ConfigError(
                f"{self.name} has no input_shape, which an ONNX file states: pass input_shape=(C, H, W) to CNN."
            )
        write_onnx(self._described(), path, normalisation=normalisation)

    @classmethod
    def from_onnx(cls, path: str | os.PathLike[str], input_shape: Shape | None = None) -> Self:
        """Import a network from an ONNX file, with its weights; it can be evaluated, trained and saved as any other.

        A file of ``to_onnx`` also brings its class names, normalisation and recipe. A network that ends without Softmax
        returns its raw outputs; ``predict_proba`` applies a softmax to them.

        Parameters
        ----------
        path : path of the file
        input_shape : tuple without N, channels first; needed if the file leaves height and width free

        Raises
        ------
        ConfigError
            If the file does not exist, or uses what no layer does; the message lists each such node and the reason.
        CheckpointError
            If the file is damaged, not an ONNX file, or exceeds a limit.

        Examples
        --------
        >>> from jitcnn import CNN
        >>> from onnx import TensorProto, helper, save
        >>> x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in "xy")
        >>> graph = helper.make_graph([helper.make_node("Softmax", ["x"], ["y"])], "graph", [x], [y])
        >>> save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "small.onnx")
        >>> CNN.from_onnx("small.onnx")
        <CNN small: 1 layers, 0 parameters>
        """
        return cls._of(read_onnx(path, input_shape))

    def save_safetensors(self, path: str | os.PathLike[str], layout: str = "torch") -> None:
        """Write the weights as safetensors, with the names and shapes of torch or our own.

        Parameters
        ----------
        path : path of the file; an existing file is replaced when the new one is complete
        layout : {"torch", "jitcnn"}, see ``interchange.safetensors_file.write_safetensors``

        Raises
        ------
        CheckpointError, ConfigError
            If the file cannot be written; if ``layout`` is unknown, or the package safetensors is not installed.

        Examples
        --------
        >>> from jitcnn.models import lenet5
        >>> lenet5(seed=0).save_safetensors("lenet5.safetensors")
        >>> model = lenet5(seed=1)
        >>> model.load_safetensors("lenet5.safetensors")
        >>> model.fingerprint() == lenet5(seed=0).fingerprint()
        True
        """
        write_safetensors(self._described(), path, layout)

    def load_safetensors(self, path: str | os.PathLike[str]) -> None:
        """Load the weights of a network with the same layers from a safetensors file.

        Normalisation and class names are taken if the file has them, as one written by ``save_safetensors`` does.

        Parameters
        ----------
        path : path of the file, with names of torch, our own, or others, see ``interchange.safetensors_file.read_safetensors``

        Raises
        ------
        CheckpointError, ConfigError
            If the file is damaged, a pickle, or of another architecture, or the package safetensors is not installed; the
            weights are then unchanged.

        Examples
        --------
        >>> from safetensors.numpy import save_file
        >>> from jitcnn import CNN, Dense
        >>> save_file({"fc.weight": np.ones((2, 3), np.float32), "fc.bias": np.zeros(2, np.float32)}, "fc.safetensors")
        >>> model = CNN([Dense(3, 2)])
        >>> model.load_safetensors("fc.safetensors")
        >>> model(np.array([[1, 2, 3]], np.float32)).tolist()
        [[6.0, 6.0]]
        """
        arrays, around = read_safetensors(self._described(), path)
        class_names = around.get("class_names", self.class_names)
        if class_names and self.num_classes not in (None, len(class_names)):
            raise CheckpointError(
                f"{path} has {len(class_names)} class names, expected {self.num_classes} for {self.name}: remove them."
            )
        try:
            self.normalise_by(around.get("mean", self.mean), around.get("std", self.std))
        except ConfigError as error:
            raise CheckpointError(f"{path} does not fit {self.name}: {error}") from error
        self.class_names = class_names
        self._take(arrays)

    @classmethod
    def from_keras(cls, path: str | os.PathLike[str], *, impl: str = "auto") -> Self:
        """Build a network from a file of Keras that has its architecture, ``.keras`` or HDF5, with its weights.

        Images are NCHW here and NHWC in Keras: ``net(x)`` is ``model(x.transpose(0, 2, 3, 1))``. Nothing in the file is executed;
        a ``Lambda`` layer is refused.

        Parameters
        ----------
        path : path of the file
        impl : one of ``IMPLEMENTATIONS``, for the layers that have several

        Raises
        ------
        CheckpointError, ConfigError
            If the file is damaged or a pickle, or has layers that jitcnn does not have, all of which are named; or if the package
            h5py is not installed.

        Examples
        --------
        A file with one layer, as Keras writes it:

        >>> import h5py, json
        >>> from jitcnn import CNN
        >>> dense = {"class_name": "Dense", "config": {"name": "fc", "units": 2, "batch_input_shape": [None, 3]}}
        >>> with h5py.File("fc.h5", "w") as file:
        ...     config = {"class_name": "Sequential", "config": {"name": "net", "layers": [dense]}}
        ...     file.attrs["model_config"] = json.dumps(config)
        ...     group = file.create_group("model_weights")
        ...     group["fc/kernel"], group["fc/bias"] = np.ones((3, 2)), np.zeros(2)
        ...     group.attrs["layer_names"], group["fc"].attrs["weight_names"] = ["fc"], ["kernel", "bias"]
        >>> CNN.from_keras("fc.h5")(np.array([[1, 2, 3]], np.float32)).tolist()
        [[6.0, 6.0]]
        """
        with open_keras(path) as file:
            return cls._of(build_keras(file, impl=impl))

    def load_keras(self, path: str | os.PathLike[str]) -> None:
        """Load the weights of a network with the same layers from a file of Keras: ``.keras``, ``.weights.h5`` or HDF5.

        Layers with weights are matched in order, those of each kind apart; ``SeparableConv2D`` is two ``Conv2D`` here.

        Parameters
        ----------
        path : path of the file

        Raises
        ------
        CheckpointError, ConfigError
            If the file is damaged, a pickle, or of another architecture, or the package h5py is not installed; the weights are
            then unchanged.

        Examples
        --------
        >>> import h5py
        >>> from jitcnn import CNN, Dense
        >>> with h5py.File("fc.weights.h5", "w") as file:
        ...     file["layers/dense/vars/0"], file["layers/dense/vars/1"] = np.ones((3, 2)), np.zeros(2)
        >>> model = CNN([Dense(3, 2)])
        >>> model.load_keras("fc.weights.h5")
        >>> model(np.array([[1, 2, 3]], np.float32)).tolist()
        [[6.0, 6.0]]
        """
        with open_keras(path) as file:
            self._take(weights_of_keras(self._described(), file))

    @classmethod
    def _of(cls, found: Described) -> Self:
        """The model that ``interchange`` read."""
        model = cls(
            found.graph.nodes,
            sources=None if found.graph.is_chain else found.graph.sources,
            input_shape=found.input_shape,
            name=found.name,
            mean=found.mean,
            std=found.std,
            class_names=found.class_names,
            preparation=found.preparation,
        )
        model.recipe = None if found.recipe is None else dict(found.recipe)
        return model

    def _described(self) -> Described:
        """The model for ``interchange``."""
        return Described(
            self.graph,
            self.input_shape or (),
            self.name,
            self.mean,
            self.std,
            self.class_names,
            self.preparation,
            self.recipe,
        )

    def _take(self, arrays: Mapping[str, Array]) -> None:
        """Load arrays; which images they were trained on is unknown."""
        self.load_arrays(arrays)
        self.trained_on, self.value_ranges = None, {}
