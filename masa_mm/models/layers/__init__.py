from .frame_transformer import FrameTransformer, sincos_position
from .graph_conv import GraphBlock, GraphConv
from .packing import PackedFrames, neighbour_rows, pack_frames, unpack_frames
from .temporal_conv import TEMPORAL_REACH, PackedTemporalConv, TemporalBlock

__all__ = [
    "TEMPORAL_REACH",
    "FrameTransformer",
    "GraphBlock",
    "GraphConv",
    "PackedFrames",
    "PackedTemporalConv",
    "TemporalBlock",
    "neighbour_rows",
    "pack_frames",
    "sincos_position",
    "unpack_frames",
]
