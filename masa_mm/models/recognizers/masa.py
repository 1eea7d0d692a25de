"""Self-supervised pretraining of MASA."""

from __future__ import annotations

import torch
from mmaction.models.recognizers import BaseRecognizer
from mmaction.registry import MODELS
from torch import Tensor, nn

from masa_mm.errors import MissingKeyError, UserError
from masa_mm.frame_counts import (
    BatchCounts,
    SequenceCounts,
    ViewCounts,
    count_batch,
    frame_positions,
    present_parts,
)
from masa_mm.models.alignment import MomentumEncoder
from masa_mm.models.recognizers.finite_check import FiniteCheck
from masa_mm.pose.skeleton import PARTS
from masa_mm.structures import SignDataSamples


def joints_of_parts(parts: Tensor) -> Tensor:
    """Spread a value per part over its joints: [..., 3] -> [..., 49]."""
    return torch.cat(
        [
            parts[..., i : i + 1].expand(*parts.shape[:-1], part.num_joints)
            for i, part in enumerate(PARTS)
        ],
        -1,
    )


@MODELS.register_module()
class MASA(BaseRecognizer):
    """Motion-aware masked autoencoder with momentum semantic alignment.

    Source: MASA, arXiv 2405.20666, section III. The encoder sees the unmasked frames of a clip; the
    decoder reconstructs the motion residuals of the masked ones; the encoder's average is aligned
    with that of another view of the clip, which passes through a momentum copy.

    ``L = L_m + lambda_s L_s``

    Inputs are what the transforms ``MotionResidual``, ``MotionAwareMasking``, ``AlignmentViews``
    and ``PackSignInputs`` make and ``pad_clips`` collates; the names are in the docs of the
    transforms.

    Args:
        backbone (dict): The encoder, a :class:`MASAEncoder`.
        decoder (dict): The motion decoder.
        motion_loss (dict): L_m. Defaults to the paper's.
        alignment (dict, optional): Semantic alignment. None trains the masked autoencoder alone.
        momentum (float): mu of the momentum copy, which
            :class:`~masa_mm.engine.MomentumAlignmentHook` moves.
        average_statistics (bool): See :class:`MomentumEncoder`.
        data_preprocessor (dict, optional): Defaults to :class:`SignDataPreprocessor`.
    """

    def __init__(
        self,
        backbone: dict,
        decoder: dict,
        motion_loss: dict | None = None,
        alignment: dict | None = None,
        momentum: float = 0.996,
        average_statistics: bool = True,
        data_preprocessor: dict | None = None,
    ) -> None:
        preprocessor = MODELS.build(data_preprocessor or dict(type="SignDataPreprocessor"))
        super().__init__(backbone, data_preprocessor=preprocessor)
        self.decoder = MODELS.build(decoder)
        self.motion_loss = MODELS.build(motion_loss or dict(type="MotionLoss"))
        self.alignment = MODELS.build(alignment) if alignment else None
        self.momentum = momentum
        self.finite_check = FiniteCheck()
        if self.alignment is not None:
            self.key_encoder = MomentumEncoder(self._query_branch(), momentum, average_statistics)

    def _query_branch(self) -> nn.ModuleDict:
        return nn.ModuleDict(dict(backbone=self.backbone, projector=self.alignment.projector))

    @torch.no_grad()
    def update_key_encoder(self) -> None:
        """Move the momentum copy towards the query branch; the first call makes it equal."""
        self.key_encoder.update_parameters(self._query_branch())

    def extract_feat(self, inputs: Tensor | dict, **kwargs) -> tuple[Tensor, dict]:
        """Encode whole clips, nothing masked, for frozen features.

        Args:
            inputs (Tensor | dict): Poses [N, num_clips, M, T, 49, 3], or a batch that holds them as
                'keypoint'.

        Returns:
            tuple: Features [N * num_clips, M, C, T, 3] and an empty dict.
        """
        keypoint = inputs["keypoint"] if isinstance(inputs, dict) else inputs
        return self.backbone(keypoint.flatten(0, 1)), dict()

    def forward_encoder(
        self, inputs: dict, counts: ViewCounts | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Encode what the mask leaves of each clip, which ``counts``, if given, has counted.

        Returns:
            tuple: Latent frames [N, T, C], parts seen and parts present, bool [N, T, 3].
        """
        clip = single_clip(inputs["keypoint"])
        position = frame_positions(inputs["frame_inds"])
        latent, seen = self.backbone.encode_clip(clip, inputs["frame_mask"], position, counts)
        return latent, seen, present_parts(clip[..., 2])

    def forward_decoder(
        self,
        inputs: dict,
        latent: Tensor,
        seen: Tensor,
        present: Tensor,
        wanted: Tensor | None = None,
        counts: SequenceCounts | None = None,
    ) -> Tensor:
        """Predict motion [N, T, 49, K, 2], in the motion loss's units, from latent [N, T, C].

        ``wanted``, bool [N, T], are the frames that are asked for; by default all. ``counts``, if
        given, has counted the frames.
        """
        position = frame_positions(inputs["frame_inds"])
        return self.decoder(latent, seen.any(-1), present.any(-1), position, wanted, counts)

    def forward_motion_loss(self, inputs: dict, predicted: Tensor) -> dict[str, Tensor]:
        """Score the predicted motion of masked parts (L_m)."""
        target = inputs["motion"], inputs["motion_weight"], joints_of_parts(inputs["frame_mask"])
        with torch.no_grad():
            error = self.motion_loss.mean_error(predicted, *target)
        return dict(loss_motion=self.motion_loss(predicted, *target), motion_error=error)

    def forward_alignment(
        self,
        inputs: dict,
        latent: Tensor,
        seen: Tensor,
        clip_ids: Tensor,
        counts: ViewCounts | None = None,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Align the query view with the key view (L_s).

        Returns:
            tuple: Losses, and the keys [N, D] for the memory bank.
        """
        query = self.alignment.projector(latent, seen)
        key = self.forward_key(inputs, counts)
        return self.alignment(query, key, clip_ids), key

    @torch.no_grad()
    def forward_key(self, inputs: dict, counts: ViewCounts | None = None) -> Tensor:
        """Encode the key views, less what is masked of them, by the momentum copy.

        ``counts``, if given, has counted what is left of them.

        Returns:
            Tensor: [N, D], L2-normalised.
        """
        branch = self.key_encoder.module
        clip = single_clip(inputs["key_keypoint"])
        masked = inputs.get("key_frame_mask")
        if masked is None:
            masked = clip.new_zeros(*clip.shape[:2], len(PARTS), dtype=torch.bool)
        position = frame_positions(inputs["key_frame_inds"])
        return branch["projector"](*branch["backbone"].encode_clip(clip, masked, position, counts))

    def loss(self, inputs: dict, data_samples: SignDataSamples, **kwargs) -> dict[str, Tensor]:
        """Compute the losses of a batch and, in training, add its keys to the memory bank.

        Raises:
            MissingKeyError: If the pipeline has not prepared what pretraining needs.
            UserError: If alignment meets a clip without an id, or trains without its hook.
            FloatingPointError: If a loss is not finite, in any process; the bank stays as it was.
                With ``finite_check.deferred`` at the next batch instead.
        """
        require_inputs(inputs, with_key_view=self.alignment is not None)
        counts: BatchCounts = inputs.get("counts") or count_batch(inputs)
        latent, seen, present = self.forward_encoder(inputs, counts.query)
        # The loss looks at masked frames only.
        predicted = self.forward_decoder(
            inputs, latent, seen, present, inputs["frame_mask"].any(-1), counts.decoder
        )
        losses = self.forward_motion_loss(inputs, predicted)
        keys = None
        if self.alignment is not None:
            require_clip_ids(data_samples)
            if self.training:
                require_started(self.key_encoder)
            aligned, keys = self.forward_alignment(
                inputs, latent, seen, data_samples.clip_ids, counts.key
            )
            losses.update(aligned)
        self.finite_check(losses)
        if keys is not None and self.training:
            self.alignment.bank.enqueue(keys, data_samples.clip_ids)
        hidden = present & inputs["frame_mask"]
        losses["masked_share"] = hidden.sum() / present.sum().clamp(min=1)
        return losses


def single_clip(keypoint: Tensor) -> Tensor:
    """The one person of the one view of each clip: [N, 1, 1, T, V, C] -> [N, T, V, C].

    Raises:
        UserError: If there are several views or persons, which pretraining does not define.
    """
    if keypoint.ndim != 6 or keypoint.shape[1:3] != (1, 1):
        raise UserError(
            f"MASA pretrains on one view of one signer, [N, 1, 1, T, V, C]; got "
            f"{tuple(keypoint.shape)}: use num_clips=1 in the sampling transform"
        )
    return keypoint[:, 0, 0]


_NEEDS = dict(
    keypoint="PackSignInputs",
    frame_inds="SampleSignFrames",
    motion="MotionResidual",
    motion_weight="MotionResidual",
    frame_mask="MotionAwareMasking",
)
_KEY_NEEDS = dict(key_keypoint="AlignmentViews", key_frame_inds="AlignmentViews")


def require_inputs(inputs: dict, with_key_view: bool) -> None:
    """Check that the pipeline made every input; name the transform that is missing.

    Raises:
        MissingKeyError: If one is missing.
    """
    needs = _NEEDS | (_KEY_NEEDS if with_key_view else {})
    missing = {key: transform for key, transform in needs.items() if key not in inputs}
    if missing:
        transforms = ", ".join(dict.fromkeys(missing.values()))
        raise MissingKeyError(
            f"MASA pretraining needs {', '.join(missing)}: add {transforms} to the pipeline"
        )


def require_clip_ids(data_samples: SignDataSamples) -> None:
    """Check that every clip has an id: keys without one would never be negatives, L_s always 0.

    Raises:
        UserError: If one has none (-1).
    """
    if data_samples.num_without_id:
        raise UserError(
            f"{data_samples.num_without_id} of {len(data_samples)} clips of the batch have no "
            "clip_id, by which the memory bank tells a clip's own keys from others: give each clip "
            "of the dataset a `clip_id` of 0 or more"
        )


def require_started(key_encoder: MomentumEncoder) -> None:
    """Check that something moves the momentum copy: keys of a random network align with nothing.

    Raises:
        UserError: If it was never updated.
    """
    if key_encoder.num_updates == 0:
        raise UserError(
            "MASA trains with `alignment`, but nothing updates its momentum copy: add "
            "dict(type='MomentumAlignmentHook') to custom_hooks (in a training loop of your own "
            "call model.update_key_encoder() before the first step and after each), or set "
            "alignment=None"
        )
