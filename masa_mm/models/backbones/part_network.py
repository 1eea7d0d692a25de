"""The graph network that embeds one part of the body, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmaction.models.utils import Graph
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.errors import UserError
from masa_mm.models.layers import GraphBlock, TemporalBlock
from masa_mm.models.layers.batch_norm import RowBatchNorm
from masa_mm.models.reference.lateral_graph import sideways_graphs
from masa_mm.pose.skeleton import Part

SUB_PART_MERGES = ("max", "concat")
# Frames whose activations stay in the cache of a CPU.
BLOCK = 256


def part_adjacency(
    num_joints: int, edges: Sequence[tuple[int, int]], center: int, mode: str
) -> Tensor:
    """Adjacency subsets [K, V, V] by MMAction2's partitions: 'spatial' or 'stgcn_spatial'."""
    layout = dict(num_node=num_joints, inward=list(edges), center=center)
    return torch.from_numpy(Graph(layout, mode).A).float()


def part_graphs(part: Part, mode: str, sub_part_graph: dict | None = None) -> tuple[Tensor, Tensor]:
    """Adjacency subsets of a part's joints and of its sub-parts, [K, V, V] and [K, S, S].

    ``mode`` is one of MMAction2's partitions ('spatial', 'stgcn_spatial') or 'sideways', which
    alone takes another ``sub_part_graph`` (:func:`sideways_graphs`).

    Raises:
        UserError: If another mode is given one.
    """
    if mode == "sideways":
        return sideways_graphs(part, sub_part_graph)
    if sub_part_graph:
        raise UserError(f"a graph of sub-parts needs graph_mode='sideways', got {mode!r}")
    return (
        part_adjacency(part.num_joints, part.edges, part.center, mode),
        part_adjacency(len(part.sub_parts), part.sub_part_edges, part.sub_part_center, mode),
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
        graph_mode (str): Partition of the graphs, see :func:`part_graphs`.
        dropout (float): Dropout in the graph blocks.
        data_norm_eps (float): Epsilon of the batch norm on the joints' coordinates.
        temporal_branch_channels (int, optional): See :class:`TemporalBlock`.
        sub_part_graph (dict, optional): Other edges between the sub-parts, see
            :func:`part_graphs`.
        sub_part_merge (str): 'max' over the sub-parts (paper), or 'concat', which keeps apart what
            each finger does: the graph treats all fingers alike, and a narrow network forgets under
            'max' which of them moved.

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
        graph_mode: str = "spatial",
        dropout: float = 0.0,
        data_norm_eps: float = 1e-5,
        temporal_branch_channels: int | None = None,
        sub_part_graph: dict | None = None,
        sub_part_merge: str = "max",
    ) -> None:
        super().__init__()
        if sub_part_merge not in SUB_PART_MERGES:
            raise UserError(
                f"PartNetwork: sub_part_merge must be one of {', '.join(SUB_PART_MERGES)}, got "
                f"{sub_part_merge!r}"
            )
        self.sub_part_merge = sub_part_merge
        joint_graph, sub_graph = part_graphs(part, graph_mode, sub_part_graph)
        self.data_norm = RowBatchNorm(part.num_joints * in_channels, eps=data_norm_eps)
        self.joint_blocks = self._graph_blocks(in_channels, channels, joint_graph, dropout, False)
        self.pool = SubPartPool(part.sub_parts)
        self.sub_part_blocks = self._graph_blocks(
            channels[-1], sub_part_channels, sub_graph, dropout, True
        )
        copies = len(part.sub_parts) if sub_part_merge == "concat" else 1
        self.linear = nn.Linear(copies * sub_part_channels[-1], out_channels)
        self.norm = RowBatchNorm(out_channels)
        self.temporal_blocks = nn.ModuleList(
            TemporalBlock(out_channels, out_channels, temporal_branch_channels)
            for _ in range(num_temporal_blocks)
        )

    @staticmethod
    def _graph_blocks(
        in_channels: int,
        channels: Sequence[int],
        graph: Tensor,
        dropout: float,
        first_residual: bool,
    ) -> nn.Sequential:
        widths = [in_channels, *channels]
        return nn.Sequential(
            *(
                GraphBlock(widths[i], widths[i + 1], graph, first_residual or i > 0, dropout)
                for i in range(len(channels))
            )
        )

    def forward(self, joints: Tensor, neighbours: Tensor) -> Tensor:
        """Embed packed frames.

        Args:
            joints (Tensor): [F, V, in_channels], the visible frames of this part.
            neighbours (Tensor): int64 [F, 5], the rows around each (:func:`neighbour_rows`).

        Returns:
            Tensor: [F, out_channels].
        """
        if self._frames_are_apart(joints):
            x = torch.cat([self._embed(block) for block in joints.split(BLOCK)])
        else:
            x = self._embed(joints)
        for block in self.temporal_blocks:
            x = block(x, neighbours)
        return x

    def _frames_are_apart(self, joints: Tensor) -> bool:
        """Whether each frame is computed by itself, so that a CPU may take few at a time."""
        return (
            joints.device.type == "cpu"
            and not self.training
            and not torch.is_grad_enabled()
            and not torch.compiler.is_compiling()
        )

    def _embed(self, joints: Tensor) -> Tensor:
        """Joints of each frame [F, V, in_channels] -> [F, out_channels]."""
        x = self.data_norm(joints.flatten(1)).view_as(joints)
        x = self.pool(self.joint_blocks(x))
        x = self.sub_part_blocks(x)
        x = x.amax(1) if self.sub_part_merge == "max" else x.flatten(1)
        return F.relu(self.norm(self.linear(x)))
