"""The networks of the check of compiled predictions have every kind of row, and every algorithm."""

import numpy as np

from jitcnn.check import compiled
from jitcnn.kernels.whole_net import entry, table


def test_every_kind_of_row_is_compared():
    rng = np.random.default_rng(0)
    steps = np.concatenate([net(rng)._evaluating._first._table.steps[1:] for net in (compiled.chain, compiled.graph)])
    kinds = {table.CONVOLVE, table.WINOGRAD, table.DEPTHWISE, table.MAXIMUM, table.MEAN, table.COPY}
    assert set(steps[:, entry.KIND].tolist()) == kinds
    assert set(steps[steps[:, entry.KIND] == table.WINOGRAD, entry.SIDE].tolist()) == {2, 4}
    assert (steps[:, entry.ADD] >= 0).any()
    assert (steps[:, entry.CEILING] >= 0).any()
    assert compiled._compiled(0).ok
