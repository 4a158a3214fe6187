"""Versions of the software that results depend on."""

import platform
from functools import cache
from importlib.metadata import version


@cache
def versions() -> dict[str, str]:
    """Versions of Python, jitcnn and its numerical dependencies."""
    packages = ("jitcnn", "numpy", "numba", "llvmlite")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
