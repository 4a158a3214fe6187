"""The same seed gives bit-identical weights for any number of threads: ``python -m jitcnn.check.threads`` uses 1, 2 and 4.

This runs in a separate process because numba fixes the maximum number of threads when it is imported.
"""

from collections.abc import Iterator

from ..kernels import runtime
from ..models import find_net
from ..optim import SGD
from ..training import train_step
from .learning import first_batch
from .outcome import Check, Outcome
from .process import answer, ask

COUNTS = (1, 2, 4)
STEPS = 3
NAME = "bit-equal weights on 1, 2 and 4 threads"


def checks() -> Iterator[Check]:
    """One check: mnist-cnn after a few steps."""
    yield Check(NAME, ("threads",), lambda: ask("jitcnn.check.threads", NUMBA_NUM_THREADS=str(max(COUNTS)))[NAME])


def weights_by_threads() -> dict[int, str]:
    """Hash of all weights after the same training steps, by number of threads."""
    x, y = first_batch()
    hashes = {}
    for count in COUNTS:
        runtime.set_threads(count)
        model, optimizer = find_net("mnist-cnn"), SGD()
        for _ in range(STEPS):
            train_step(model, x, y, optimizer)
        hashes[count] = model.fingerprint()[:12]
    return hashes


def judge(hashes: dict[int, str]) -> Outcome:
    """Passes if all hashes are equal."""
    equal = len(set(hashes.values())) == 1
    shown = next(iter(hashes.values())) if equal else ", ".join(f"{key} on {n}" for n, key in hashes.items())
    figure = f"mnist-cnn, {STEPS} steps: {shown}"
    return Outcome(equal, figure, {"hashes": {str(n): key for n, key in hashes.items()}})


if __name__ == "__main__":
    answer({NAME: judge(weights_by_threads())})
