"""What goes on inside a net, as arrays: every layer's input, output and gradients."""

from .microscope import Specimen, can_be_magnified, specimen
from .trace import Stage, trace

__all__ = ["Specimen", "Stage", "can_be_magnified", "specimen", "trace"]
