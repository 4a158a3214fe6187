"""Inspect a net: inputs, outputs and gradients of each layer, attribution maps, receptive fields and snapshots."""

from .attribution import grad_cam, occlusion_map, saliency
from .blocks import inside
from .histories import read_histories
from .microscope import Specimen, lenses, specimen, through
from .names import convolutions, find_convolution, find_layer, last_planes, layer_names
from .receptive import Box, middle_unit, receptive_box
from .snapshots import Snapshots
from .trace import Stage, trace

__all__ = [
    "Box",
    "Snapshots",
    "Specimen",
    "Stage",
    "convolutions",
    "find_convolution",
    "find_layer",
    "grad_cam",
    "inside",
    "last_planes",
    "layer_names",
    "lenses",
    "middle_unit",
    "occlusion_map",
    "read_histories",
    "receptive_box",
    "saliency",
    "specimen",
    "through",
    "trace",
]
