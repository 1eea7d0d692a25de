"""The vanilla Transformer over a clip's frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from masa_mm.frame_counts import SequenceCounts, count_frames
from masa_mm.models.layers.frame_block import FrameBlock
from masa_mm.models.layers.packing import (
    DistinctRows,
    FramePacking,
    find_distinct,
    find_packing,
    pack_frames,
    rows_within,
    unpack_frames,
)


def sincos_position(position: Tensor, channels: int) -> Tensor:
    """Sine-cosine encoding of frame numbers, position [...] -> [..., channels] (channels even)."""
    half = channels // 2
    rate = torch.exp(torch.arange(half, device=position.device) * (-math.log(10000.0) / half))
    angle = position[..., None].float() * rate
    return torch.cat([angle.sin(), angle.cos()], -1)


def attended_slots(packing: FramePacking, keys: Tensor | None) -> Tensor | None:
    """Slots that may be attended to, bool [N, 1, 1, L], of keys bool [N, T] or None for all.

    None where nothing is barred.
    """
    if packing.is_full and keys is None:
        return None
    shape = packing.num_clips, packing.num_slots
    attended = torch.zeros(shape, dtype=torch.bool, device=packing.slots.device)
    attended.view(-1).index_fill_(0, packing.slots, True)
    if keys is not None:
        allowed = torch.zeros_like(attended)
        allowed.view(-1).index_copy_(0, packing.slots, keys.flatten().index_select(0, packing.rows))
        attended = torch.where(allowed.any(1, keepdim=True), allowed, attended)
    # A clip without a visible frame attends to one blank: to nothing would be NaN.
    attended[:, 0] |= ~attended.any(1)
    return attended[:, None, None]


class FrameTransformer(nn.Module):
    """Transformer blocks over visible frames only.

    Frames that are not visible are left out of the computation, not merely of the attention, so
    nothing of them reaches a visible frame and a clip's result does not depend on how far its batch
    is padded. The others are packed, row after row; only the attention lays them out clip by clip.

    Args:
        channels (int): Width of a frame.
        depth (int): Number of blocks.
        num_heads (int): Attention heads.
        feedforward_channels (int): Width of the blocks' feed-forward layers.
        dropout (float): Dropout within the blocks.
        norm_first (bool): Pre-norm blocks with a final norm; otherwise post-norm (the original
            Transformer).
        use_position (bool): Add sine-cosine encodings of the frames' places in the clip.
        position_gain (float): Strength of these encodings at the start; it is learned.
        norm_eps (float): Epsilon of every LayerNorm.
    """

    def __init__(
        self,
        channels: int,
        depth: int,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        dropout: float = 0.0,
        norm_first: bool = False,
        use_position: bool = True,
        position_gain: float = 1.0,
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.position_gain = nn.Parameter(torch.tensor(position_gain)) if use_position else None
        self.input_norm = nn.LayerNorm(channels, eps=norm_eps)
        # Built one by one: nn.TransformerEncoder starts all its layers from one random draw.
        self.blocks = nn.ModuleList(
            FrameBlock(
                channels,
                num_heads,
                feedforward_channels,
                dropout,
                activation="gelu",
                layer_norm_eps=norm_eps,
                norm_first=norm_first,
            )
            for _ in range(depth)
        )
        self.output_norm = nn.LayerNorm(channels, eps=norm_eps) if norm_first else nn.Identity()

    def forward(
        self,
        frames: Tensor,
        visible: Tensor,
        position: Tensor | None = None,
        keys: Tensor | None = None,
        wanted: Tensor | None = None,
        alike: Tensor | None = None,
        counts: SequenceCounts | None = None,
    ) -> Tensor:
        """Encode the visible frames.

        Args:
            frames (Tensor): [N, T, C].
            visible (Tensor): bool [N, T].
            position (Tensor, optional): [N, T], the frames' places in the clip. Defaults to 0..T-1.
            keys (Tensor, optional): bool [N, T], the visible frames that may be attended to.
                Defaults to all; a clip without a key attends to all too.
            wanted (Tensor, optional): bool [N, T], the visible frames whose result is asked for;
                the last block computes no other. Defaults to all.
            alike (Tensor, optional): bool [N, T], visible frames that hold one and the same vector,
                such as a mask token: the first block projects it once for each place in a clip.
            counts (SequenceCounts, optional): How many of these there are. What is not given, the
                device is asked for.

        Returns:
            Tensor: [N, T, C], zeros where a frame is not visible or not wanted.
        """
        rows, packing = self.encode_rows(frames, visible, position, keys, wanted, alike, counts)
        return unpack_frames(rows, packing, frames.shape[1])

    def encode_rows(
        self,
        frames: Tensor,
        visible: Tensor,
        position: Tensor | None = None,
        keys: Tensor | None = None,
        wanted: Tensor | None = None,
        alike: Tensor | None = None,
        counts: SequenceCounts | None = None,
    ) -> tuple[Tensor, FramePacking]:
        """As :meth:`forward`, but only what is asked for: rows [F', C], and their packing."""
        counts = counts or SequenceCounts(count_frames(visible))
        packing = find_packing(visible, counts.frames)
        places = packing.rows % frames.shape[1]
        if position is not None:
            places = position.flatten().index_select(0, packing.rows)
        rows = self.input_norm(pack_frames(frames, packing))
        if self.position_gain is not None:
            code = self.position_gain * sincos_position(places, rows.shape[-1])
            rows = rows + code.to(rows.dtype)
        distinct = self._find_distinct(alike, packing, places, counts.distinct)
        inner = None if wanted is None else find_packing(visible & wanted, counts.wanted)
        rows = self._run(rows, packing, attended_slots(packing, keys), inner, distinct)
        return self.output_norm(rows), packing if inner is None else inner

    def _find_distinct(
        self, alike: Tensor | None, packing: FramePacking, places: Tensor, count: int | None
    ) -> DistinctRows | None:
        """Which packed rows are equal; None if none is known to be."""
        if alike is None:
            return None
        if self.position_gain is None:  # then places make no difference, and were counted as if
            places, count = torch.zeros_like(places), None
        return find_distinct(alike.flatten().index_select(0, packing.rows), places, count)

    def _run(
        self,
        rows: Tensor,
        packing: FramePacking,
        attended: Tensor | None,
        wanted: FramePacking | None,
        distinct: DistinctRows | None,
    ) -> Tensor:
        """All blocks; only the first has equal rows and only the last may leave rows out."""
        last = len(self.blocks) - 1
        for number, block in enumerate(self.blocks):
            rows = block(
                rows,
                packing,
                attended,
                wanted if number == last else None,
                distinct if number == 0 else None,
            )
        if wanted is not None and last < 0:
            rows = rows.index_select(0, rows_within(packing, wanted))
        return rows
