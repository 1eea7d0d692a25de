"""The MASA encoder: part graph networks and a Transformer over the visible frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from masa_mm.frame_counts import ViewCounts, count_view, present_parts
from masa_mm.models.backbones.part_network import PartNetwork
from masa_mm.models.layers import TEMPORAL_REACH, FrameTransformer, neighbour_rows, true_places
from masa_mm.pose.skeleton import BODY, LEFT_HAND, NUM_JOINTS, PARTS, RIGHT_HAND

NUM_PARTS = len(PARTS)


@MODELS.register_module()
class MASAEncoder(BaseModule):
    """Two graph networks embed each frame, a Transformer runs over the visible ones (MASA, III-B).

    One network embeds both hands (the left one is stored mirrored), another the upper body; a frame
    is their concatenation, of width ``3 * embed_dims``. Frames that are masked, padded or without a
    joint are not computed at all, so nothing of them reaches the result.

    Follows MMAction2's convention for graph backbones, [N, M, T, V, C] -> [N, M, C', T, V'], with
    the three parts in the place of the joints, and so works inside ``RecognizerGCN`` with
    ``GCNHead``.

    Args:
        embed_dims (int): Width of a part. The paper's frame width of 1536 is 3 x 512.
        channels (Sequence[int]): Widths of the graph blocks on the joints.
        sub_part_channels (Sequence[int]): Widths of the graph blocks on the sub-parts.
        depth (int): Transformer blocks.
        num_heads (int): Attention heads.
        feedforward_channels (int): Width of the Transformer's feed-forward layers.
        num_temporal_blocks (int): Temporal convolution blocks of the part networks.
        use_score (bool): Give the networks the joints' scores as a third channel.
        coordinate_offset (float): Subtracted from the coordinates of present joints. The default
            puts 0, which absent joints have, in the middle of the crop.
        graph_mode (str): Partition of the parts' graphs: MMAction2's 'spatial' and 'stgcn_spatial',
            or 'sideways', which also joins neighbouring fingers and the two arms.
        body_sub_part_graph (dict, optional): With 'sideways', other edges between arms and head,
            see :func:`~masa_mm.models.reference.lateral_graph.sideways_graphs`.
        temporal_branch_channels (int, optional): Width of each branch of the temporal blocks.
            Defaults to half of embed_dims.
        graph_dropout (float): Dropout in the graph networks.
        dropout (float): Dropout in the Transformer.
        norm_first (bool): Pre-norm Transformer.
        use_position (bool): Positional encoding of frames.
        position_gain (float): Its strength at the start; at 1 it outweighs the poses in the average
            that alignment compares, and alignment then learns from frame numbers.
        data_norm_eps (float): Epsilon of the batch norm on coordinates.
        sub_part_merge (str): How sub-parts become a part, see :class:`PartNetwork`.
        norm_eps (float): Epsilon of the Transformer's layer norms.
        frozen (bool): Keep all weights and statistics as they are, for probing.
        init_cfg (dict, optional): Initialisation; ``dict(type='StrictPretrained', checkpoint=...,
            prefix='backbone.')`` loads a pretrained encoder.

    Example:
        >>> encoder = MASAEncoder(embed_dims=32, channels=(16, 16), sub_part_channels=(32,))
        >>> encoder(torch.rand(2, 1, 8, 49, 3)).shape
        torch.Size([2, 1, 32, 8, 3])
    """

    def __init__(
        self,
        embed_dims: int = 512,
        channels: Sequence[int] = (128, 128, 256),
        sub_part_channels: Sequence[int] = (512, 512),
        depth: int = 3,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        num_temporal_blocks: int = 2,
        use_score: bool = True,
        coordinate_offset: float = 0.5,
        graph_mode: str = "spatial",
        body_sub_part_graph: dict | None = None,
        temporal_branch_channels: int | None = None,
        graph_dropout: float = 0.0,
        dropout: float = 0.0,
        norm_first: bool = False,
        use_position: bool = True,
        position_gain: float = 0.1,
        data_norm_eps: float = 1e-5,
        sub_part_merge: str = "max",
        norm_eps: float = 1e-5,
        frozen: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.embed_dims = embed_dims
        self.in_channels = 3 if use_score else 2
        self.coordinate_offset = coordinate_offset
        self.frozen = frozen
        network = dict(
            in_channels=self.in_channels,
            channels=channels,
            sub_part_channels=sub_part_channels,
            out_channels=embed_dims,
            num_temporal_blocks=num_temporal_blocks,
            graph_mode=graph_mode,
            dropout=graph_dropout,
            data_norm_eps=data_norm_eps,
            temporal_branch_channels=temporal_branch_channels,
            sub_part_merge=sub_part_merge,
        )
        self.hand_network = PartNetwork(RIGHT_HAND, **network)
        self.body_network = PartNetwork(BODY, **network, sub_part_graph=body_sub_part_graph)
        self.transformer = FrameTransformer(
            NUM_PARTS * embed_dims,
            depth,
            num_heads,
            feedforward_channels,
            dropout,
            norm_first,
            use_position,
            position_gain,
            norm_eps,
        )
        if frozen:
            self.requires_grad_(False)

    def train(self, mode: bool = True) -> MASAEncoder:
        """Set the training mode; a frozen encoder stays in evaluation mode."""
        return super().train(mode and not self.frozen)

    def embed(self, clip: Tensor, visible: Tensor, counts: ViewCounts | None = None) -> Tensor:
        """Embed the visible parts of each frame.

        Args:
            clip (Tensor): [N, T, 49, 3] (x, y, score).
            visible (Tensor): bool [N, T, 3], parts that are present and not masked.
            counts (ViewCounts, optional): How many these are. The device is asked if not given.

        Returns:
            Tensor: [N, T, 3, embed_dims], zeros where a part is not visible.
        """
        counts = counts or count_view(visible)
        right, left, body = (
            true_places(flags.flatten(), count) for flags, count in zip(visible.unbind(-1), counts)
        )
        joints = self._joint_channels(clip).flatten(0, 1)
        hand_rows = torch.cat(
            [
                joints[:, RIGHT_HAND.joints].index_select(0, right),
                joints[:, LEFT_HAND.joints].index_select(0, left),
            ]
        )
        hands_visible = torch.cat([visible[..., 0], visible[..., 1]])
        hands = self.hand_network(
            hand_rows, neighbour_rows(hands_visible, TEMPORAL_REACH, counts.right + counts.left)
        )
        body_rows = self.body_network(
            joints[:, BODY.joints].index_select(0, body),
            neighbour_rows(visible[..., 2], TEMPORAL_REACH, counts.body),
        )
        places = torch.cat([NUM_PARTS * right, NUM_PARTS * left + 1, NUM_PARTS * body + 2])
        embedding = hands.new_zeros(visible.numel(), self.embed_dims)
        embedding = embedding.index_copy(0, places, torch.cat([hands, body_rows]))
        return embedding.view(*visible.shape, self.embed_dims)

    def encode(
        self,
        embedding: Tensor,
        visible: Tensor,
        position: Tensor | None = None,
        counts: ViewCounts | None = None,
    ) -> Tensor:
        """Run the Transformer over frames of which at least one part is visible.

        Args:
            embedding (Tensor): [N, T, 3, embed_dims].
            visible (Tensor): bool [N, T, 3].
            position (Tensor, optional): [N, T], see :class:`FrameTransformer`.
            counts (ViewCounts, optional): As of :meth:`embed`.

        Returns:
            Tensor: [N, T, 3 * embed_dims], zeros where a frame is not visible.
        """
        return self.transformer(
            embedding.flatten(2),
            visible.any(-1),
            position,
            counts=None if counts is None else counts.sequence,
        )

    def encode_clip(
        self,
        clip: Tensor,
        masked: Tensor,
        position: Tensor | None = None,
        counts: ViewCounts | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Embed and encode what a mask leaves of clips.

        Args:
            clip (Tensor): [N, T, 49, 3] (x, y, score).
            masked (Tensor): bool [N, T, 3], parts to hide.
            position (Tensor, optional): [N, T], see :class:`FrameTransformer`.
            counts (ViewCounts, optional): How much the mask leaves. The device is asked, once, if
                it is not given.

        Returns:
            tuple: [N, T, 3 * embed_dims], and which parts of it were seen, bool [N, T, 3].
        """
        seen = present_parts(clip[..., 2]) & ~masked
        counts = counts or count_view(seen)
        return self.encode(self.embed(clip, seen, counts), seen, position, counts), seen

    def forward(
        self, x: Tensor, masked: Tensor | None = None, position: Tensor | None = None
    ) -> Tensor:
        """Encode poses.

        Args:
            x (Tensor): [N, M, T, 49, 3]: x and y in part coordinates, and the score.
            masked (Tensor, optional): bool [N, M, T, 3], parts to hide.
            position (Tensor, optional): [N, M, T], the frames' places in their clips.

        Returns:
            Tensor: [N, M, embed_dims, T, 3], zeros in frames that are not visible.

        Raises:
            ValueError: If x has another shape.
        """
        if x.ndim != 5 or x.shape[-2:] != (NUM_JOINTS, 3):
            raise ValueError(
                f"MASAEncoder takes poses of shape [N, M, T, {NUM_JOINTS}, 3] (x, y, score), got "
                f"{tuple(x.shape)}; "
                "convert other layouts with the SelectSignJoints and CropSignParts transforms"
            )
        people = x.shape[:2]
        clip = x.flatten(0, 1)
        if masked is None:
            masked = x.new_zeros(*x.shape[:3], NUM_PARTS, dtype=torch.bool)
        if position is not None:
            position = position.flatten(0, 1)
        frames, _ = self.encode_clip(clip, masked.flatten(0, 1), position)
        parts = frames.unflatten(-1, (NUM_PARTS, self.embed_dims)).permute(0, 3, 1, 2)
        return parts.unflatten(0, people)

    def _joint_channels(self, clip: Tensor) -> Tensor:
        present = (clip[..., 2:] > 0).to(clip.dtype)
        coordinates = (clip[..., :2] - self.coordinate_offset) * present
        if self.in_channels == 2:
            return coordinates
        return torch.cat([coordinates, clip[..., 2:]], -1)
