"""Draw the same share of every class: test images, validation images."""

import numpy as np

from ..support.arrays import IntArray


def drawn_count(count: int, share: float) -> int:
    """How many of ``count`` members of a class are drawn: this share, but at least one, and not all of them."""
    return min(max(1, round(count * share)), count - 1)


def stratified(labels: IntArray, share: float, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Indices drawn, and the others, both sorted: the same ``share`` of each class; the only member of a class stays.

    Examples
    --------
    >>> from jitcnn.data.strata import stratified
    >>> drawn, others = stratified(np.array([0, 0, 0, 0, 1, 1]), 0.25, np.random.default_rng(0))
    >>> len(drawn), len(others), sorted([*drawn.tolist(), *others.tolist()])
    (2, 4, [0, 1, 2, 3, 4, 5])
    """
    drawn = [np.empty(0, np.int64)]
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        drawn.append(members[: drawn_count(len(members), share)])
    chosen = np.sort(np.concatenate(drawn))
    return chosen, np.setdiff1d(np.arange(len(labels)), chosen)


def single_class(labels: IntArray) -> int | None:
    """The first class with a single member, of which none can be drawn; None if there is none."""
    single = np.flatnonzero(np.bincount(labels) == 1)
    return int(single[0]) if len(single) else None
