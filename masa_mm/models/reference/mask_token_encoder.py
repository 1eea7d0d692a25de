"""The encoder of the authors' release, which computes what it masks."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.registry import MODELS
from torch import Tensor

from masa_mm.frame_counts import ViewCounts, count_all, present_parts
from masa_mm.models.backbones.masa_encoder import MASAEncoder
from masa_mm.models.layers import make_mask_token


@MODELS.register_module()
class MaskTokenEncoder(MASAEncoder):
    """A :class:`MASAEncoder` over all frames, with a learned token in the place of masked parts.

    As in the authors' release. Parts are masked after their embedding, whose temporal convolutions
    have then carried some of a masked frame to its neighbours. The Transformer computes every
    frame, padding too; one of which a part is masked is barred as attention key. Absent joints and
    padding enter as the coordinates they are stored with, 0.

    So a clip's result depends on how far it is padded: let a pipeline pad to a fixed length.

    Args:
        *args: Of :class:`MASAEncoder`.
        **kwargs: Of :class:`MASAEncoder`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mask_token = make_mask_token(self.embed_dims)
        self.mask_token.requires_grad_(not self.frozen)

    def encode_clip(
        self,
        clip: Tensor,
        masked: Tensor,
        position: Tensor | None = None,
        counts: ViewCounts | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Embed and encode all frames of clips.

        Args:
            clip (Tensor): [N, T, 49, 3] (x, y, score).
            masked (Tensor): bool [N, T, 3], parts to replace by the token.
            position (Tensor, optional): [N, T], see :class:`FrameTransformer`.
            counts (ViewCounts, optional): Of no use here, for all frames are computed.

        Returns:
            tuple: [N, T, 3 * embed_dims], and the parts that are present in frames without a masked
                one, bool [N, T, 3].
        """
        every_part, counts = torch.ones_like(masked), count_all(*masked.shape[:2])
        parts = self.embed(clip, every_part, counts)
        parts = torch.where(masked[..., None], self.mask_token.to(parts.dtype), parts)
        whole = ~masked.any(-1)
        frames = self.transformer(
            parts.flatten(2), every_part.any(-1), position, keys=whole, counts=counts.sequence
        )
        return frames, present_parts(clip[..., 2]) & whole[..., None]

    def _joint_channels(self, clip: Tensor) -> Tensor:
        present = (clip[..., 2:] > 0).to(clip.dtype)
        coordinates = clip[..., :2] - self.coordinate_offset * present
        return coordinates if self.in_channels == 2 else torch.cat([coordinates, clip[..., 2:]], -1)
