"""ONNX operators with weights that are no windows: matrix products and batch normalisation."""

import numpy as np

from ...errors import ShapeError
from .builder import Tensor, UnsupportedError
from .node import Node, operator


@operator("Gemm")
def gemm(node: Node) -> Tensor:
    """Dense: alpha · x · B + beta · C."""
    weights, bias = _matrix(node), node.constant(2, "bias")
    node.expect("transA", 0)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    weights = alpha * (weights.T if node.integer("transB") else weights)
    features = weights.shape[1]
    if bias is None:
        bias = np.zeros(features)
    if bias.dtype.kind != "f":
        raise UnsupportedError(f"its bias is of type {bias.dtype}, expected floats")
    if bias.size not in (1, features) or bias.shape[:-1] not in ((), (1,)):
        raise ShapeError(f"it expects a bias of {features} numbers, got the shape {bias.shape}")
    bias = beta * np.resize(bias.reshape(-1), features)
    sizes = {"in_features": weights.shape[0], "out_features": features}
    return node.layer("Dense", arrays={"weights": weights, "bias": bias}, **sizes)


@operator("MatMul")
def matmul(node: Node) -> Tensor:
    """Dense with a bias of 0, or with that of an Add after it."""
    weights = _matrix(node)
    sizes = {"in_features": weights.shape[0], "out_features": weights.shape[1]}
    out = node.layer("Dense", arrays={"weights": weights, "bias": np.zeros(weights.shape[1])}, **sizes)
    node.builder.without_bias.add(out.position)
    return out


def _matrix(node: Node) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
    weights = node.needed(1, "weights")
    if weights.ndim != 2 or weights.dtype.kind != "f":
        raise UnsupportedError(
            f"its weights are of type {weights.dtype} and shape {weights.shape}, expected a matrix of floats"
        )
    if len(node.tensor().shape) != 1:
        raise UnsupportedError(f"its input has the shape {('N', *node.tensor().shape)}, expected (N, features)")
    return weights


@operator("BatchNormalization")
def batch_norm(node: Node) -> Tensor:
    """BatchNorm2D, or BatchNorm1D for (N, features)."""
    names = ("gamma", "beta", "running_mean", "running_var")
    arrays = {name: node.needed(position, name) for position, name in enumerate(names, 1)}
    node.expect("training_mode", 0)
    node.expect("spatial", 1)
    if node.extra_outputs:
        raise UnsupportedError("its outputs for training are not supported: export the network in evaluation mode")
    eps, momentum = node.number("epsilon", 1e-5), node.number("momentum", 0.9)
    shape = node.tensor().shape
    if len(shape) not in (1, 3):
        raise ShapeError(f"it expects input of shape (N, C, H, W) or (N, features), got {('N', *shape)}")
    kind = "BatchNorm2D" if len(shape) == 3 else "BatchNorm1D"
    settings = {"num_features": arrays["gamma"].size, "eps": eps, "momentum": round(1 - momentum, 9)}
    return node.layer(kind, arrays=arrays, **settings)
