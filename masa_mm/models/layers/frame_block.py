"""A Transformer block over packed frames."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.models.layers.packing import (
    DistinctRows,
    FramePacking,
    from_slots,
    rows_within,
    to_slots,
)


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
        chosen = None if wanted is None else rows_within(packing, wanted)
        projected = self._project(inputs, chosen, distinct)
        found = self._attend(*projected, packing if wanted is None else wanted, packing, attended)
        if chosen is not None:
            rows = rows.index_select(0, chosen)
        rows = rows + self.dropout1(found)
        if self.norm_first:
            return rows + self.feed_forward(self.norm2(rows))
        rows = self.norm1(rows)
        return self.norm2(rows + self.feed_forward(rows))

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        queries: FramePacking,
        packing: FramePacking,
        attended: Tensor | None,
    ) -> Tensor:
        """Attention within each clip: query [F', C] packed by queries, key and value [F, C]."""
        layer = self.self_attn
        found = F.scaled_dot_product_attention(
            self._heads(query, queries),
            self._heads(key, packing),
            self._heads(value, packing),
            attended,
            layer.dropout if self.training else 0.0,
        )
        return layer.out_proj(from_slots(found.transpose(1, 2).flatten(2), queries))

    def _project(
        self, rows: Tensor, chosen: Tensor | None, distinct: DistinctRows | None
    ) -> tuple[Tensor, ...]:
        """Queries of the chosen rows [F', C], or of all, and keys and values of all [F, C]."""
        weight, bias = self.self_attn.in_proj_weight, self.self_attn.in_proj_bias
        if distinct is not None:
            projected = F.linear(rows.index_select(0, distinct.first), weight, bias)
            query, key, value = projected.index_select(0, distinct.copy).chunk(3, 1)
            return query if chosen is None else query.index_select(0, chosen), key, value
        if chosen is None:
            return F.linear(rows, weight, bias).chunk(3, 1)
        width = rows.shape[1]
        query = F.linear(rows.index_select(0, chosen), weight[:width], bias[:width])
        return query, *F.linear(rows, weight[width:], bias[width:]).chunk(2, 1)

    def _heads(self, rows: Tensor, packing: FramePacking) -> Tensor:
        """rows [F, C] -> [N, heads, L, C / heads]."""
        layer = self.self_attn
        slots = to_slots(rows, packing).unflatten(-1, (layer.num_heads, layer.head_dim))
        return slots.transpose(1, 2)

    def feed_forward(self, rows: Tensor) -> Tensor:
        """The two linear layers: rows [F, C] -> [F, C]."""
        hidden = self.dropout(self.activation(self.linear1(rows)))
        return self.dropout2(self.linear2(hidden))
