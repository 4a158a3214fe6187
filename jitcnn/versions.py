"""Which versions run: what a result depends on beside the code of its author."""

import platform
from functools import cache
from importlib.metadata import version


@cache
def versions() -> dict[str, str]:
    """Of Python, of this package, and of those that compute for it."""
    packages = ("jitcnn", "numpy", "numba", "llvmlite")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
