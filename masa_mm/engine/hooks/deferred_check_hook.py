"""Check losses for NaN and infinity without a GPU-CPU synchronization."""

from __future__ import annotations

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masa_mm.engine.checkpoint_io import unwrap_model
from masa_mm.errors import UserError
from masa_mm.models.recognizers.finite_check import FiniteCheck


@HOOKS.register_module()
class DeferredCheckHook(Hook):
    """Let the model check the losses of each step one step later.

    :class:`~masa_mm.models.MASA` and :class:`~masa_mm.models.SignRecognizer` stop at a loss that is
    NaN or infinite. Checking it in the same step makes the host wait
    for the device in every step. With this hook the run stops one step later, and always before it
    validates or saves a checkpoint.
    """

    def before_train(self, runner: Runner) -> None:
        """Defer the checks.

        Raises:
            UserError: If the model checks no losses.
        """
        self._check(runner).deferred = True

    def after_train_epoch(self, runner: Runner) -> None:
        """Check the last step of an epoch."""
        self._check(runner).settle()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check before weights are saved."""
        self._check(runner).settle()

    def before_val(self, runner: Runner) -> None:
        """Check before weights are validated."""
        self._check(runner).settle()

    def after_train(self, runner: Runner) -> None:
        """Check the last step and stop deferring."""
        check = self._check(runner)
        check.settle()
        check.deferred = False

    @staticmethod
    def _check(runner: Runner) -> FiniteCheck:
        model = unwrap_model(runner)
        check = getattr(model, "finite_check", None)
        if check is None:
            raise UserError(
                f"DeferredCheckHook is for MASA and SignRecognizer, {type(model).__name__} checks "
                "no losses: remove the hook"
            )
        return check
