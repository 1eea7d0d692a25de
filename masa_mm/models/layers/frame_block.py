"""A Transformer block over packed frames."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .packing import DistinctRows, FramePacking, from_slots, rows_within, to_slots


class FrameBlock(nn.TransformerEncoderLayer):
    """:class:`torch.nn.TransformerEncoderLayer` over the packed frames of clips of any lengths.

    Linear layers and norms take the rows as they are, without padding; attention, a fiftieth of the
    work, lays them out clip by clip. Arguments and weights are torch's.
    """

    def forward(
        self,
        rows: Tensor,
        packing: FramePacking,
        attended: Tensor | None = None,
        wanted: FramePacking | None = None,
        distinct: DistinctRows | None = None,
    ) -> Tensor:
        """Run the block.

        Args:
            rows (Tensor): [F, C].
            packing (FramePacking): Which clips they are of.
            attended (Tensor, optional): bool [N, 1, 1, L], slots that may be attended to. None for
                all.
            wanted (FramePacking, optional): Rows to compute, F' of these. None for all.
            distinct (DistinctRows, optional): Which rows are equal, so that each is projected once.

        Returns:
            Tensor: [F, C], or [F', C].
        """
        inputs = self.norm1(rows) if self.norm_first else rows
        found = self.attend(inputs, packing, attended, wanted, distinct)
        if wanted is not None:
            rows = rows.index_select(0, rows_within(packing, wanted))
        rows = rows + self.dropout1(found)
        if self.norm_first:
            return rows + self.feed_forward(self.norm2(rows))
        rows = self.norm1(rows)
        return self.norm2(rows + self.feed_forward(rows))

    def attend(
        self,
        rows: Tensor,
        packing: FramePacking,
        attended: Tensor | None,
        wanted: FramePacking | None,
        distinct: DistinctRows | None,
    ) -> Tensor:
        """Self-attention within each clip, see :meth:`forward`."""
        layer = self.self_attn
        queries = packing if wanted is None else wanted
        query, key, value = self._project(rows, packing, wanted, distinct)
        found = F.scaled_dot_product_attention(
            self._heads(query, queries),
            self._heads(key, packing),
            self._heads(value, packing),
            attended,
            layer.dropout if self.training else 0.0,
        )
        return layer.out_proj(from_slots(found.transpose(1, 2).flatten(2), queries))

    def _project(
        self,
        rows: Tensor,
        packing: FramePacking,
        wanted: FramePacking | None,
        distinct: DistinctRows | None,
    ) -> tuple[Tensor, ...]:
        """Queries [F or F', C], keys and values [F, C]."""
        weight, bias = self.self_attn.in_proj_weight, self.self_attn.in_proj_bias
        if distinct is not None:
            projected = F.linear(rows.index_select(0, distinct.first), weight, bias)
            projected = projected.index_select(0, distinct.copy)
        elif wanted is None:
            projected = F.linear(rows, weight, bias)
        else:
            width = rows.shape[1]
            chosen = rows.index_select(0, rows_within(packing, wanted))
            query = F.linear(chosen, weight[:width], bias[:width])
            return query, *F.linear(rows, weight[width:], bias[width:]).chunk(2, 1)
        query, key, value = projected.chunk(3, 1)
        if wanted is not None:
            query = query.index_select(0, rows_within(packing, wanted))
        return query, key, value

    def _heads(self, rows: Tensor, packing: FramePacking) -> Tensor:
        """rows [F, C] -> [N, heads, L, C / heads]."""
        layer = self.self_attn
        slots = to_slots(rows, packing).unflatten(-1, (layer.num_heads, layer.head_dim))
        return slots.transpose(1, 2)

    def feed_forward(self, rows: Tensor) -> Tensor:
        """The two linear layers: rows [F, C] -> [F, C]."""
        hidden = self.dropout(self.activation(self.linear1(rows)))
        return self.dropout2(self.linear2(hidden))
