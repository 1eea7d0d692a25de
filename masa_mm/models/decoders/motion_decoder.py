"""The decoder that reconstructs motion in masked frames."""

from __future__ import annotations

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from masa_mm.frame_counts import SequenceCounts, count_all
from masa_mm.models.layers import FrameTransformer, make_mask_token, unpack_frames
from masa_mm.pose.skeleton import NUM_JOINTS


@MODELS.register_module()
class MotionDecoder(BaseModule):
    """Target decoder and motion predictor (MASA, section III-B).

    Puts a learned token in the place of each frame the encoder has not seen, runs a Transformer
    over the whole clip and predicts, by a small MLP, the motion residuals of every joint.

    After an encoder with mask tokens of its own (:class:`~masa_mm.models.MaskTokenEncoder`), which
    computes every frame, it has none (``mask_token=False``): it computes every frame too and bars
    only absent ones as attention keys.

    Args:
        in_channels (int): Width of the encoder's frames.
        channels (int, optional): Width of the decoder. Defaults to the encoder's; another one adds
            a linear layer.
        depth (int): Transformer blocks.
        num_heads (int): Attention heads.
        feedforward_channels (int): Width of the blocks' feed-forward layers.
        predictor_channels (int): Hidden width of the predictor.
        num_intervals (int): Motion intervals predicted.
        norm_first (bool): Pre-norm blocks.
        use_position (bool): Positional encoding of frames.
        norm_eps (float): Epsilon of the Transformer's layer norms.
        mask_token (bool): Put tokens in the place of frames that the encoder has not seen.
        predictor (dict, optional): The predictor, :class:`FramePredictor` (default) or
            :class:`PartPredictor`.
        init_cfg (dict, optional): Initialisation.
    """

    def __init__(
        self,
        in_channels: int = 1536,
        channels: int | None = None,
        depth: int = 2,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        predictor_channels: int = 256,
        num_intervals: int = 1,
        norm_first: bool = False,
        use_position: bool = True,
        norm_eps: float = 1e-5,
        mask_token: bool = True,
        predictor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        channels = channels or in_channels
        self.num_intervals = num_intervals
        self.project = (
            nn.Identity() if channels == in_channels else nn.Linear(in_channels, channels)
        )
        self.mask_token = make_mask_token(channels) if mask_token else None
        self.transformer = FrameTransformer(
            channels,
            depth,
            num_heads,
            feedforward_channels,
            norm_first=norm_first,
            use_position=use_position,
            norm_eps=norm_eps,
        )
        self.predictor = MODELS.build(
            dict(predictor or dict(type="FramePredictor")),
            default_args=dict(
                in_channels=channels,
                hidden_channels=predictor_channels,
                num_intervals=num_intervals,
            ),
        )

    def forward(
        self,
        latent: Tensor,
        visible: Tensor,
        present: Tensor,
        position: Tensor | None = None,
        wanted: Tensor | None = None,
        counts: SequenceCounts | None = None,
    ) -> Tensor:
        """Predict motion.

        Args:
            latent (Tensor): [N, T, in_channels], the encoder's output in the original order of
                frames.
            visible (Tensor): bool [N, T], frames the encoder has seen.
            present (Tensor): bool [N, T], frames that are neither padding nor empty.
            position (Tensor, optional): [N, T], the frames' places in their clips.
            wanted (Tensor, optional): bool [N, T], frames whose motion is asked for; what only
                others need is not computed. Defaults to all.
            counts (SequenceCounts, optional): How many frames are present, present and wanted, and
                how many rows differ where mask tokens stand for the others. The device is asked if
                it is not given, and for those wanted if there are no mask tokens.

        Returns:
            Tensor: [N, T, 49, num_intervals, 2], zeros in frames that are not wanted and, where
                there are mask tokens, in absent ones.
        """
        frames = self.project(latent)
        if self.mask_token is None:
            computed, keys, tokens = torch.ones_like(present), present, None
            counts = count_all(*present.shape).sequence
        else:
            computed, keys, tokens = present, None, ~visible
            frames = torch.where(visible[..., None], frames, self.mask_token.to(frames.dtype))
        decoded, packing = self.transformer.encode_rows(
            frames, computed, position, keys, wanted, tokens, counts
        )
        motion = unpack_frames(self.predictor(decoded), packing, latent.shape[1])
        return motion.unflatten(-1, (NUM_JOINTS, self.num_intervals, 2))
