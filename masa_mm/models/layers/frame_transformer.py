"""The vanilla Transformer over a clip's frames, on packed rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.errors import UserError
from masa_mm.frame_plan import FramePacking, SequencePlan
from masa_mm.models.layers.packing import from_slots, pack_frames, to_slots, unpack_frames


def make_mask_token(channels: int) -> nn.Parameter:
    """Make the learned vector [channels] that replaces what is masked."""
    token = nn.Parameter(torch.zeros(channels))
    nn.init.normal_(token, std=0.02)
    return token


def sincos_position(position: Tensor, channels: int) -> Tensor:
    """Sine-cosine encoding of frame numbers, position [...] -> [..., channels] (channels even)."""
    half = channels // 2
    rate = torch.exp(torch.arange(half, device=position.device) * (-math.log(10000.0) / half))
    angle = position[..., None].float() * rate
    return torch.cat([angle.sin(), angle.cos()], -1)


def attention_mask(plan: SequencePlan) -> Tensor | None:
    """Slots that may be attended to, bool [N, 1, 1, L]; None where all may.

    A clip without a row that may be attended to attends to all of its rows.
    """
    frames, keys = plan.frames, plan.keys
    if frames.is_full and keys is None:
        return None
    shape, device = (frames.num_clips, frames.num_slots), frames.slots.device
    mask = torch.zeros(shape, dtype=torch.bool, device=device)
    mask.view(-1).index_fill_(0, frames.slots, True)
    if keys is not None:
        allowed = torch.zeros_like(mask)
        allowed.view(-1).index_copy_(0, frames.slots, keys)
        mask = mask & (allowed | ~allowed.any(1, keepdim=True))
    # Softmax over nothing is NaN: a clip without frames attends to its first, blank slot.
    mask[:, 0] |= ~mask.any(1)
    return mask[:, None, None]


class FrameTransformer(nn.Module):
    """Transformer blocks over the planned frames only.

    The other frames are left out of the computation, not merely of the attention, so they influence
    no planned frame, and a clip's result does not depend on the padding of its batch.

    Args:
        channels (int): Width of a frame.
        depth (int): Number of blocks, at least 1.
        num_heads (int): Attention heads.
        feedforward_channels (int): Width of the blocks' feed-forward layers.
        dropout (float): Dropout within the blocks.
        norm_first (bool): Pre-norm blocks with a final norm; otherwise post-norm (the original
            Transformer).
        use_position (bool): Add sine-cosine encodings of the frames' places in the clip.
        position_gain (float): Initial strength of these encodings; it is learned.

    Raises:
        UserError: If num_heads does not divide channels.
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
    ) -> None:
        super().__init__()
        if channels % num_heads:
            raise UserError(
                f"FrameTransformer: num_heads must divide the width of a frame, {channels}, got "
                f"{num_heads}"
            )
        self.position_gain = nn.Parameter(torch.tensor(position_gain)) if use_position else None
        self.input_norm = nn.LayerNorm(channels)
        # Built one by one: nn.TransformerEncoder copies one initialised layer.
        self.blocks = nn.ModuleList(
            FrameBlock(
                channels,
                num_heads,
                feedforward_channels,
                dropout,
                activation="gelu",
                norm_first=norm_first,
            )
            for _ in range(depth)
        )
        self.output_norm = nn.LayerNorm(channels) if norm_first else nn.Identity()

    def forward(self, frames: Tensor, plan: SequencePlan) -> Tensor:
        """Encode the planned ones of frames [N, T, C]: [N, T, C], zeros elsewhere."""
        rows = self.encode_rows(pack_frames(frames, plan.frames), plan)
        return unpack_frames(rows, plan.outputs)

    def encode_rows(self, rows: Tensor, plan: SequencePlan) -> Tensor:
        """Encode packed rows [F, C]: [F, C], or [Q, C] where the plan has queries."""
        rows = self.input_norm(rows)
        if self.position_gain is not None:
            position = plan.position.flatten().index_select(0, plan.frames.rows)
            code = self.position_gain * sincos_position(position, rows.shape[-1])
            rows = rows + code.to(rows.dtype)
        mask, last = attention_mask(plan), len(self.blocks) - 1
        for number, block in enumerate(self.blocks):
            rows = block(rows, plan.of_block(number == 0, number == last), mask)
        return self.output_norm(rows)


class FrameBlock(nn.TransformerEncoderLayer):
    """:class:`torch.nn.TransformerEncoderLayer` over the packed frames of clips of any lengths.

    Linear layers and norms take the rows as they are, without padding; only the attention, a small
    part of the work, lays them out clip by clip. Arguments and weights are torch's.
    """

    def forward(  # type: ignore[override]
        self, rows: Tensor, plan: SequencePlan, mask: Tensor | None = None
    ) -> Tensor:
        """Run the block.

        Args:
            rows (Tensor): [F, C].
            plan (SequencePlan): The plan of the rows.
            mask (Tensor, optional): See :func:`attention_mask`.

        Returns:
            Tensor: [F, C], or [Q, C] where the plan has queries.
        """
        inputs = self.norm1(rows) if self.norm_first else rows
        attended = self._attend(*self._project(inputs, plan), plan, mask)
        if plan.query_rows is not None:
            rows = rows.index_select(0, plan.query_rows)
        rows = rows + self.dropout1(attended)
        if self.norm_first:
            return rows + self.feed_forward(self.norm2(rows))
        rows = self.norm1(rows)
        return self.norm2(rows + self.feed_forward(rows))

    def _project(self, rows: Tensor, plan: SequencePlan) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [Q, C], or [F, C], keys and values [F, C]; identical rows are projected once."""
        weight, bias = self.self_attn.in_proj_weight, self.self_attn.in_proj_bias
        width, chosen = rows.shape[1], plan.query_rows
        if plan.unique_rows is not None and plan.unique_inverse is not None:
            projected = F.linear(rows.index_select(0, plan.unique_rows), weight, bias)
            query, key, value = projected.index_select(0, plan.unique_inverse).chunk(3, 1)
            return query if chosen is None else query.index_select(0, chosen), key, value
        if chosen is None:
            query, key, value = F.linear(rows, weight, bias).chunk(3, 1)
            return query, key, value
        query = F.linear(rows.index_select(0, chosen), weight[:width], bias[:width])
        key, value = F.linear(rows, weight[width:], bias[width:]).chunk(2, 1)
        return query, key, value

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, plan: SequencePlan, mask: Tensor | None
    ) -> Tensor:
        """Attend within each clip; arguments are those of :meth:`_project`."""
        attention = self.self_attn
        attended = F.scaled_dot_product_attention(
            self._heads(query, plan.outputs),
            self._heads(key, plan.frames),
            self._heads(value, plan.frames),
            mask,
            attention.dropout if self.training else 0.0,
        )
        return attention.out_proj(from_slots(attended.transpose(1, 2).flatten(2), plan.outputs))

    def _heads(self, rows: Tensor, packing: FramePacking) -> Tensor:
        """Lay rows [F, C] out as [N, heads, L, C / heads]."""
        attention = self.self_attn
        slots = to_slots(rows, packing).unflatten(-1, (attention.num_heads, attention.head_dim))
        return slots.transpose(1, 2)

    def feed_forward(self, rows: Tensor) -> Tensor:
        """Apply the two linear layers: rows [F, C] -> [F, C]."""
        hidden = self.dropout(self.activation(self.linear1(rows)))
        return self.dropout2(self.linear2(hidden))
