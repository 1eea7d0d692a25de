"""The decoder of the authors' release, which follows an encoder with mask tokens."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn

from masa_mm.errors import UserError
from masa_mm.frame_plan import SequencePlan
from masa_mm.models.decoders.motion_decoder import MotionDecoder, init_zero_motion
from masa_mm.models.reference.encoder import plan_every_frame, set_norm_eps
from masa_mm.option_checks import above, checked_options, whole
from masa_mm.pose.skeleton import BODY, PARTS, RIGHT_HAND


@MODELS.register_module()
@checked_options(
    norm_eps=above(0),
)
class ReferenceDecoder(MotionDecoder):
    """A :class:`MotionDecoder` with the options of the authors' release.

    Args:
        *args: See :class:`MotionDecoder`.
        mask_token (bool): Replace frames that the encoder has not seen by a token. False, as in the
            release, for an encoder with tokens of its own, :class:`MaskTokenEncoder`: the decoder
            then computes every frame and excludes absent ones as attention keys.
        norm_eps (float): Epsilon of the Transformer's layer norms. The release has 1e-12.
        **kwargs: See :class:`MotionDecoder`.
    """

    def __init__(
        self, *args: Any, mask_token: bool = True, norm_eps: float = 1e-5, **kwargs: Any
    ) -> None:
        self._with_token = mask_token
        super().__init__(*args, **kwargs)
        set_norm_eps(self.transformer, norm_eps)

    def make_mask_token(self, channels: int) -> nn.Parameter | None:
        """Make the token, if there is one."""
        return super().make_mask_token(channels) if self._with_token else None

    def forward(self, latent: Tensor, plan: SequencePlan) -> Tensor:
        """Predict motion; arguments and result are those of :class:`MotionDecoder`."""
        if self.mask_token is None:
            plan = self._with_every_frame(plan)
        return super().forward(latent, plan)

    @staticmethod
    def _with_every_frame(plan: SequencePlan) -> SequencePlan:
        """Compute every frame and let the planned ones be attended to."""
        present = torch.zeros_like(plan.position, dtype=torch.bool).flatten()
        present.index_fill_(0, plan.frames.rows, True)
        every = plan_every_frame(plan.position, keys=present).sequence
        if plan.queries is None:
            return every
        # All frames are rows: a query's row is its index.
        return every._replace(queries=plan.queries, query_rows=plan.queries.rows)


@MODELS.register_module()
@checked_options(
    in_channels=whole(1),
    hidden_channels=whole(1),
    num_intervals=whole(1),
)
class PartPredictor(nn.Module):
    """An MLP for the hands and another for the body, each on its part of the frame.

    The MLPs of the authors' release end in a ReLU and so cannot predict motion to the left or up.

    Args:
        in_channels (int): Width of a frame, three parts concatenated.
        hidden_channels (int): Hidden width.
        num_intervals (int): Motion intervals predicted.
        rectify (bool): End in a ReLU.

    Raises:
        UserError: If in_channels is not divisible by the number of parts.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, num_intervals: int, rectify: bool = False
    ) -> None:
        super().__init__()
        if in_channels % len(PARTS):
            raise UserError(
                f"PartPredictor: in_channels must be {len(PARTS)} x a part's, got {in_channels}"
            )

        def mlp(num_joints: int) -> nn.Sequential:
            first = nn.Linear(in_channels // len(PARTS), hidden_channels)
            last = nn.Linear(hidden_channels, num_joints * num_intervals * 2)
            # At zero, a final ReLU would pass no gradient.
            if not rectify:
                init_zero_motion(last)
            return nn.Sequential(first, nn.ReLU(), last, nn.ReLU() if rectify else nn.Identity())

        self.hand = mlp(RIGHT_HAND.num_joints)
        self.body = mlp(BODY.num_joints)

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames [..., in_channels] to [..., 49 * num_intervals * 2]."""
        right, left, body = frames.chunk(len(PARTS), -1)
        return torch.cat([self.hand(right), self.hand(left), self.body(body)], -1)
