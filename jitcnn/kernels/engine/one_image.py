"""Algorithm selection for one image in a compiled network, see ``kernels.whole_net``; as ``plan``, from the sizes alone."""

from ..types import Pair
from .plan import THRESHOLDS, Problem, tiles_of, winograd_unsupported


def tile_for_one_image(problem: Problem) -> int:
    """Outputs in a row of a tile of Winograd's algorithm, 2 or 4, for one image in ``whole_net``; 1 is direct sums.

    The larger the tiles, the more factors are read, 36 instead of 16 or 9 for each filter and channel. The more outputs there are,
    the less does this matter.
    """
    if winograd_unsupported(problem) or problem.groups > 1:
        return 1
    channels, least = min(problem.C_in, problem.C_out), THRESHOLDS.one_image_4x4_saves
    if problem.C_in * problem.C_out <= THRESHOLDS.one_image_few_filters:
        least = THRESHOLDS.one_image_4x4_saves_few_filters
    if channels >= THRESHOLDS.one_image_4x4_channels and _saved_by_4x4(problem.size_out) >= least:
        return 4
    few = channels < THRESHOLDS.one_image_winograd_channels
    return 1 if few or tiles_of(problem.size_out) < THRESHOLDS.one_image_winograd_tiles else 2


def _saved_by_4x4(size_out: Pair) -> int:
    """Multiplications per channel and filter that F(4×4) saves compared with F(2×2), of whole groups of four tiles."""
    small, large = (-(-tiles_of(size_out, side) // 4) * 4 for side in (2, 4))
    return 16 * small - 36 * large


def depthwise_for_one_image(problem: Problem) -> bool:
    """Whether ``whole_net`` runs this convolution of one image as products of vectors of channels: each has a filter of its own."""
    return 1 < problem.groups == problem.C_in == problem.C_out
