"""Array types used throughout the package."""

from ..kernels.types import Array, IntArray

__all__ = ["Array", "IntArray"]
