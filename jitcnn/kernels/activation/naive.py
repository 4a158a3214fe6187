"""The formulas, one number at a time: the reference for the compiled forms.

clipped_line: out = min(max(slope · x + shift, low), high); clipping has slope 1 and shift 0, the hard sigmoid the limits 0 and 1
hard_swish: out = x · min(max(x / 6 + 1/2, 0), 1); Howard et al. (2019), "Searching for MobileNetV3", arXiv:1905.02244
prelu: out = x where x > 0, else slope · x, with a slope per channel; He et al. (2015), arXiv:1502.01852
erf: 2 / √π · ∫_0^x exp(-t²) dt, with the derivative 2 / √π · exp(-x²)
"""

import math

from ..types import Array


def clipped_line_forward(x: Array, slope: float, shift: float, low: float, high: float, out: Array) -> None:
    """x (S,) -> out (S,)."""
    for i in range(len(x)):
        line = slope * x[i] + shift
        out[i] = low if line < low else high if line > high else line


def clipped_line_backward(d_out: Array, out: Array, slope: float, low: float, high: float, d_x: Array) -> None:
    """d_out, out (S,) -> d_x (S,): nothing passes where the output is a limit."""
    for i in range(len(out)):
        d_x[i] = slope * d_out[i] if low < out[i] < high else 0


def hard_swish_forward(x: Array, out: Array) -> None:
    """x (S,) -> out (S,)."""
    for i in range(len(x)):
        out[i] = x[i] * min(max(x[i] / 6 + 0.5, 0), 1)


def hard_swish_backward(d_out: Array, x: Array, d_x: Array) -> None:
    """d_out, x (S,) -> d_x (S,)."""
    for i in range(len(x)):
        slope = 0 if x[i] <= -3 else 1 if x[i] >= 3 else x[i] / 3 + 0.5
        d_x[i] = slope * d_out[i]


def prelu_forward(x: Array, slope: Array, out: Array) -> None:
    """x (N, C, S), slope (C,) -> out (N, C, S)."""
    N, C, S = x.shape
    for n in range(N):
        for c in range(C):
            for s in range(S):
                out[n, c, s] = slope[c] * x[n, c, s] if x[n, c, s] < 0 else x[n, c, s]


def prelu_backward(d_out: Array, x: Array, slope: Array, d_x: Array, d_slope: Array) -> None:
    """d_out, x (N, C, S), slope (C,) -> d_x (N, C, S), d_slope (N, C): the sums over each image."""
    N, C, S = x.shape
    for n in range(N):
        for c in range(C):
            d_slope[n, c] = 0
            for s in range(S):
                d_x[n, c, s] = d_out[n, c, s] if x[n, c, s] > 0 else slope[c] * d_out[n, c, s]
                d_slope[n, c] += 0 if x[n, c, s] > 0 else d_out[n, c, s] * x[n, c, s]


def erf_forward(x: Array, out: Array) -> None:
    """x (S,) -> out (S,)."""
    for i in range(len(x)):
        out[i] = math.erf(x[i])


def erf_backward(d_out: Array, x: Array, d_x: Array) -> None:
    """d_out, x (S,) -> d_x (S,)."""
    for i in range(len(x)):
        d_x[i] = d_out[i] * 2 / math.sqrt(math.pi) * math.exp(-x[i] * x[i])
