"""Layers that encoders and decoders are made of."""

from masa_mm.models.layers.frame_transformer import (
    FrameBlock,
    FrameTransformer,
    make_mask_token,
    sincos_position,
)
from masa_mm.models.layers.graph_conv import GraphBlock, GraphConv
from masa_mm.models.layers.packing import RowBatchNorm, pack_frames, unpack_frames
from masa_mm.models.layers.pooling import (
    AveragePooling,
    LearnedPooling,
    average_frames,
    build_pooling,
)
from masa_mm.models.layers.temporal_conv import PackedTemporalConv, TemporalBlock

__all__ = [
    "AveragePooling",
    "FrameBlock",
    "FrameTransformer",
    "GraphBlock",
    "GraphConv",
    "LearnedPooling",
    "PackedTemporalConv",
    "RowBatchNorm",
    "TemporalBlock",
    "average_frames",
    "build_pooling",
    "make_mask_token",
    "pack_frames",
    "sincos_position",
    "unpack_frames",
]
