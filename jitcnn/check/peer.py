"""Comparison with torch, if installed: ``python -m jitcnn.check.peer [BUG]``.

Runs in a separate process: two thread pools in one process disturb each other, and torch takes a second to import.
"""

import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..benchmark.tolerance import TOLERANCE, TRAINED
from ..benchmark.torch_twin import torch_twin
from ..gradcheck import standard_checks
from ..layers import Layer
from ..losses import softmax_cross_entropy
from ..models import find_net
from ..optim import SGD
from ..training import train_step
from .bugs import planted
from .compare import Pair, agree
from .learning import first_batch
from .outcome import Check, Outcome
from .process import answer, ask

STEPS = 10
EXACT = TOLERANCE[np.dtype(np.float64)]


def checks(bug: str | None = None) -> Iterator[Check]:
    """Layers, loss and training in one process, with ``bug`` planted. Without torch, a single check reports that."""
    if find_spec("torch") is None:
        yield Check("torch", ("torch",), lambda: Outcome(True, "not installed, comparison skipped"))
        return
    answers = cache(lambda: ask("jitcnn.check.peer", *([bug] if bug else [])))
    for name in PARITIES:
        yield Check(f"torch: {name}", ("torch",), lambda name=name: answers()[name])  # type: ignore[misc]


def _layers(torch: Any) -> Outcome:
    """Output, d_x and parameter gradients of every layer with an equivalent in torch."""
    pairs: list[Pair] = []
    count = 0
    for label, layer, x in standard_checks():
        settings = getattr(layer, "padding", 0)
        if not isinstance(layer, Layer) or settings == "same" or layer.generators():
            continue  # torch supports "same" with stride 1 only, and its dropout masks differ
        try:
            twin = layer.torch_twin(torch).double()
        except TypeError:  # no equivalent
            continue
        for name, array in (layer.parameters() | layer.buffers()).items():
            layer.set_array(name, array.astype(np.float64))
        its_x = [torch.from_numpy(each.copy()).requires_grad_() for each in (x if isinstance(x, tuple) else (x,))]
        out, its_out = layer.forward(x), twin(*its_x)
        d_out = np.random.default_rng(1).standard_normal(out.shape)
        its_out.backward(torch.from_numpy(d_out))
        d_x: Any = layer.backward(d_out)
        pairs.append((f"{label} out", out, its_out.detach().numpy()))
        inputs = zip(d_x if isinstance(d_x, tuple) else (d_x,), its_x, strict=True)
        pairs += [(f"{label} d_x", mine, its.grad) for mine, its in inputs]
        pairs += _beside(layer.gradients(), [parameter.grad for parameter in twin.parameters()], f"{label} d_")
        count += 1
    return agree(pairs, EXACT, f"{count} layers")


def _beside(mine: dict[str, Any], its: list[Any], label: str) -> list[Pair]:
    """Pairs of arrays in the same order; matrices are dense weights, which torch stores transposed."""
    return [
        (label + name, array, other.detach().numpy().T if array.ndim == 2 else other.detach().numpy())
        for (name, array), other in zip(mine.items(), its, strict=True)
    ]


def _loss(torch: Any) -> Outcome:
    """Cross-entropy and its gradient, with and without label smoothing."""
    rng = np.random.default_rng(0)
    logits, y = 3 * rng.standard_normal((6, 5)), rng.integers(0, 5, 6)
    pairs: list[Pair] = []
    for smoothing in (0.0, 0.1, 0.5):
        loss, d_logits = softmax_cross_entropy(logits, y, smoothing)
        theirs = torch.from_numpy(logits.copy()).requires_grad_()
        its_loss = torch.nn.functional.cross_entropy(theirs, torch.from_numpy(y), label_smoothing=smoothing)
        its_loss.backward()
        label = f"label smoothing {smoothing}, "
        pairs += [(label + "loss", loss, its_loss.item()), (label + "d_logits", d_logits, theirs.grad.numpy())]
    return agree(pairs, EXACT, "with and without label smoothing")


def _training(torch: Any) -> Outcome:
    """Weights after ten steps of SGD with momentum from the same initial weights on the same batch."""
    model, (x, y), optimizer = find_net("mnist-cnn"), first_batch(), SGD(0.01, momentum=0.9)
    twin = torch_twin(torch, model.layers[:-1])
    its_optimizer = torch.optim.SGD(twin.parameters(), lr=0.01, momentum=0.9)
    for _ in range(STEPS):
        train_step(model, x, y, optimizer)
        its_optimizer.zero_grad()
        torch.nn.functional.cross_entropy(twin(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        its_optimizer.step()
    mine = {f"layer {k} {key}": a for k, layer in enumerate(model.layers) for key, a in layer.parameters().items()}
    return agree(_beside(mine, list(twin.parameters()), ""), TRAINED, f"mnist-cnn, {STEPS} steps of SGD")


PARITIES: dict[str, Callable[[Any], Outcome]] = {"layers": _layers, "loss": _loss, "training": _training}


def main(bug: str | None) -> None:
    """Run every comparison; an exception in one does not affect the others."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    outcomes: dict[str, Outcome] = {}
    with planted(bug):
        for name, parity in PARITIES.items():
            try:
                outcomes[name] = parity(torch)
            except Exception as error:
                outcomes[name] = Outcome(False, f"{type(error).__name__}: {error}")
    answer(outcomes)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
