from .frame_block import FrameBlock
from .frame_transformer import FrameTransformer, sincos_position
from .graph_conv import GraphBlock, GraphConv
from .mask_token import make_mask_token
from .packing import (
    FramePacking,
    find_packing,
    neighbour_rows,
    pack_frames,
    true_places,
    unpack_frames,
)
from .pooling import AveragePooling, LearnedPooling, average_frames, build_pooling
from .temporal_conv import TEMPORAL_REACH, PackedTemporalConv, TemporalBlock

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
