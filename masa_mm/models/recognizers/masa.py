"""Self-supervised pretraining of MASA."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from mmaction.models.recognizers import BaseRecognizer
from mmaction.registry import MODELS
from torch import Tensor, nn

from masa_mm.deprecation import moved_options
from masa_mm.errors import MissingKeyError, UserError
from masa_mm.frame_plan import BatchPlan, plan_batch, present_parts
from masa_mm.models.alignment import MomentumEncoder
from masa_mm.models.recognizers.finite_check import FiniteCheck
from masa_mm.models.recognizers.width_check import check_width
from masa_mm.option_checks import FRACTION, checked_options
from masa_mm.pose.skeleton import PARTS
from masa_mm.structures import SignDataSamples


@MODELS.register_module()
@moved_options(MODELS, "ReferenceMASA", "average_statistics")
@checked_options(
    momentum=FRACTION,
)
class MASA(BaseRecognizer):
    """Motion-aware masked autoencoder with momentum semantic alignment.

    Source: MASA, arXiv 2405.20666, section III. The encoder sees the unmasked frames of a clip; the
    decoder reconstructs the motion residuals of the masked ones; the encoder's average is aligned
    with that of another view of the clip, which passes through a momentum copy.

    ``L = L_m + lambda_s L_s``

    Inputs are made by the transforms ``MotionResidual``, ``MotionAwareMasking``, ``AlignmentViews``
    and ``PackSignInputs`` and collated by ``pad_clips``, which lists their names.

    Args:
        backbone (dict): The encoder, a :class:`MASAEncoder`.
        decoder (dict): The motion decoder.
        motion_loss (dict): L_m. Defaults to the paper's.
        alignment (dict, optional): Semantic alignment. None trains the masked autoencoder alone.
        momentum (float): mu of the momentum copy, which
            :class:`~masa_mm.engine.MomentumAlignmentHook` moves.
        data_preprocessor (dict, optional): Defaults to :class:`SignDataPreprocessor`.

    Raises:
        UserError: If the widths of the parts do not fit.
    """

    def __init__(
        self,
        backbone: dict,
        decoder: dict,
        motion_loss: dict | None = None,
        alignment: dict | None = None,
        momentum: float = 0.996,
        data_preprocessor: dict | None = None,
    ) -> None:
        preprocessor = MODELS.build(data_preprocessor or dict(type="SignDataPreprocessor"))
        super().__init__(backbone, data_preprocessor=preprocessor)
        self.decoder = MODELS.build(decoder)
        self.motion_loss = MODELS.build(motion_loss or dict(type="MotionLoss"))
        self.alignment: Any = MODELS.build(alignment) if alignment else None
        for name, part in (("decoder", self.decoder), ("alignment", self.alignment)):
            check_width(f"{type(self).__name__}: {name}", part, self.backbone, len(PARTS))
        self.momentum = momentum
        self.finite_check = FiniteCheck()
        if self.alignment is not None:
            self.key_encoder = self.make_key_encoder(self.query_branch(), momentum)

    def query_branch(self) -> nn.ModuleDict:
        """Return the modules of which the momentum copy is an average."""
        return nn.ModuleDict(dict(backbone=self.backbone, projector=self.alignment.projector))

    def make_key_encoder(self, branch: nn.Module, momentum: float) -> MomentumEncoder:
        """Make the momentum copy of the query branch."""
        return MomentumEncoder(branch, momentum)

    @torch.no_grad()
    def update_key_encoder(self) -> None:
        """Move the momentum copy towards the query branch; the first call makes it equal."""
        self.key_encoder.update_parameters(self.query_branch())

    def extract_feat(self, inputs: Tensor | dict, **kwargs) -> tuple[Tensor, dict]:
        """Encode whole clips without masks, for frozen features.

        Args:
            inputs (Tensor | dict): Poses [N, num_clips, M, T, 49, 3], or a batch that holds them as
                'keypoint'.
            **kwargs: Not used.

        Returns:
            tuple: Features [N * num_clips, M, C, T, 3] and an empty dict.
        """
        keypoint = inputs["keypoint"] if isinstance(inputs, dict) else inputs
        return self.backbone(keypoint.flatten(0, 1)), dict()

    def predict(self, inputs: Any, data_samples: Any, **kwargs) -> NoReturn:
        """Refuse to recognise signs.

        Raises:
            UserError: Always, since pretraining knows no classes.
        """
        raise UserError(
            "MASA is the model of pretraining and knows no classes: finetune it and use the config "
            "and checkpoint of the finetuning, whose model is a SignRecognizer"
        )

    def loss(self, inputs: dict, data_samples: SignDataSamples, **kwargs) -> dict[str, Tensor]:
        """Compute the losses of a batch and, in training, add its keys to the memory bank.

        Raises:
            MissingKeyError: If the pipeline has not prepared what pretraining needs.
            UserError: If a batch has several views, alignment meets a clip without an id or trains
                without its hook.
            FloatingPointError: If a loss is not finite, in any process; the bank is not changed.
                With ``finite_check.deferred`` it is raised at the next batch instead.
        """
        self.check_batch(inputs, data_samples)
        plan: BatchPlan = inputs.get("plan") or plan_batch(inputs)
        latent, seen = self.forward_encoder(inputs, plan)
        predicted = self.forward_decoder(latent, plan)
        losses = self.forward_motion_loss(inputs, predicted)
        if self.alignment is not None:
            key = self.forward_key(inputs, plan)
            losses.update(self.forward_alignment(latent, seen, key, data_samples))
        self.finite_check(losses)
        if self.alignment is not None and self.training:
            self.alignment.bank.enqueue(key, data_samples.clip_ids)
        return losses

    def forward_encoder(self, inputs: dict, plan: BatchPlan) -> tuple[Tensor, Tensor]:
        """Encode the visible frames of each clip.

        Returns:
            tuple: Latent frames [N, T, C] and the parts seen, bool [N, T, 3].
        """
        return self.backbone.encode_clip(inputs["keypoint"][:, 0, 0], plan.query)

    def forward_decoder(self, latent: Tensor, plan: BatchPlan) -> Tensor:
        """Predict motion [N, T, 49, K, 2], in the motion loss's units, from latent [N, T, C]."""
        return self.decoder(latent, plan.decoder)

    def forward_motion_loss(self, inputs: dict, predicted: Tensor) -> dict[str, Tensor]:
        """Compute the loss of the predicted motion of masked parts (L_m), and what to log of it."""
        masked = inputs["frame_mask"]
        target = inputs["motion"], inputs["motion_weight"], joints_of_parts(masked)
        with torch.no_grad():
            error = self.motion_loss.mean_error(predicted, *target)
            present = present_parts(inputs["keypoint"][:, 0, 0, ..., 2])
            share = (present & masked).sum() / present.sum().clamp(min=1)
        loss = self.motion_loss(predicted, *target)
        return dict(loss_motion=loss, motion_error=error, masked_share=share)

    @torch.no_grad()
    def forward_key(self, inputs: dict, plan: BatchPlan) -> Tensor:
        """Encode the visible frames of the key views by the momentum copy.

        Returns:
            Tensor: Keys [N, D], L2-normalised.
        """
        branch = self.key_encoder.module
        frames = branch["backbone"].encode_clip(inputs["key_keypoint"][:, 0, 0], plan.key)
        return branch["projector"](*frames)

    def forward_alignment(
        self, latent: Tensor, seen: Tensor, key: Tensor, data_samples: SignDataSamples
    ) -> dict[str, Tensor]:
        """Align the query view with the keys [N, D] (L_s)."""
        query = self.alignment.projector(latent, seen)
        return self.alignment(query, key, data_samples.clip_ids)

    def check_batch(self, inputs: dict, data_samples: SignDataSamples) -> None:
        """Check that a batch is fit for pretraining.

        Raises:
            MissingKeyError: If an input is missing.
            UserError: If the batch has several views, or alignment has clips without an id or no
                hook that updates the momentum copy.
        """
        require_inputs(inputs, with_key_view=self.alignment is not None)
        if self.alignment is None:
            return
        if data_samples.num_without_id:
            raise UserError(
                f"{data_samples.num_without_id} of {len(data_samples)} clips of the batch have no "
                "clip_id, by which the memory bank tells a clip's own keys from others: give each "
                "clip of the dataset a `clip_id` of 0 or more"
            )
        if self.training and self.key_encoder.num_updates == 0:
            raise UserError(
                "MASA trains with `alignment`, but nothing updates its momentum copy: add "
                "dict(type='MomentumAlignmentHook') to custom_hooks (in a training loop of your "
                "own call model.update_key_encoder() before the first step and after each), or set "
                "alignment=None"
            )


