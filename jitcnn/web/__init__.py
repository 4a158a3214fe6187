"""The browser page of ``jitcnn play`` and the HTML report of ``jitcnn report``."""

from importlib.resources import files

STATIC = files(__name__) / "static"
