"""ONNX Runtime and OpenVINO, which read the net from the file that ``CNN.to_onnx`` writes, and cannot train it."""

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...net.model import CNN
from ...support.arrays import Array
from .engine import Engine, Timed

NAME = "images"  # of the input, see ``write_onnx``


class OnnxRuntimeEngine(Engine):
    """An inference session on the CPU."""

    def __init__(self, path: str, threads: int) -> None:
        runtime = import_module("onnxruntime")
        self.version = runtime.__version__
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session: Any = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def inference(self, x: Array) -> Timed:
        """Run the session."""
        return Timed(lambda: self.session.run(None, {NAME: x})[0])


class OpenVinoEngine(Engine):
    """A model that is compiled for each batch size, for the lowest latency, in float32."""

    def __init__(self, path: str, threads: int) -> None:
        self.openvino: Any = import_module("openvino")
        self.version = version("openvino")
        self.core = self.openvino.Core()
        self.model = self.core.read_model(path)
        self.settings = {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
        }  # fmt: skip

    def inference(self, x: Array) -> Timed:
        """Run an inference request."""
        self.model.reshape([*x.shape])
        request = self.core.compile_model(self.model, "CPU", self.settings).create_infer_request()
        return Timed(lambda: request.infer([x])[0])


def onnxruntime_engines(net: CNN, threads: int) -> list[Engine]:
    """A session of the exported net."""
    return [_exported(OnnxRuntimeEngine, net, threads)]


def openvino_engines(net: CNN, threads: int) -> list[Engine]:
    """The exported net."""
    return [_exported(OpenVinoEngine, net, threads)]


def _exported(engine: type[OnnxRuntimeEngine] | type[OpenVinoEngine], net: CNN, threads: int) -> Engine:
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # OpenVINO keeps the file open
        path = str(Path(folder, "net.onnx"))
        net.to_onnx(path)
        return engine(path, threads)
