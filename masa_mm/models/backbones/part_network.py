"""The graph network that embeds one part of the body, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from mmaction.models.utils import Graph
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.errors import UserError
from masa_mm.models.layers.graph_conv import GraphBlock
from masa_mm.models.layers.packing import RowBatchNorm, map_rows
from masa_mm.models.layers.temporal_conv import TemporalBlock
from masa_mm.pose.skeleton import Part

SUB_PART_MERGES = ("max", "concat")


def part_adjacency(
    num_joints: int, edges: Sequence[tuple[int, int]], center: int, mode: str = "spatial"
) -> Tensor:
    """Adjacency subsets [K, V, V] by one of MMAction2's partitions: 'spatial', 'stgcn_spatial'."""
    layout = dict(num_node=num_joints, inward=list(edges), center=center)
    return torch.from_numpy(Graph(layout, mode).A).float()


def part_graphs(part: Part, mode: str = "spatial") -> tuple[Tensor, Tensor]:
    """Adjacency subsets of a part's joints [K, V, V] and of its sub-parts [K, S, S]."""
    sub_parts = part.sub_part_edges, part.sub_part_center
    return (
        part_adjacency(part.num_joints, part.edges, part.center, mode),
        part_adjacency(len(part.sub_parts), *sub_parts, mode),
    )


class SubPartPool(nn.Module):
    """Max over each sub-part (finger, palm, arm): [rows, V, C] -> [rows, sub-parts, C]."""

    def __init__(self, sub_parts: Sequence[Sequence[int]]) -> None:
        super().__init__()
        for i, joints in enumerate(sub_parts):
            self.register_buffer(f"joints{i}", torch.tensor(joints), persistent=False)
        self.num_sub_parts = len(sub_parts)

    def forward(self, x: Tensor) -> Tensor:
        """Pool x [rows, V, C]."""
        sub_parts = (getattr(self, f"joints{i}") for i in range(self.num_sub_parts))
        return torch.stack([x.index_select(1, joints).amax(1) for joints in sub_parts], 1)


class PartNetwork(nn.Module):
    """Joints -> sub-parts -> the part, then its frames over time (MASA, section III-B).

    Args:
        part (Part): Joints, edges and sub-parts.
        in_channels (int): Channels of a joint.
        channels (Sequence[int]): Widths of the graph blocks on the joints.
        sub_part_channels (Sequence[int]): Widths of the graph blocks on the sub-parts.
        out_channels (int): Width of the embedding.
        num_temporal_blocks (int): Temporal blocks after the graph network.
        sub_part_merge (str): 'max' over the sub-parts (paper), or 'concat', which keeps the fingers
            apart: the graph treats all fingers alike, so after 'max' a narrow network cannot tell
            which of them moved.

    Raises:
        UserError: If ``sub_part_merge`` is unknown.
    """

    def __init__(
        self,
        part: Part,
        in_channels: int,
        channels: Sequence[int],
        sub_part_channels: Sequence[int],
        out_channels: int,
        num_temporal_blocks: int = 2,
        sub_part_merge: str = "max",
    ) -> None:
        super().__init__()
        if sub_part_merge not in SUB_PART_MERGES:
            raise UserError(
                f"PartNetwork: sub_part_merge must be one of {', '.join(SUB_PART_MERGES)}, got "
                f"{sub_part_merge!r}"
            )
        self.sub_part_merge = sub_part_merge
        graph, sub_part_graph = self.make_graphs(part)
        self.data_norm = RowBatchNorm(part.num_joints * in_channels)
        self.joint_blocks = nn.Sequential(
            self.make_graph_block(in_channels, channels[0], graph, residual=False),
            *self._graph_blocks(channels, graph),
        )
        self.pool = SubPartPool(part.sub_parts)
        widths = [channels[-1], *sub_part_channels]
        self.sub_part_blocks = nn.Sequential(*self._graph_blocks(widths, sub_part_graph))
        copies = len(part.sub_parts) if sub_part_merge == "concat" else 1
        self.linear = nn.Linear(copies * sub_part_channels[-1], out_channels)
        self.norm = RowBatchNorm(out_channels)
        self.temporal_blocks = nn.ModuleList(
            self.make_temporal_block(out_channels) for _ in range(num_temporal_blocks)
        )

    def make_graphs(self, part: Part) -> tuple[Tensor, Tensor]:
        """Make the adjacency of the joints and that of the sub-parts."""
        return part_graphs(part)

    def make_graph_block(
        self, in_channels: int, out_channels: int, graph: Tensor, residual: bool = True
    ) -> nn.Module:
        """Make a block on the joints or on the sub-parts."""
        return GraphBlock(in_channels, out_channels, graph, residual)

    def make_temporal_block(self, channels: int) -> nn.Module:
        """Make a block over time."""
        return TemporalBlock(channels, channels)

    def _graph_blocks(self, widths: Sequence[int], graph: Tensor) -> list[nn.Module]:
        return [self.make_graph_block(*pair, graph) for pair in pairwise(widths)]

    def forward(self, joints: Tensor, neighbours: Tensor) -> Tensor:
        """Embed packed frames.

        Args:
            joints (Tensor): [F, V, in_channels], the visible frames of this part.
            neighbours (Tensor): int64 [F, 5], the rows around each, see
                :func:`masa_mm.frame_plan.neighbour_rows`.

        Returns:
            Tensor: [F, out_channels].
        """
        x = map_rows(self.embed, joints, independent=not self.training)
        for block in self.temporal_blocks:
            x = block(x, neighbours)
        return x

    def embed(self, joints: Tensor) -> Tensor:
        """Embed the joints of each frame, [F, V, in_channels] -> [F, out_channels]."""
        x = self.data_norm(joints.flatten(1)).view_as(joints)
        x = self.pool(self.joint_blocks(x))
        x = self.sub_part_blocks(x)
        x = x.amax(1) if self.sub_part_merge == "max" else x.flatten(1)
        return F.relu(self.norm(self.linear(x)))
