"""Small ONNX files, built node by node, and their outputs in ONNX Runtime."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from jitcnn import CNN


def node(op, inputs, output, **attributes):
    """A node named after its output; ``inputs`` is a text such as "x weights"."""
    return helper.make_node(op, inputs.split(" "), output.split(" "), name=f"{output}_node", **attributes)


def model(nodes, shape=("N", 3, 7, 6), arrays=None, opset=17, kind=TensorProto.FLOAT):
    """A ModelProto with the input "x" of ``shape`` (with N) and the output "y"; ``arrays`` become initializers."""
    graph = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (arrays or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def write(folder, proto) -> Path:
    """Path of a file net.onnx with this ModelProto."""
    path = folder / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def import_net(folder, *graph, **settings) -> CNN:
    """The network of ``model(*graph, **settings)``, read from a file."""
    return CNN.from_onnx(write(folder, model(*graph, **settings)))


def runtime_output(proto, x):
    """The output of ONNX Runtime, without its own optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]
