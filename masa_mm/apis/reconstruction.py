"""Predict the motion of masked clips by a pretrained network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from masa_mm.datasets.collate import pad_clips
from masa_mm.frame_plan import plan_batch
from masa_mm.models import MASA
from masa_mm.models.recognizers.masa import joints_of_parts, require_inputs


class Reconstruction(NamedTuple):
    """A masked clip and its motion for one interval: the arguments of ``plot_masked_motion``."""

    keypoint: np.ndarray  # [T, 49, 2] part coordinates
    score: np.ndarray  # [T, 49]
    frame_mask: np.ndarray  # bool [T, 3]
    motion: np.ndarray  # [T, 49, 2] crop pixels
    motion_weight: np.ndarray  # [T, 49]
    prediction: np.ndarray  # [T, 49, 2] crop pixels

    @property
    def error(self) -> float:
        """Mean distance between predicted and true motion of the masked joints, in crop pixels."""
        return _mean_over(np.linalg.norm(self.prediction - self.motion, axis=-1), self.hidden)

    @property
    def motion_length(self) -> float:
        """Mean length of the true motion, which is the error of predicting no motion."""
        return _mean_over(np.linalg.norm(self.motion, axis=-1), self.hidden)

    @property
    def hidden(self) -> np.ndarray:
        """Mask [T, 49] of the joints that are masked and have a target motion."""
        masked = joints_of_parts(torch.from_numpy(self.frame_mask)).numpy()
        return masked & (self.motion_weight > 0)


def reconstruct_motion(
    model: MASA, samples: Sequence[dict], interval: int = 0
) -> list[Reconstruction]:
    """Predict the motion of masked clips.

    Args:
        model (MASA): A pretrained model; it is set to evaluation mode.
        samples (Sequence[dict]): Clips after its pretraining pipeline (``PackSignInputs``).
        interval (int): Index of the motion interval.

    Returns:
        list[Reconstruction]: One for each sample, without padding.

    Raises:
        MissingKeyError: If the pipeline lacks masking or motion; names the transform.
    """
    batch = model.eval().data_preprocessor(pad_clips(list(samples)))
    inputs = batch["inputs"]
    require_inputs(inputs, with_key_view=False)
    with torch.no_grad():
        plan = plan_batch(inputs)
        plan = plan._replace(decoder=plan.decoder.with_all_queries())
        latent, _ = model.forward_encoder(inputs, plan)
        predicted = model.forward_decoder(latent, plan) * model.motion_loss.unit
    clips = inputs["keypoint"][:, 0, 0].cpu().numpy()
    mask, motion, weight = (
        inputs[name].cpu().numpy() for name in ("frame_mask", "motion", "motion_weight")
    )
    if weight.ndim == motion.ndim:  # one weight a coordinate
        weight = weight.max(-1)
    lengths = (inputs["frame_inds"] >= 0).sum(1).tolist()
    return [
        Reconstruction(
            clips[i, :length, :, :2],
            clips[i, :length, :, 2],
            mask[i, :length],
            motion[i, :length, :, interval],
            weight[i, :length, :, interval],
            predicted[i, :length, :, interval].cpu().numpy(),
        )
        for i, length in enumerate(lengths)
    ]


def _mean_over(values: np.ndarray, mask: np.ndarray) -> float:
    return float(values[mask].mean()) if mask.any() else float("nan")
