"""The decoder that reconstructs motion in masked frames."""

from __future__ import annotations

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...skeleton import NUM_JOINTS
from ..layers import FrameTransformer


@MODELS.register_module()
class MotionDecoder(BaseModule):
    """Target decoder and motion predictor (MASA, section III-B).

    Puts a learned token in the place of each frame the encoder has not seen, runs a Transformer
    over the whole clip and predicts, by a small MLP, the motion residuals of every joint.

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
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        channels = channels or in_channels
        self.num_intervals = num_intervals
        self.project = (
            nn.Identity() if channels == in_channels else nn.Linear(in_channels, channels)
        )
        self.mask_token = nn.Parameter(torch.zeros(channels))
        nn.init.normal_(self.mask_token, std=0.02)
        self.transformer = FrameTransformer(
            channels,
            depth,
            num_heads,
            feedforward_channels,
            norm_first=norm_first,
            use_position=use_position,
        )
        self.predictor = nn.Sequential(
            nn.Linear(channels, predictor_channels),
            nn.ReLU(),
            nn.Linear(predictor_channels, NUM_JOINTS * num_intervals * 2),
        )
        # Motion is a few hundredths of a crop side: start from "no motion" rather than from a
        # random leap.
        nn.init.zeros_(self.predictor[-1].weight)
        nn.init.zeros_(self.predictor[-1].bias)

    def forward(
        self, latent: Tensor, visible: Tensor, present: Tensor, position: Tensor | None = None
    ) -> Tensor:
        """Predict the motion of every present frame.

        Args:
            latent (Tensor): [N, T, in_channels], the encoder's output in the original order of
                frames.
            visible (Tensor): bool [N, T], frames the encoder has seen.
            present (Tensor): bool [N, T], frames that are neither padding nor empty.
            position (Tensor, optional): [N, T], the frames' places in their clips.

        Returns:
            Tensor: [N, T, 49, num_intervals, 2].
        """
        frames = self.project(latent)
        frames = torch.where(visible[..., None], frames, self.mask_token.to(frames.dtype))
        motion = self.predictor(self.transformer(frames, present, position))
        return motion.unflatten(-1, (NUM_JOINTS, self.num_intervals, 2))
