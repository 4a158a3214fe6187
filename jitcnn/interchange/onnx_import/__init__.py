"""The ONNX reader: the file, its tensors, constant folding, and a function for each operator."""

from . import arithmetic, dense, elementwise, reshaping, windows

__all__ = ["arithmetic", "dense", "elementwise", "reshaping", "windows"]
