"""The momentum update and the schedules of semantic alignment."""

from __future__ import annotations

import math

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masa_mm.engine.unwrap_model import unwrap_model
from masa_mm.errors import UserError
from masa_mm.models import MASA


@HOOKS.register_module()
class MomentumAlignmentHook(Hook):
    """Updates MASA's momentum copy after each iteration and schedules mu and lambda_s.

    ``theta_k <- mu theta_k + (1 - mu) theta_q`` for weights and BatchNorm statistics; lambda_s
    rises linearly from 0 to its value over the first epochs (MASA, sections III-C and IV-A).
    Everything follows from the runner's progress and the checkpoint, so a resumed run goes on as if
    it had not stopped. No device is asked for anything, so a GPU need not wait. mu and lambda_s are
    the model's (``MASA.momentum`` and ``SemanticAlignment.loss_weight``) unless they are given
    here, which then win.

    Args:
        momentum (float, optional): mu at the start, in place of the model's.
        end_momentum (float, optional): mu at the end, reached by a half cosine. Defaults to a
            constant mu (paper).
        loss_weight (float, optional): lambda_s after warm-up, in place of the model's.
        warmup_epochs (float): Length of lambda_s's rise. The paper's 100 belongs to 400 epochs.

    Raises:
        UserError: If a momentum is outside [0, 1].
    """

    def __init__(
        self,
        momentum: float | None = None,
        end_momentum: float | None = None,
        loss_weight: float | None = None,
        warmup_epochs: float = 100,
    ) -> None:
        for value in (momentum, end_momentum):
            if value is not None and not 0 <= value <= 1:
                raise UserError(f"MomentumAlignmentHook: momentum must lie in [0, 1], got {value}")
        self.momentum = momentum
        self.end_momentum = end_momentum
        self.loss_weight = loss_weight
        self.warmup_epochs = warmup_epochs

    def before_train(self, runner: Runner) -> None:
        """Start the momentum copy from the loaded or initialised weights.

        Raises:
            UserError: If the model has no semantic alignment.
        """
        model = self._model(runner)
        if self.momentum is not None:
            model.momentum = self.momentum
        if self.loss_weight is not None:
            model.alignment.loss_weight = self.loss_weight
        if model.key_encoder.num_updates == 0:
            model.update_key_encoder()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Set the share of lambda_s for this iteration."""
        epochs = runner.iter / len(runner.train_dataloader)
        share = min(1.0, epochs / self.warmup_epochs) if self.warmup_epochs > 0 else 1.0
        self._model(runner).alignment.warmup = share

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Move the momentum copy towards the weights this iteration made."""
        model = self._model(runner)
        end = model.momentum if self.end_momentum is None else self.end_momentum
        progress = runner.iter / runner.max_iters
        model.key_encoder.set_momentum(half_cosine(model.momentum, end, progress))
        model.update_key_encoder()

    @staticmethod
    def _model(runner: Runner) -> MASA:
        model = unwrap_model(runner)
        if getattr(model, "alignment", None) is None:
            raise UserError(
                "MomentumAlignmentHook needs a MASA model with `alignment`, got "
                f"{type(model).__name__} without: "
                "remove the hook from custom_hooks or give the model an alignment"
            )
        return model


def half_cosine(start: float, end: float, progress: float) -> float:
    """From start to end as progress goes from 0 to 1, slowly at both ends."""
    return start + (end - start) * (1 - math.cos(math.pi * progress)) / 2
