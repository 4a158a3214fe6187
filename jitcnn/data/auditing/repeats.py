"""What is wrong with images that are contained twice, and labels that their neighbours contradict, in words."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...support.arrays import IntArray
from ...support.text import count_of
from .duplicates import similar_pairs
from .pixels import Pixels
from .report import Finding
from .wording import EXAMPLES, grouped, places, there_are


def is_contradicting(pixels: Pixels, group: IntArray) -> bool:
    """Whether the same picture has several labels."""
    return len(np.unique(pixels.labels[group])) > 1


def equal_findings(pixels: Pixels, equal: Sequence[IntArray]) -> Iterator[Finding]:
    """Findings on images with the same pixels: with two labels, in two parts, and twice in one part."""
    parts = pixels.part_numbers()
    contradicting = [group for group in equal if is_contradicting(pixels, group)]
    if contradicting:
        yield Finding(
            "contradicting-labels", "error",
            f"{there_are(len(contradicting), 'picture')} with copies of different labels: at least one of the labels is wrong.",
            count=len(contradicting), groups=grouped(pixels, contradicting),
        )  # fmt: skip
    across = [group for group in equal if len(np.unique(parts[group])) > 1]
    if across:
        counts = _across(pixels, across, parts)
        yield Finding(
            "duplicates-across-splits", "error",
            f"{' and '.join(counts)}: the accuracy comes out too high.",
            count=len(across), groups=grouped(pixels, across),
        )  # fmt: skip
    within = [
        group
        for group in equal
        if len(np.unique(parts[group])) < len(group) and not is_contradicting(pixels, group)  # which is reported above
    ]
    if within:
        surplus = sum(len(group) - len(np.unique(parts[group])) for group in within)
        yield Finding(
            "duplicates", "warning",
            f"{there_are(surplus, 'image')} with an identical one in the same part: copies count several times.",
            count=surplus, groups=grouped(pixels, within),
        )  # fmt: skip


def similar_findings(pixels: Pixels, equal: Sequence[IntArray], usable: NDArray[np.bool_]) -> Iterator[Finding]:
    """Findings on near-duplicates, of which exact ones are none."""
    single = usable.copy()
    for group in equal:
        single[group[1:]] = False
    pairs = similar_pairs(pixels, single)
    if not len(pairs):
        return
    parts, labels = pixels.part_numbers(), pixels.labels
    across = int((parts[pairs[:, 0]] != parts[pairs[:, 1]]).sum())
    differing = int((labels[pairs[:, 0]] != labels[pairs[:, 1]]).sum())
    details = [f"{across:,} across the parts"] * (across > 0) + [f"{differing:,} with different labels"] * (
        differing > 0
    )
    across_first = pairs[np.argsort(parts[pairs[:, 0]] == parts[pairs[:, 1]], kind="stable")]
    yield Finding(
        "near-duplicates", "warning",
        f"{there_are(len(pairs), 'pair')} of images that are almost equal, such as copies saved as JPEG"
        + (f": {' and '.join(details)}." if details else "."),
        count=len(pairs), groups=grouped(pixels, across_first.tolist()),
    )  # fmt: skip


def label_findings(pixels: Pixels, names: Sequence[str], suspicious: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """The finding on labels that the nearest neighbours contradict."""
    if suspicious:
        yield Finding(
            "unexpected-label", "hint",
            f"{there_are(len(suspicious), 'image')} worth a look: the label differs from that of the most similar images.",
            tuple(f", looks like {names[label]}" for _, label in suspicious[:EXAMPLES]), len(suspicious),
            places(pixels, [number for number, _ in suspicious]),
        )  # fmt: skip


def _across(pixels: Pixels, groups: Sequence[IntArray], parts: IntArray) -> list[str]:
    """Such as "3 test images are also training images", for every pair of parts."""
    texts = []
    for later in range(1, len(pixels.parts)):
        for earlier in range(later):
            count = sum(int((parts[group] == later).sum()) for group in groups if (parts[group] == earlier).any())
            if count:
                one, other = pixels.parts[later].name, pixels.parts[earlier].name
                texts.append(
                    f"{count_of(count, f'{one} image')} {'is' if count == 1 else 'are'} also among the {other} images"
                )
    return texts
