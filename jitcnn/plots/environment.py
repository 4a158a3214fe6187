"""Imports matplotlib, whatever backend the environment names; the figures need none, as they are drawn by Agg."""

import os
import sys
from contextlib import suppress


def import_matplotlib() -> None:
    """Import matplotlib without MPLBACKEND: in another environment than the caller's, its module may not exist.

    For the caller's own use of pyplot, the backend is set afterwards if it is known.
    """
    if "matplotlib" in sys.modules:
        return
    named = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named
    if named:
        with suppress(ValueError):  # unknown: pyplot then chooses one
            matplotlib.rcParams["backend"] = named


import_matplotlib()
