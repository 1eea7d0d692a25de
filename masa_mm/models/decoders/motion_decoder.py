"""The decoder that reconstructs motion in masked frames."""

from __future__ import annotations

from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from masa_mm.deprecation import moved_options
from masa_mm.frame_plan import SequencePlan
from masa_mm.models.layers.frame_transformer import FrameTransformer, make_mask_token
from masa_mm.models.layers.packing import pack_frames, unpack_frames
from masa_mm.option_checks import checked_options, whole
from masa_mm.pose.skeleton import NUM_JOINTS


def init_zero_motion(last: nn.Linear) -> None:
    """Predict no motion at first: true motion is a few hundredths of a crop side."""
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


@MODELS.register_module()
@checked_options(
    in_channels=whole(1),
    hidden_channels=whole(1),
    num_intervals=whole(1),
)
class FramePredictor(nn.Sequential):
    """An MLP from a frame to the motion of all its joints (MASA, section III-B).

    Args:
        in_channels (int): Width of a frame.
        hidden_channels (int): Hidden width.
        num_intervals (int): Motion intervals predicted.
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_intervals: int) -> None:
        first = nn.Linear(in_channels, hidden_channels)
        last = nn.Linear(hidden_channels, NUM_JOINTS * num_intervals * 2)
        super().__init__(first, nn.ReLU(), last)
        init_zero_motion(last)


@MODELS.register_module()
@moved_options(MODELS, "ReferenceDecoder", "norm_eps", "mask_token")
@checked_options(
    in_channels=whole(1),
    channels=whole(1, optional=True),
    depth=whole(1),
    num_heads=whole(1),
    feedforward_channels=whole(1),
    predictor_channels=whole(1),
    num_intervals=whole(1),
)
class MotionDecoder(BaseModule):
    """Target decoder and motion predictor (MASA, section III-B).

    Puts a learned token in the place of each frame that the encoder has not seen, runs a
    Transformer over the whole clip and predicts the motion residuals of every joint by a small MLP.

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
        predictor (dict, optional): The predictor. Defaults to :class:`FramePredictor`.
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
        predictor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        channels = channels or in_channels
        self.in_channels, self.num_intervals = in_channels, num_intervals
        self.project = (
            nn.Identity() if channels == in_channels else nn.Linear(in_channels, channels)
        )
        self.mask_token = self.make_mask_token(channels)
        self.transformer = FrameTransformer(
            channels,
            depth,
            num_heads,
            feedforward_channels,
            norm_first=norm_first,
            use_position=use_position,
        )
        self.predictor = MODELS.build(
            dict(predictor or dict(type="FramePredictor")),
            default_args=dict(
                in_channels=channels,
                hidden_channels=predictor_channels,
                num_intervals=num_intervals,
            ),
        )

    def make_mask_token(self, channels: int) -> nn.Parameter | None:
        """Make the token, or None to decode the encoder's frames as they are."""
        return make_mask_token(channels)

    def forward(self, latent: Tensor, plan: SequencePlan) -> Tensor:
        """Predict motion.

        Args:
            latent (Tensor): [N, T, in_channels], the encoder's output.
            plan (SequencePlan): The frames to compute, those that mask tokens replace, and those
                whose motion is needed.

        Returns:
            Tensor: [N, T, 49, num_intervals, 2], zeros where motion is not needed.
        """
        rows = self.project(pack_frames(latent, plan.frames))
        if self.mask_token is not None and plan.token_rows is not None:
            tokens = self.mask_token.to(rows.dtype).expand(len(plan.token_rows), -1)
            rows = rows.index_copy(0, plan.token_rows, tokens)
        predicted = self.predictor(self.transformer.encode_rows(rows, plan))
        motion = unpack_frames(predicted, plan.outputs)
        return motion.unflatten(-1, (NUM_JOINTS, self.num_intervals, 2))
