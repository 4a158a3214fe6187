"""Data set files: CSV, NumPy, HDF5, MATLAB, IDX and CIFAR, recognised by name and contents.

One file per format; ``FORMATS`` lists them.
"""

from .registry import FORMATS, Format, OpenedImages, describe_formats, find_format, open_images

__all__ = ["FORMATS", "Format", "OpenedImages", "describe_formats", "find_format", "open_images"]
