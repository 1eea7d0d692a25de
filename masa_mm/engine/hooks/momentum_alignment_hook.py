"""The momentum update and the schedules of semantic alignment."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masa_mm.engine.checkpoint_io import unwrap_model
from masa_mm.errors import UserError
from masa_mm.models import MASA, SemanticAlignment
from masa_mm.option_checks import FRACTION, at_least, checked_options


@HOOKS.register_module()
@checked_options(
    momentum=replace(FRACTION, optional=True),
    end_momentum=replace(FRACTION, optional=True),
    loss_weight=at_least(0, optional=True),
    warmup_epochs=at_least(0),
)
class MomentumAlignmentHook(Hook):
    """Update the momentum copy of MASA after each iteration and schedule mu and lambda_s.

    ``theta_k <- mu theta_k + (1 - mu) theta_q`` for weights and BatchNorm statistics; lambda_s
    rises linearly from 0 to its value over the first epochs (MASA, sections III-C and IV-A).
    Both depend only on the progress of the runner and the checkpoint, so a resumed run continues
    exactly. The hook needs no GPU-CPU synchronization.

    Args:
        momentum (float, optional): mu at the start. Defaults to ``MASA.momentum``.
        end_momentum (float, optional): mu at the end, reached by a half cosine. Defaults to a
            constant mu (paper).
        loss_weight (float, optional): lambda_s after the warm-up. Defaults to
            ``SemanticAlignment.loss_weight``.
        warmup_epochs (float): Length of the rise of lambda_s. The paper uses 100 of 400 epochs.

    Raises:
        UserError: If a momentum is outside [0, 1], or a weight or length is negative.
    """

    def __init__(
        self,
        momentum: float | None = None,
        end_momentum: float | None = None,
        loss_weight: float | None = None,
        warmup_epochs: float = 100,
    ) -> None:
        self.momentum = momentum
        self.end_momentum = end_momentum
        self.loss_weight = loss_weight
        self.warmup_epochs = warmup_epochs

    def before_train(self, runner: Runner) -> None:
        """Start the momentum copy from the loaded or initialized weights.

        Raises:
            UserError: If the model has no semantic alignment.
        """
        model, alignment = self._aligned_model(runner)
        if self.momentum is not None:
            model.momentum = self.momentum
        if self.loss_weight is not None:
            alignment.loss_weight = self.loss_weight
        if model.key_encoder.num_updates == 0:
            model.update_key_encoder()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Set the fraction of lambda_s for this iteration."""
        epochs = runner.iter / len(runner.train_dataloader)
        _, alignment = self._aligned_model(runner)
        alignment.warmup = min(1.0, epochs / self.warmup_epochs) if self.warmup_epochs > 0 else 1.0

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Move the momentum copy towards the weights after this iteration."""
        model, _ = self._aligned_model(runner)
        end = model.momentum if self.end_momentum is None else self.end_momentum
        progress = runner.iter / runner.max_iters
        model.key_encoder.set_momentum(half_cosine(model.momentum, end, progress))
        model.update_key_encoder()

    @staticmethod
    def _aligned_model(runner: Runner) -> tuple[MASA, SemanticAlignment]:
        model: Any = unwrap_model(runner)
        if getattr(model, "alignment", None) is None:
            raise UserError(
                "MomentumAlignmentHook needs a MASA model with `alignment`, but "
                f"{type(model).__name__} has none: "
                "remove the hook from custom_hooks or give the model an alignment"
            )
        return model, model.alignment


def half_cosine(start: float, end: float, progress: float) -> float:
    """Interpolate from start to end as progress goes from 0 to 1, slowly at both ends."""
    return start + (end - start) * (1 - math.cos(math.pi * progress)) / 2
