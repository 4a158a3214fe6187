"""A pass keeps its own state: shared layers, predictions during a training, other threads and forked children change nothing.

The fork is made in a process of its own, ``python -m jitcnn.check.state``: pools that other libraries have started in this one
need not survive it.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from ..gradcheck import compare_gradients
from ..layers import Conv2D, Dense, Flatten, Layer, Tanh
from ..models import find_net
from ..net.model import CNN
from ..optim import SGD
from ..training import train_step
from .gradients import TOLERANCE
from .learning import first_batch
from .outcome import Check, Outcome, finite
from .process import answer, ask

STEPS = 3
CHILD_SECONDS = 60
FORKED = "state: same bits with training in a forked child"


def checks() -> Iterator[Check]:
    """Gradients of a layer used twice, and bit-equal weights whatever else happens during the training steps."""
    yield Check("state: a layer used twice has the sum of both gradients", ("state", "net"), _shared_layer)
    disturbed: dict[str, Callable[[], str]] = {
        "predictions between forward and backward pass": lambda: _train(between=_predict),
        "predictions from another thread": _beside_predictions,
        "training in another thread": lambda: _in_thread(_train),
    }
    for name, train in disturbed.items():
        yield Check(f"state: same bits with {name}", ("state", "threads"), lambda train=train: _same(train()))  # type: ignore[misc]
    if hasattr(os, "fork"):
        yield Check(FORKED, ("state", "threads"), lambda: ask("jitcnn.check.state")[FORKED])


def _shared_layer() -> Outcome:
    rng = np.random.default_rng(0)
    shared = Conv2D(2, 2, 3, padding=1, rng=rng)
    layers: list[Layer] = [shared, Tanh(), shared, Flatten(), Dense(40, 3, rng=rng)]
    report = compare_gradients(CNN(layers), rng.standard_normal((2, 2, 4, 5)))
    fault = report.fault(TOLERANCE)
    figure = fault or f"{report.compared} compared, largest difference {report.largest:.1e} at {report.where}"
    return Outcome(not fault, figure, {"difference": finite(report.largest), "where": report.where})


def _train(between: Callable[[CNN, Any], object] | None = None) -> str:
    """Fingerprint after some training steps of mnist-cnn; ``between`` is called between forward and backward passes."""
    net, (x, y), optimizer = find_net("mnist-cnn"), first_batch(), SGD()
    if between is not None:
        forward = net.logits

        def logits(images: Any, training: bool = True) -> Any:
            out = forward(images, training)
            if training:
                between(net, x[::-1][:5])
            return out

        net.logits = logits  # type: ignore[assignment, method-assign]
    for _ in range(STEPS):
        train_step(net, x, y, optimizer)
    return net.fingerprint()[:12]


def _predict(net: CNN, x: Any) -> None:
    """In one call, and layer by layer."""
    net.predict(x)
    net(x)


def _beside_predictions() -> str:
    """Training of one net, while another thread predicts with it."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def predict(net: CNN, x: Any) -> None:
        def again() -> None:
            while not stop.is_set():
                _predict(net, x)

        if not threads:
            threads.append(threading.Thread(target=again, daemon=True))
            threads[0].start()
        _predict(net, x)

    try:
        return _train(between=predict)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _in_thread(work: Callable[[], str]) -> str:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0] if found else "no result"


def _in_child() -> str:
    _train()  # the pools of this process have run
    context: Any = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_answer, args=(theirs,), daemon=True)
    child.start()
    theirs.close()
    try:
        with suppress(EOFError):
            if ours.poll(CHILD_SECONDS):
                return str(ours.recv())
        return f"no answer within {CHILD_SECONDS} s"
    finally:
        child.kill()
        child.join()


def _answer(link: Connection) -> None:
    link.send(_train())


def _same(found: str) -> Outcome:
    """Passes if the weights are those of an undisturbed training in this thread."""
    expected = _train()
    figure = f"mnist-cnn, {STEPS} steps: {found}" + ("" if found == expected else f" instead of {expected}")
    return Outcome(found == expected, figure, {"fingerprint": found, "expected": expected})


if __name__ == "__main__":
    answer({FORKED: _same(_in_child())})
