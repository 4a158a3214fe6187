"""Digests of one piece of work per implementation, for tests that repeat it in another thread or process."""

import hashlib
import multiprocessing as mp
import os
import select
import signal
import threading

import numpy as np

from jitcnn import SGD, functional, train_step
from jitcnn.models import mnist_cnn

IMPLS = ("auto", "naive", "loops", "im2col", "direct", "winograd", "fused")
SECONDS = 60  # after which a child is taken to hang; the work takes less than one


def digest(impl):
    """Hash of a convolution and its gradients, of a product for the BLAS and of the weights after two training steps."""
    rng = np.random.default_rng(3)
    x, weights = rng.random((5, 24, 8, 7), np.float32), rng.random((32, 24, 3, 3), np.float32)
    if impl == "fused":
        out, winners = functional.conv2d_relu_pool(x, weights, None, 1, 1, 2)
        arrays = [
            out,
            *functional.conv2d_relu_pool_backward_weights(out, winners, x, weights, 1, 1),
            functional.conv2d_relu_pool_backward_input(out, winners, x, weights, 1, 1),
        ]
    else:
        some = slice(0, 2) if impl == "naive" else slice(None)
        out = functional.conv2d(x[some], weights, None, 1, 1, impl=impl)
        arrays = [out, *functional.conv2d_backward(out, x[some], weights, 1, 1, impl=impl)]
    # On any x86-64 and with two threads or more, OpenBLAS sums at least one of these in another order.
    for rows, terms, columns in ((128, 2000, 33), (16, 128, 10), (128, 16, 10), (64, 1600, 100)):
        a, b = rng.random((rows, terms), np.float32), rng.random((terms, columns), np.float32)
        arrays.append(functional.dense(a, b, np.zeros(columns, np.float32)))
    if impl != "naive":
        model, optimizer = mnist_cnn(seed=1, impl="auto" if impl == "fused" else impl), SGD()
        for _ in range(2):
            images = rng.random((9, 1, 28, 28), np.float32)
            train_step(model, images, rng.integers(0, 10, 9), optimizer)
        arrays += model.parameters()
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:12]


def forked(work, *arguments, seconds=SECONDS):
    """Result of work(*arguments) in a forked child, as text; "no answer" if it hangs or dies."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(work(*arguments)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        answers = select.select([reading], [], [], seconds)[0]
        return (os.read(reading, 1000).decode() if answers else "") or "no answer"
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def in_thread(work, *arguments):
    """Result of work(*arguments) in a new Python thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work(*arguments)))
    thread.start()
    thread.join()
    return results[0]


def spawned(impls):
    """Digests of the implementations in a spawned process."""
    with mp.get_context("spawn").Pool(1) as pool:
        return pool.map_async(digest, impls).get(timeout=4 * SECONDS)
