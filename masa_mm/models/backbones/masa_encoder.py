"""The MASA encoder: part graph networks and a Transformer over the visible frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from masa_mm.deprecation import moved_options
from masa_mm.errors import UserError
from masa_mm.frame_plan import ViewPlan, plan_view, present_parts
from masa_mm.models.backbones.part_network import PartNetwork
from masa_mm.models.layers.frame_transformer import FrameTransformer
from masa_mm.option_checks import FINITE, FRACTION, checked_options, whole, wholes
from masa_mm.pose.skeleton import BODY, LEFT_HAND, NUM_JOINTS, PARTS, RIGHT_HAND, Part

NUM_PARTS = len(PARTS)


@MODELS.register_module()
@moved_options(
    MODELS,
    "ReferenceEncoder",
    "coordinate_offset",
    "graph_mode",
    "body_sub_part_graph",
    "temporal_branch_channels",
    "graph_dropout",
    "data_norm_eps",
    "norm_eps",
)
@checked_options(
    embed_dims=whole(1),
    channels=wholes(1),
    sub_part_channels=wholes(1),
    depth=whole(1),
    num_heads=whole(1),
    feedforward_channels=whole(1),
    num_temporal_blocks=whole(0),
    dropout=FRACTION,
    position_gain=FINITE,
)
class MASAEncoder(BaseModule):
    """Two graph networks embed each frame, a Transformer runs over the visible ones (MASA, III-B).

    One network embeds both hands (the left one is stored mirrored), another the upper body; a frame
    is their concatenation, of width ``3 * embed_dims``. Frames that are masked, padded or without a
    joint are not computed, so nothing of them reaches the result.

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
        sub_part_merge (str): How sub-parts become a part, see :class:`PartNetwork`.
        use_score (bool): Use the joints' scores as a third input channel.
        dropout (float): Dropout in the Transformer.
        norm_first (bool): Pre-norm Transformer.
        use_position (bool): Positional encoding of frames.
        position_gain (float): Its initial strength. At 1 it outweighs the poses in the average that
            alignment compares, and alignment then learns from frame numbers.
        frozen (bool): Keep all weights and statistics fixed, for probing.
        init_cfg (dict, optional): Initialisation; ``dict(type='StrictPretrained', checkpoint=...,
            prefix='backbone.')`` loads a pretrained encoder.

    Example:
        >>> encoder = MASAEncoder(embed_dims=32, channels=(16, 16), sub_part_channels=(32,))
        >>> encoder(torch.rand(2, 1, 8, 49, 3)).shape
        torch.Size([2, 1, 32, 8, 3])
    """

    # The middle of the crop is 0 to the networks, which is also what absent joints have.
    coordinate_offset = 0.5

    def __init__(
        self,
        embed_dims: int = 512,
        channels: Sequence[int] = (128, 128, 256),
        sub_part_channels: Sequence[int] = (512, 512),
        depth: int = 3,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        num_temporal_blocks: int = 2,
        sub_part_merge: str = "max",
        use_score: bool = True,
        dropout: float = 0.0,
        norm_first: bool = False,
        use_position: bool = True,
        position_gain: float = 0.1,
        frozen: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.embed_dims = embed_dims
        self.in_channels = 3 if use_score else 2
        self.frozen = frozen
        network = dict(
            in_channels=self.in_channels,
            channels=channels,
            sub_part_channels=sub_part_channels,
            out_channels=embed_dims,
            num_temporal_blocks=num_temporal_blocks,
            sub_part_merge=sub_part_merge,
        )
        self.hand_network = self.make_part_network(RIGHT_HAND, **network)
        self.body_network = self.make_part_network(BODY, **network)
        self.transformer = FrameTransformer(
            NUM_PARTS * embed_dims,
            depth,
            num_heads,
            feedforward_channels,
            dropout,
            norm_first,
            use_position,
            position_gain,
        )
        if frozen:
            self.requires_grad_(False)

    def make_part_network(self, part: Part, **options: Any) -> PartNetwork:
        """Make the graph network of the hands or of the body."""
        return PartNetwork(part, **options)

    def train(self, mode: bool = True) -> MASAEncoder:
        """Set the training mode; a frozen encoder stays in evaluation mode."""
        return super().train(mode and not self.frozen)

    def embed(self, clip: Tensor, plan: ViewPlan) -> Tensor:
        """Embed the visible parts of clips [N, T, 49, 3] (x, y, score).

        Returns:
            Tensor: [N, T, 3, embed_dims], zeros where a part is not visible.
        """
        joints = self.joint_channels(clip).flatten(0, 1)
        hand_joints = torch.cat(
            [
                joints[:, RIGHT_HAND.joints].index_select(0, plan.right),
                joints[:, LEFT_HAND.joints].index_select(0, plan.left),
            ]
        )
        hands = self.hand_network(hand_joints, plan.hand_neighbours)
        body_joints = joints[:, BODY.joints].index_select(0, plan.body)
        bodies = self.body_network(body_joints, plan.body_neighbours)
        embedding = hands.new_zeros(len(joints) * NUM_PARTS, self.embed_dims)
        embedding = embedding.index_copy(0, plan.parts, torch.cat([hands, bodies]))
        return embedding.view(*plan.shape, self.embed_dims)

    def encode_clip(self, clip: Tensor, plan: ViewPlan) -> tuple[Tensor, Tensor]:
        """Embed and encode the visible parts of clips.

        Args:
            clip (Tensor): [N, T, 49, 3] (x, y, score).
            plan (ViewPlan): What is visible of them.

        Returns:
            tuple: Frames [N, T, 3 * embed_dims], zeros where nothing is visible, and the parts
                that were seen, bool [N, T, 3].
        """
        frames = self.transformer(self.embed(clip, plan).flatten(2), plan.sequence)
        return frames, plan.flags(plan.parts)

    def forward(
        self,
        x: Tensor,
        masked: Tensor | None = None,
        position: Tensor | None = None,
        plan: ViewPlan | None = None,
    ) -> Tensor:
        """Encode poses.

        Args:
            x (Tensor): [N, M, T, 49, 3]: x and y in part coordinates, and the score.
            masked (Tensor, optional): bool [N, M, T, 3], parts to hide.
            position (Tensor, optional): [N, M, T], the frames' places in their clips.
            plan (ViewPlan, optional): Replaces the two; a GPU then need not be waited for.

        Returns:
            Tensor: [N, M, embed_dims, T, 3], zeros in frames that are not visible.

        Raises:
            UserError: If x has another shape.
        """
        if x.ndim != 5 or x.shape[-2:] != (NUM_JOINTS, 3):
            raise UserError(
                f"MASAEncoder takes poses of shape [N, M, T, {NUM_JOINTS}, 3] (x, y, score), got "
                f"{tuple(x.shape)}; "
                "convert other layouts with the SelectSignJoints and CropSignParts transforms"
            )
        clip = x.flatten(0, 1)
        if plan is None:
            plan = plan_view(
                present_parts(clip[..., 2]),
                None if masked is None else masked.flatten(0, 1),
                None if position is None else position.flatten(0, 1),
            )
        frames, _ = self.encode_clip(clip, plan)
        parts = frames.unflatten(-1, (NUM_PARTS, self.embed_dims)).permute(0, 3, 1, 2)
        return parts.unflatten(0, x.shape[:2])

    def joint_channels(self, clip: Tensor) -> Tensor:
        """Make the networks' input of [..., 3] (x, y, score): [..., in_channels]."""
        present = (clip[..., 2:] > 0).to(clip.dtype)
        coordinates = (clip[..., :2] - self.coordinate_offset) * present
        return coordinates if self.in_channels == 2 else torch.cat([coordinates, clip[..., 2:]], -1)
