"""The encoder of the authors' release, which computes what it masks."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn

from masa_mm.deprecation import warn_deprecated
from masa_mm.errors import UserError
from masa_mm.frame_plan import (
    FramePacking,
    SequencePlan,
    ViewPlan,
    neighbour_rows,
    present_parts,
)
from masa_mm.models.backbones.masa_encoder import MASAEncoder
from masa_mm.models.backbones.part_network import PartNetwork, part_graphs
from masa_mm.models.layers.frame_transformer import make_mask_token
from masa_mm.models.layers.graph_conv import GraphBlock
from masa_mm.models.layers.temporal_conv import TemporalBlock
from masa_mm.models.reference.lateral_graph import lateral_graphs
from masa_mm.option_checks import FINITE, FRACTION, above, checked_options, whole
from masa_mm.pose.skeleton import BODY, Part


class ReferencePartNetwork(PartNetwork):
    """A :class:`PartNetwork` with the options that :class:`ReferenceEncoder` describes."""

    def __init__(
        self,
        part: Part,
        graph_mode: str = "spatial",
        sub_part_graph: dict | None = None,
        branch_channels: int | None = None,
        dropout: float = 0.0,
        data_norm_eps: float = 1e-5,
        **options: Any,
    ) -> None:
        if sub_part_graph and graph_mode != "lateral":
            raise UserError(f"a graph of sub-parts needs graph_mode='lateral', got {graph_mode!r}")
        # The constructor of the base class makes its blocks by these.
        self.graph_mode, self.sub_part_graph = graph_mode, sub_part_graph
        self.branch_channels, self.dropout = branch_channels, dropout
        super().__init__(part, **options)
        self.data_norm.eps = data_norm_eps

    def make_graphs(self, part: Part) -> tuple[Tensor, Tensor]:
        """Make the adjacency of the joints and that of the sub-parts."""
        if self.graph_mode == "lateral":
            return lateral_graphs(part, self.sub_part_graph)
        return part_graphs(part, self.graph_mode)

    def make_graph_block(
        self, in_channels: int, out_channels: int, graph: Tensor, residual: bool = True
    ) -> nn.Module:
        """Make a block with dropout."""
        return GraphBlock(in_channels, out_channels, graph, residual, self.dropout)

    def make_temporal_block(self, channels: int) -> nn.Module:
        """Make a block with branches of a width of their own."""
        return TemporalBlock(channels, channels, self.branch_channels)


@MODELS.register_module()
@checked_options(
    coordinate_offset=FINITE,
    temporal_branch_channels=whole(1, optional=True),
    graph_dropout=FRACTION,
    data_norm_eps=above(0),
    norm_eps=above(0),
)
class ReferenceEncoder(MASAEncoder):
    """A :class:`MASAEncoder` with the network options of the authors' release.

    Args:
        *args: See :class:`MASAEncoder`.
        coordinate_offset (float): Subtracted from the coordinates of present joints. The release
            has 0.
        graph_mode (str): Partition of the parts' graphs: MMAction2's 'spatial' and 'stgcn_spatial',
            or 'lateral' (the release), which also joins neighbouring fingers and the two arms.
        body_sub_part_graph (dict, optional): With 'lateral', other edges between arms and head, see
            :func:`~masa_mm.models.reference.lateral_graph.lateral_graphs`.
        temporal_branch_channels (int, optional): Width of each branch of the temporal blocks.
            Defaults to half of embed_dims. The release has embed_dims.
        graph_dropout (float): Dropout in the graph networks.
        data_norm_eps (float): Epsilon of the batch norm on coordinates. The release has 0.1.
        norm_eps (float): Epsilon of the Transformer's layer norms. The release has 1e-12.
        **kwargs: See :class:`MASAEncoder`.
    """

    def __init__(
        self,
        *args: Any,
        coordinate_offset: float = 0.5,
        graph_mode: str = "spatial",
        body_sub_part_graph: dict | None = None,
        temporal_branch_channels: int | None = None,
        graph_dropout: float = 0.0,
        data_norm_eps: float = 1e-5,
        norm_eps: float = 1e-5,
        **kwargs: Any,
    ) -> None:
        self.coordinate_offset = coordinate_offset
        self._body_sub_part_graph = _rename_sideways(body_sub_part_graph)
        self._network_options = dict(
            graph_mode=_rename_sideways(graph_mode),
            branch_channels=temporal_branch_channels,
            dropout=graph_dropout,
            data_norm_eps=data_norm_eps,
        )
        super().__init__(*args, **kwargs)
        set_norm_eps(self.transformer, norm_eps)

    def make_part_network(self, part: Part, **options: Any) -> PartNetwork:
        """Make the graph network of the hands or of the body."""
        graph = self._body_sub_part_graph if part == BODY else None
        return ReferencePartNetwork(part, sub_part_graph=graph, **self._network_options, **options)


def _rename_sideways(option: Any) -> Any:
    """Replace 'sideways', the name of release 0.1, in a mode or among the kinds of edges."""
    if option == "sideways" or (isinstance(option, dict) and "sideways" in option):
        warn_deprecated("ReferenceEncoder: graphs and edges 'sideways' are now 'lateral'")
        if isinstance(option, dict):
            return {"lateral" if kind == "sideways" else kind: option[kind] for kind in option}
        return "lateral"
    return option


def set_norm_eps(transformer: nn.Module, eps: float) -> None:
    """Set the epsilon of every LayerNorm."""
    for module in transformer.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = eps


@MODELS.register_module()
class MaskTokenEncoder(ReferenceEncoder):
    """The release's encoder, over all frames, which replaces masked parts by a learned token.

    Parts are masked after their embedding, whose temporal convolutions have by then carried some of
    a masked frame to its neighbours. The Transformer computes every frame, padding too; a frame
    with a masked part is excluded as attention key. Absent joints and padding enter with the
    coordinates they are stored with, 0. A clip's result therefore depends on its padding: let a
    pipeline pad to a fixed length.

    Args:
        *args: See :class:`ReferenceEncoder`.
        **kwargs: See :class:`ReferenceEncoder`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mask_token = make_mask_token(self.embed_dims)
        self.mask_token.requires_grad_(not self.frozen)

    def encode_clip(self, clip: Tensor, plan: ViewPlan) -> tuple[Tensor, Tensor]:
        """Embed and encode all frames of clips.

        Args:
            clip (Tensor): [N, T, 49, 3] (x, y, score).
            plan (ViewPlan): Its masked parts become tokens; all other parts are computed.

        Returns:
            tuple: Frames [N, T, 3 * embed_dims], and the present parts of frames without a masked
                part, bool [N, T, 3].
        """
        masked = plan.flags(plan.masked)
        unmasked = ~masked.any(-1)
        full = plan_every_frame(plan.sequence.position, keys=unmasked.flatten())
        parts = self.embed(clip, full)
        parts = torch.where(masked[..., None], self.mask_token.to(parts.dtype), parts)
        frames = self.transformer(parts.flatten(2), full.sequence)
        return frames, present_parts(clip[..., 2]) & unmasked[..., None]

    def joint_channels(self, clip: Tensor) -> Tensor:
        """Make the networks' input; coordinates of absent joints are used as they are."""
        present = (clip[..., 2:] > 0).to(clip.dtype)
        coordinates = clip[..., :2] - self.coordinate_offset * present
        return coordinates if self.in_channels == 2 else torch.cat([coordinates, clip[..., 2:]], -1)


def plan_every_frame(position: Tensor, keys: Tensor) -> ViewPlan:
    """Plan to compute all frames, padding too.

    Args:
        position (Tensor): int64 [N, T].
        keys (Tensor): bool [N * T], frames that may be attended to.
    """
    num_clips, num_frames = position.shape
    rows = torch.arange(2 * position.numel(), device=position.device)
    every = torch.ones(2 * num_clips, num_frames, dtype=torch.bool, device=position.device)
    frames = rows[: position.numel()]
    packing = FramePacking(frames, frames, num_clips, num_frames, num_frames)
    return ViewPlan(
        right=frames,
        left=frames,
        body=frames,
        hand_neighbours=neighbour_rows(every, rows),
        body_neighbours=neighbour_rows(every[:num_clips], frames),
        masked=frames[:0],
        sequence=SequencePlan(packing, position, keys=keys),
    )
