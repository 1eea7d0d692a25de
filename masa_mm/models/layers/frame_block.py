"""A Transformer block over packed frames."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .packing import FramePacking, from_slots, to_slots


class FrameBlock(nn.TransformerEncoderLayer):
    """:class:`torch.nn.TransformerEncoderLayer` over the packed frames of clips of any lengths.

    Linear layers and norms take the rows as they are, without padding; attention, a fiftieth of the
    work, lays them out clip by clip. Arguments and weights are torch's.
    """

    def forward(self, rows: Tensor, packing: FramePacking, attended: Tensor | None) -> Tensor:
        """Run the block.

        Args:
            rows (Tensor): [F, C].
            packing (FramePacking): Which clips they are of.
            attended (Tensor, optional): bool [N, 1, 1, L], slots that may be attended to. None for
                all.

        Returns:
            Tensor: [F, C].
        """
        if self.norm_first:
            rows = rows + self.dropout1(self.attend(self.norm1(rows), packing, attended))
            return rows + self.feed_forward(self.norm2(rows))
        rows = self.norm1(rows + self.dropout1(self.attend(rows, packing, attended)))
        return self.norm2(rows + self.feed_forward(rows))

    def attend(self, rows: Tensor, packing: FramePacking, attended: Tensor | None) -> Tensor:
        """Self-attention within each clip: rows [F, C] -> [F, C]."""
        layer = self.self_attn
        projected = F.linear(rows, layer.in_proj_weight, layer.in_proj_bias)
        heads = to_slots(projected, packing).unflatten(-1, (3, layer.num_heads, layer.head_dim))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        dropout = layer.dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(query, key, value, attended, dropout)
        return layer.out_proj(from_slots(found.transpose(1, 2).flatten(2), packing))

    def feed_forward(self, rows: Tensor) -> Tensor:
        """The two linear layers: rows [F, C] -> [F, C]."""
        hidden = self.dropout(self.activation(self.linear1(rows)))
        return self.dropout2(self.linear2(hidden))
