from masa_mm.models.layers.frame_block import FrameBlock
from masa_mm.models.layers.frame_transformer import FrameTransformer, sincos_position
from masa_mm.models.layers.graph_conv import GraphBlock, GraphConv
from masa_mm.models.layers.mask_token import make_mask_token
from masa_mm.models.layers.packing import (
    FramePacking,
    find_packing,
    neighbour_rows,
    pack_frames,
    true_places,
    unpack_frames,
)
from masa_mm.models.layers.pooling import (
    AveragePooling,
    LearnedPooling,
    average_frames,
    build_pooling,
)
from masa_mm.models.layers.temporal_conv import TEMPORAL_REACH, PackedTemporalConv, TemporalBlock

__all__ = [
    "TEMPORAL_REACH",
    "AveragePooling",
    "FrameBlock",
    "FramePacking",
    "FrameTransformer",
    "GraphBlock",
    "GraphConv",
    "LearnedPooling",
    "PackedTemporalConv",
    "TemporalBlock",
    "average_frames",
    "build_pooling",
    "find_packing",
    "make_mask_token",
    "neighbour_rows",
    "pack_frames",
    "sincos_position",
    "true_places",
    "unpack_frames",
]
