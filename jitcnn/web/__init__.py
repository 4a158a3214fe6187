"""What a browser shows: the page of ``jitcnn play`` and the report of ``jitcnn report``."""

from importlib.resources import files

STATIC = files(__name__) / "static"