def joints_of_parts(parts: Tensor) -> Tensor:
    """Repeat a value per part for each of its joints: [..., 3] -> [..., 49]."""
    return torch.cat(
        [
            parts[..., i : i + 1].expand(*parts.shape[:-1], part.num_joints)
            for i, part in enumerate(PARTS)
        ],
        -1,
    )


_NEEDS = dict(
    keypoint="PackSignInputs",
    frame_inds="SampleSignFrames",
    motion="MotionResidual",
    motion_weight="MotionResidual",
    frame_mask="MotionAwareMasking",
)
_KEY_NEEDS = dict(key_keypoint="AlignmentViews", key_frame_inds="AlignmentViews")


def require_inputs(inputs: dict, with_key_view: bool) -> None:
    """Check that the pipeline made every input, of one view and one person.

    Raises:
        MissingKeyError: If one is missing; the message names the transform to add.
        UserError: If there are several views or persons.
    """
    needs = _NEEDS | (_KEY_NEEDS if with_key_view else {})
    missing = {key: transform for key, transform in needs.items() if key not in inputs}
    if missing:
        transforms = ", ".join(dict.fromkeys(missing.values()))
        raise MissingKeyError(
            f"MASA pretraining needs {', '.join(missing)}: add {transforms} to the pipeline"
        )
    for name in needs:
        shape = tuple(inputs[name].shape)
        if name.endswith("keypoint") and (len(shape) != 6 or shape[1:3] != (1, 1)):
            raise UserError(
                f"MASA pretrains on one view of one signer, {name} [N, 1, 1, T, V, C]; got "
                f"{shape}: use num_clips=1 in the sampling transform"
            )
