"""Connected components of ink to digits: which are plausible, which belong together, in which order they are read."""

from typing import Literal

import numpy as np

from .components import Components, Mask, Number, running_max

MOST = 100  # digits in one picture; more are a pattern
PIECE = 0.2  # size of a piece of a digit / height of the tallest digit
MARGIN = 0.15  # beside digits that were cut out along their outline / longer side of the picture
LEAST_HEIGHT = 0.4  # of such a digit / height of the picture
SMALLEST = 0.05  # height of a digit / shorter side of the picture

Edges = Literal["none", "outline", "any"]


def find_groups(parts: Components, joined: bool, edges: Edges) -> list[list[int]]:
    """Numbers of the components of each digit, in reading order; one group if ``joined``.

    ``edges`` is what may touch the border of the picture: "none"; "outline", digits that were cut out along their outline and
    fill the picture; or "any", also one that is cut off a little, if nothing else is there.
    """
    H, W = parts.labels.shape
    height, width = parts.bottom - parts.top, parts.right - parts.left
    touching = (parts.top == 0).astype(int) + (parts.bottom == H) + (parts.left == 0) + (parts.right == W)
    likely = (height >= SMALLEST * min(H, W)) & (width < 2 * height)
    inside = touching == 0
    outline = (touching >= 2) & (height >= 0.7 * H) & (width >= 0.7 * W)
    if edges == "outline":
        likely &= height >= LEAST_HEIGHT * H
    elif edges == "none" or (likely & inside).any():
        likely &= inside
    else:
        likely &= outline | ((touching == 1) & (height >= 0.5 * H))
    is_digit = _is_outlined if edges == "outline" else is_stroke
    numbers = [int(n) for n in np.flatnonzero(likely) if is_digit(parts, n) and not is_frame(parts, n)]
    if not 0 < len(numbers) <= MOST:
        return []
    tallest = max(height[numbers])
    large = np.maximum(height, width) >= PIECE * tallest
    at_edge = inside if edges != "outline" else np.ones_like(inside)
    small = [int(n) for n in np.flatnonzero(at_edge & large & ~likely)][:MOST]
    if joined:
        return [numbers + small]
    groups = _joined_pieces(parts, [[n] for n in numbers + small], tallest)
    mains: list[list[int]] = []
    pieces: list[list[int]] = []
    for group in groups:
        top, bottom, left, right = _bounds(parts, group)
        is_main = (
            bottom - top >= 0.5 * tallest and right - left < 2 * (bottom - top) and not {*group}.isdisjoint(numbers)
        )
        (mains if is_main else pieces).append(group)
    if edges == "outline" and not _fill(parts, mains + pieces):
        return []
    return _in_reading_order(parts, _with_pieces(parts, mains, pieces))


def _fill(parts: Components, groups: list[list[int]]) -> bool:
    """Whether the groups together reach near all sides of the picture."""
    H, W = parts.labels.shape
    top, bottom, left, right = _bounds(parts, [n for group in groups for n in group])
    return bool(max(top, H - bottom, left, W - right) <= MARGIN * max(H, W))


def _bounds(parts: Components, group: list[int]) -> tuple[int, int, int, int]:
    """Bounding box of a group: top, bottom, left, right."""
    return (
        int(parts.top[group].min()), int(parts.bottom[group].max()),
        int(parts.left[group].min()), int(parts.right[group].max()),
    )  # fmt: skip


def _gaps(parts: Components, a: list[int], b: list[int]) -> tuple[int, int]:
    """Vertical and horizontal distance of two bounding boxes; negative by as much as they overlap."""
    at, ab, al, ar = _bounds(parts, a)
    bt, bb, bl, br = _bounds(parts, b)
    return max(at, bt) - min(ab, bb), max(al, bl) - min(ar, br)


def _joined_pieces(parts: Components, groups: list[list[int]], tallest: int) -> list[list[int]]:
    """Join what stands one above the other with hardly a gap, by half of the width: a broken digit."""
    for k, a in enumerate(groups):
        for b in groups[k + 1 :]:
            rows, columns = _gaps(parts, a, b)
            narrower = min(right - left for _, _, left, right in (_bounds(parts, a), _bounds(parts, b)))
            if rows < 0.1 * tallest and -columns >= 0.5 * narrower:
                rest = [group for group in groups if group is not a and group is not b]
                return _joined_pieces(parts, [*rest, a + b], tallest)
    return groups


def _with_pieces(parts: Components, digits: list[list[int]], pieces: list[list[int]]) -> list[list[int]]:
    """Give each piece to the digit beside it, such as the bar of a 5; drop those that stand alone."""
    result = [list(digit) for digit in digits]
    for piece in pieces if digits else []:
        distances = [max(_gaps(parts, digit, piece)) for digit in digits]
        nearest = int(np.argmin(distances))
        top, bottom, _, _ = _bounds(parts, digits[nearest])
        if distances[nearest] <= 0.15 * (bottom - top):
            result[nearest] += piece
    return result


def _in_reading_order(parts: Components, groups: list[list[int]]) -> list[list[int]]:
    """Rows from top to bottom, and each from left to right; a row overlaps its first digit by half of the height."""
    rows: list[list[list[int]]] = []
    for group in sorted(groups, key=lambda group: _bounds(parts, group)[0]):
        top, bottom, _, _ = _bounds(parts, group)
        row = next((row for row in rows if -_gaps(parts, row[0], group)[0] >= 0.4 * (bottom - top)), None)
        if row is None:
            rows.append(row := [])
        row.append(group)
    return [group for row in rows for group in sorted(row, key=lambda group: _bounds(parts, group)[2])]


def box_of(parts: Components, number: Number) -> tuple[slice, slice]:
    """Bounding box: rows and columns."""
    return (
        slice(int(parts.top[number]), int(parts.bottom[number])),
        slice(int(parts.left[number]), int(parts.right[number])),
    )


def box_mask(parts: Components, number: Number) -> Mask:
    """Mask of one component in its bounding box."""
    return np.asarray(parts.labels[box_of(parts, number)] == number + 1)


def is_stroke(parts: Components, number: Number) -> bool:
    """Whether no square of half the component's size fits into it; small ones have too few pixels to tell."""
    box = box_mask(parts, number)
    size = max(box.shape)
    if size < 5:
        return True
    square = 2 * round(0.25 * size) + 1
    inner = -running_max(running_max(-np.pad(box.astype(np.int8), square), square, 0), square, 1)
    return not bool(inner.any())


def is_frame(parts: Components, number: Number) -> bool:
    """Whether a component is a rectangle: its pixels lie along at least three sides of its bounding box."""
    box = box_mask(parts, number)
    h, w = box.shape
    if min(h, w) < 8 or parts.area[number] > 0.5 * h * w:
        return False
    return _straight_sides(box) >= 3


def _is_outlined(parts: Components, number: Number) -> bool:
    """Whether a component may be a digit that fills the picture: a stroke, and not the paper inside a frame."""
    box = box_mask(parts, number)
    is_upright = box.shape[1] < 0.5 * box.shape[0]  # as the digit 1, a bar with straight sides
    return is_stroke(parts, number) and (is_upright or _straight_sides(box) < 3)


def _straight_sides(box: Mask) -> int:
    """Along how many sides of its bounding box (h, w) a component extends."""
    b = max(2, round(0.08 * min(box.shape)))
    sides = box[:b].any(axis=0), box[-b:].any(axis=0), box[:, :b].any(axis=1), box[:, -b:].any(axis=1)
    return sum(bool(side.mean() > 0.85) for side in sides)
