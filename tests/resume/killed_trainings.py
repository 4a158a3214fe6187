"""Train a tiny net in successive processes, all but the last killed at a random moment; run by ``test_goes_on``.

Arguments: folder, number of kills, batches between checkpoints, and "choices" for a training with validation images, early
stopping, class weights, sampling, clipping and a frozen layer that keeps its best weights. Prints as JSON the SHA-256 of the
final weights, that of an uninterrupted training (each with its number of epochs, the epoch kept and whether it stopped early),
and the largest number of batches lost by one kill.
"""

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from jitcnn import CNN, SGD, Augmentation, Checkpoints, Dense, Dropout, Flatten, ReLU, WeightAverage, fit, load_digits
from jitcnn.net.checkpoint import read_checkpoint

EPOCHS, BATCHES = 120, 5
CHOICES = {
    "class_weights": "balanced", "sampling": "balanced", "clip_norm": 0.5, "early_stop": 60, "keep": "best", "drop_last": True,
    "epochs": 1000, "freeze": "head", "rate_factors": {"1": 2.0},
}  # fmt: skip


def train(on_batch=None, **settings):
    data = load_digits().limited(40)
    data = replace(data, x_train=data.x_train[:, :, ::4, ::4].copy(), x_test=data.x_test[:, :, ::4, ::4].copy())
    rng = np.random.default_rng(0)
    net = CNN(
        [Flatten(), Dense(49, 9, rng=rng), ReLU(), Dropout(0.2, rng), Dense(9, 10, rng=rng)], input_shape=(1, 7, 7)
    )
    if sys.argv[4:] == ["choices"]:
        data, settings = replace(data, evaluated_on="validation"), {**CHOICES, **settings}
    history = fit(
        net, data, batch_size=8, optimizer=SGD(0.02), average=WeightAverage(0.9),
        augmentation=Augmentation(flip=True), on_batch=on_batch, **{"epochs": EPOCHS, **settings},
    )  # fmt: skip
    return f"{net.fingerprint()} {len(history.epochs)} {history.kept} {history.stopped_early}"


def batches_kept(path):
    """Number of batches recorded in the checkpoint."""
    return read_checkpoint(path)[0]["training"]["progress"]["batches"] if path.exists() else 0


def in_another_process(work):
    """Run ``work`` in a forked process and return its id."""
    process = os.fork()
    if process == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return process


def main(folder, kills, every):
    path, noted, result = folder / "checkpoint.npz", folder / "batches", folder / "result"
    chance, most_lost = random.Random(0), 0

    def go_on():
        count, notes = batches_kept(path), os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

        def note(*_):
            nonlocal count
            count += 1
            os.write(notes, b"%d\n" % count)

        resume = path if path.exists() else None
        result.write_text(train(note, checkpoint=Checkpoints(path, every), resume=resume))

    for kill in range(kills):
        noted.unlink(missing_ok=True)
        process = in_another_process(go_on)
        while kill % 4 and not (noted.exists() and noted.stat().st_size):  # every fourth may die before batch 1
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.05))
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        assert os.WIFSIGNALED(status), f"the training ended before kill {kill}"
        learnt = noted.read_text().split() if noted.exists() else []
        if learnt:
            most_lost = max(most_lost, int(learnt[-1]) - batches_kept(path))
    found = []
    for work in (go_on, lambda: result.write_text(train())):
        os.waitpid(in_another_process(work), 0)
        found.append(result.read_text())
        result.unlink()
    print(
        json.dumps({"killed": found[0], "whole": found[1], "most_lost": most_lost, "files": sorted(os.listdir(folder))})
    )


main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
