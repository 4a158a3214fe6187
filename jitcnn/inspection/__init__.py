"""Inspect a net: inputs, outputs and gradients of each layer, attribution maps, receptive fields and snapshots."""

from ..support.renamed import old_names
from .attribution import grad_cam, occlusion_map, saliency
from .blocks import trace_block
from .histories import read_histories
from .microscope import Specimen, inspectable_layers, specimen, specimen_at
from .names import convolutions, find_convolution, find_layer, last_feature_maps, layer_names
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
    "inspectable_layers",
    "last_feature_maps",
    "layer_names",
    "middle_unit",
    "occlusion_map",
    "read_histories",
    "receptive_box",
    "saliency",
    "specimen",
    "specimen_at",
    "trace",
    "trace_block",
]

__getattr__ = old_names(
    __name__,
    globals(),
    {
        "through": "specimen_at",
        "lenses": "inspectable_layers",
        "inside": "trace_block",
        "last_planes": "last_feature_maps",
    },
)
