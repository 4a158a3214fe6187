"""What goes on inside a net, as arrays: every layer's input, output and gradients, and what an answer hangs on."""

from .attribution import grad_cam, occlusion_map, saliency
from .histories import read_histories
from .microscope import Specimen, can_be_magnified, specimen
from .names import convolutions, find_convolution, find_layer, last_planes, layer_names
from .receptive import Box, middle_unit, receptive_box
from .snapshots import Snapshots
from .trace import Stage, trace

__all__ = [
    "Box",
    "Snapshots",
    "Specimen",
    "Stage",
    "can_be_magnified",
    "convolutions",
    "find_convolution",
    "find_layer",
    "grad_cam",
    "last_planes",
    "layer_names",
    "middle_unit",
    "occlusion_map",
    "read_histories",
    "receptive_box",
    "saliency",
    "specimen",
    "trace",
]
