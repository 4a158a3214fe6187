"""What looks wrong with the classes: their names, and how many images they have."""

from collections.abc import Iterator, Sequence
from unicodedata import normalize

import numpy as np

from .pixels import Part, Pixels
from .report import Finding, PartSummary
from .wording import EXAMPLES, listed, places, there_are

IMBALANCE = 5.0  # the largest class over the smallest
FEW, FEW_TESTED = 10, 50  # training images of a class, and test images of all
SHARE_GAP, ENOUGH = 0.15, 50  # difference of the share of a class between training and test, for that many images


def summarise(part: Part, classes: int) -> PartSummary:
    """Number of images per class; labels out of range are left out."""
    known = part.y[(part.y >= 0) & (part.y < classes)]
    return PartSummary(part.name, tuple(np.bincount(known, minlength=classes).tolist()))


def class_findings(pixels: Pixels, names: Sequence[str], parts: Sequence[PartSummary]) -> Iterator[Finding]:
    """Findings on labels, names and counts."""
    yield from _out_of_range(pixels, len(names))
    yield from _similar_names(names)
    train, test = np.array(parts[0].per_class), parts[-1]
    tested = np.array(test.per_class)
    others = [(part, np.array(part.per_class)) for part in parts[1:]]
    for part, counts in others:
        untrained = np.flatnonzero((train == 0) & (counts > 0))
        if len(untrained):
            yield _of_classes(
                "untrained-class", "error", names, untrained,
                f"{there_are(len(untrained), 'class', 'classes')} with {part.name} images but without training images: no "
                "model can learn them.",
            )  # fmt: skip
    empty = np.flatnonzero(sum((counts for _, counts in others), train) == 0)
    if len(empty):
        yield _of_classes(
            "empty-class", "warning", names, empty,
            f"{there_are(len(empty), 'class', 'classes')} without any image: the model gets an output that it never learns.",
        )  # fmt: skip
    for part, counts in others:
        untested = np.flatnonzero((train > 0) & (counts == 0))
        if len(untested) and part.images:
            yield _of_classes(
                "untested-class", "warning", names, untested,
                f"{there_are(len(untested), 'class', 'classes')} with training images but without {part.name} images: the "
                "accuracy says nothing about them.",
            )  # fmt: skip
    yield from _small(names, train, test)
    yield from _balance(names, train, tested, test.name)


def _out_of_range(pixels: Pixels, classes: int) -> Iterator[Finding]:
    wrong = np.flatnonzero((pixels.labels < 0) | (pixels.labels >= classes))
    if len(wrong):
        yield Finding(
            "label-out-of-range", "error",
            f"{there_are(len(wrong), 'label')} out of range: expected 0 to {classes - 1}, got {int(pixels.labels[wrong[0]])}.",
            count=len(wrong), groups=places(pixels, wrong),
        )  # fmt: skip


def _similar_names(names: Sequence[str]) -> Iterator[Finding]:
    by_letters: dict[str, list[str]] = {}
    for name in names:
        if _is_number(name):  # -1 and 1 are two classes
            continue
        plain = "".join(letter for letter in normalize("NFKC", name).casefold() if letter not in " \t_-")
        by_letters.setdefault(plain or name, []).append(name)
    alike = [some for some in by_letters.values() if len(some) > 1]
    if alike:
        examples = tuple(" and ".join(map(repr, some)) for some in alike[:EXAMPLES])
        yield Finding(
            "similar-class-names", "warning",
            f"{there_are(len(alike), 'group')} of class names that differ only in case, spaces or hyphens: probably each is one "
            "class; rename and merge them.",
            examples, count=len(alike),
        )  # fmt: skip


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _small(names: Sequence[str], train: np.ndarray, test: PartSummary) -> Iterator[Finding]:
    single = np.flatnonzero(train == 1)
    if len(single):
        yield _of_classes(
            "one-image-class", "warning", names, single,
            f"{there_are(len(single), 'class', 'classes')} with a single training image: add images or remove it.",
        )  # fmt: skip
    few = np.flatnonzero((train > 1) & (train < FEW))
    if len(few):
        yield _of_classes(
            "few-images", "hint", names, few,
            f"{there_are(len(few), 'class', 'classes')} with fewer than {FEW} training images: expect large errors there.",
        )  # fmt: skip
    if 0 < test.images < FEW_TESTED:
        yield Finding(
            "few-test-images", "hint",
            f"{there_are(test.images, f'{test.name} image')}: each of them is {1 / test.images:.1%} of the accuracy, so "
            "that small differences mean nothing.",
            count=test.images,
        )  # fmt: skip


def _balance(names: Sequence[str], train: np.ndarray, tested: np.ndarray, held: str) -> Iterator[Finding]:
    filled = np.flatnonzero(train)
    if len(filled) < 2:
        return
    least, most = filled[train[filled].argmin()], filled[train[filled].argmax()]
    if train[most] >= IMBALANCE * train[least]:
        ratio = train[most] / train[least]
        yield Finding(
            "imbalance", "warning",
            f"The largest class has {ratio:,.0f} times as many training images as the smallest: {int(train[most]):,} in class "
            f"{names[most]}, {int(train[least]):,} in class {names[least]}; consider balanced class weights or sampling.",
            _counts(names, train, filled[np.argsort(train[filled], kind="stable")]), count=len(filled),
        )  # fmt: skip
    if min(train.sum(), tested.sum()) >= ENOUGH:
        shares = train / train.sum(), tested / tested.sum()
        worst = int(np.abs(shares[0] - shares[1]).round(9).argmax())  # of equal ones the first
        if abs(shares[0][worst] - shares[1][worst]) > SHARE_GAP:
            yield Finding(
                "different-balance", "hint",
                f"The classes are distributed differently: {names[worst]} has {shares[0][worst]:.0%} of the training images "
                f"and {shares[1][worst]:.0%} of the {held} images.",
                (names[worst],), count=1,
            )  # fmt: skip


def _of_classes(kind: str, severity: str, names: Sequence[str], classes: np.ndarray, sentence: str) -> Finding:
    return Finding(kind, severity, sentence, listed([names[label] for label in classes]), count=len(classes))


def _counts(names: Sequence[str], counts: np.ndarray, classes: np.ndarray) -> tuple[str, ...]:
    return listed([f"{names[label]} {int(counts[label]):,}" for label in classes])
