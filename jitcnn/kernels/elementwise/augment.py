"""Image augmentation with parameters drawn by the caller: the same parameters give bit-identical images."""

from typing import Any

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array


@kernel
def _pixel(plane: Array, ih: int, iw: int) -> Any:
    """One pixel of a channel (H, W); zero outside."""
    H, W = plane.shape
    if ih < 0 or ih >= H or iw < 0 or iw >= W:
        return np.float32(0)
    return np.float32(plane[np.uintp(ih), np.uintp(iw)])


@kernel
def _resample_image(image: Array, turn: Array, control: Array, spread_h: Array, spread_w: Array, out: Array) -> None:
    C, H, W = image.shape
    G = spread_h.shape[1]
    one, half = np.float32(1), np.float32(0.5)
    # The smoothing is separable: first along the rows of the few control points.
    smooth = np.zeros((2, G, W), np.float32)
    for axis in range(np.uintp(2)):
        for gh in range(np.uintp(G)):
            for gw in range(np.uintp(G)):
                for ow in range(np.uintp(W)):
                    smooth[axis, gh, ow] += control[axis, gh, gw] * spread_w[gw, ow]
    from_h, from_w = np.empty(W, np.float32), np.empty(W, np.float32)
    for oh in range(np.uintp(H)):
        for ow in range(np.uintp(W)):
            from_h[ow] = turn[0] * np.float32(oh) + turn[1] * np.float32(ow) + turn[2]
            from_w[ow] = turn[3] * np.float32(oh) + turn[4] * np.float32(ow) + turn[5]
        for gh in range(np.uintp(G)):
            for ow in range(np.uintp(W)):
                from_h[ow] += spread_h[oh, gh] * smooth[0, gh, ow]
                from_w[ow] += spread_h[oh, gh] * smooth[1, gh, ow]
        for ow in range(np.uintp(W)):
            # bilinear interpolation of the four neighbouring pixels
            top, left = np.floor(from_h[ow]), np.floor(from_w[ow])
            down, right = from_h[ow] - top, from_w[ow] - left
            ih, iw = np.intp(top), np.intp(left)
            for c in range(np.uintp(C)):
                above = (one - right) * _pixel(image[c], ih, iw) + right * _pixel(image[c], ih, iw + 1)
                below = (one - right) * _pixel(image[c], ih + 1, iw) + right * _pixel(image[c], ih + 1, iw + 1)
                out[c, oh, ow] = np.uint8((one - down) * above + down * below + half)


@parallel_kernel
def resample(images: Array, turns: Array, controls: Array, spread_h: Array, spread_w: Array, out: Array) -> None:
    """Affine and elastic transform with bilinear interpolation: images and out (N, C, H, W) uint8.

    Output pixel (oh, ow) is sampled at turn · (oh, ow, 1) + displacement; turns (N, 6); controls (N, 2, G, G) are the
    displacements at control points, interpolated to pixels with spread_h (H, G) and spread_w (G, W).
    """
    for n in prange(len(images)):
        k = np.intp(n)
        _resample_image(images[k], turns[k], controls[k], spread_h, spread_w, out[k])


@kernel
def _inside(place: int, size: int, reflect: bool) -> int:
    """Map an index outside an axis to its reflection at the edge, or to -1 for zero padding."""
    if 0 <= place < size:
        return place
    if not reflect:
        return -1
    return -place if place < 0 else 2 * (size - 1) - place


@kernel
def _cut_image(image: Array, moves: Array, side: int, reflect: bool, out: Array) -> None:
    C, H, W = image.shape
    down, right, flipped, hole_h, hole_w = moves
    for c in range(C):
        for oh in range(H):
            ih = _inside(oh + down, H, reflect)
            in_hole = hole_h <= oh < hole_h + side
            for ow in range(W):
                iw = _inside((W - 1 - ow if flipped else ow) + right, W, reflect)
                if min(ih, iw) < 0 or (in_hole and hole_w <= ow < hole_w + side):
                    out[c, oh, ow] = 0
                else:
                    out[c, oh, ow] = image[c, np.uintp(ih), np.uintp(iw)]


@parallel_kernel
def cut(images: Array, moves: Array, side: int, reflect: bool, out: Array) -> None:
    """Crop with padding, horizontal flip and cutout in one copy: images and out (N, C, H, W) uint8.

    moves (N, 5), int64: offset of the crop (down, right; negative offsets crop into the padding), flip flag, and the
    top left corner of a zero square of ``side`` pixels. Padding is reflected or zero.
    """
    for n in prange(len(images)):
        k = np.intp(n)
        _cut_image(images[k], moves[k], side, reflect, out[k])
