"""``PEERS``: the frameworks to compare with, by the name that ``--against`` takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from ...net.model import CNN
from ..duel import TORCH_PACKAGE
from .engine import Engine
from .jax_engine import jax_engines
from .jitcnn_engine import jitcnn_engines
from .onnx_engines import onnxruntime_engines, openvino_engines
from .tensorflow_engine import tensorflow_engines
from .torch_engine import compiled_engines, torch_engines

OURS = "jitcnn"


@dataclass(frozen=True)
class Peer:
    """A framework: the function that builds its engines, and the packages that it needs.

    ``packages`` maps each module to what ``pip install`` takes. The engine counts that is the fastest in the warm-up of a task.
    Each of ``environments`` has a process of its own, and in each turn the fastest counts.
    """

    engines: Callable[[CNN, int], list[Engine]]
    packages: dict[str, str]
    environments: tuple[dict[str, str], ...] = ({},)

    def missing(self) -> dict[str, str]:
        """Those of ``packages`` that are not installed."""
        return {module: package for module, package in self.packages.items() if find_spec(module) is None}


def install(packages: Mapping[str, str]) -> str:
    """The command that installs packages."""
    return f"pip install {' '.join(packages.values())}"


TORCH, ONNX = {"torch": TORCH_PACKAGE}, {"onnx": "'jitcnn[interchange]'"}
# Threads of OpenMP that spin are faster on an idle machine, and far slower beside other busy processes, than such that sleep.
WAITING: tuple[dict[str, str], ...] = ({}, {"OMP_WAIT_POLICY": "PASSIVE"})
PEERS = {
    "torch": Peer(torch_engines, TORCH, WAITING),
    "torch.compile": Peer(compiled_engines, TORCH, WAITING),
    "onnxruntime": Peer(onnxruntime_engines, {"onnxruntime": "onnxruntime", **ONNX}),
    "openvino": Peer(openvino_engines, {"openvino": "openvino", **ONNX}),
    "jax": Peer(jax_engines, {"jax": "jax"}),
    "tensorflow": Peer(tensorflow_engines, {"tensorflow": "tensorflow"}),
}


def engines_of(name: str, net: CNN, threads: int) -> list[Engine]:
    """The engines of a peer, or our own."""
    return (jitcnn_engines if name == OURS else PEERS[name].engines)(net, threads)
