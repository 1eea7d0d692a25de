"""Looking for losses that are not finite without making the GPU wait."""

from __future__ import annotations

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masa_mm.engine.unwrap_model import unwrap_model
from masa_mm.errors import UserError
from masa_mm.models.recognizers.finite_check import FiniteCheck


@HOOKS.register_module()
class DeferredCheckHook(Hook):
    """Lets :class:`~masa_mm.models.MASA` look at each step's losses one step later.

    MASA stops at a loss that is NaN or infinite. To know of it at once, the host must wait in each
    step until the device has computed the loss, and the device then waits for the host. With this
    hook the run stops one step later, and always before it validates or saves a checkpoint.
    """

    def before_train(self, runner: Runner) -> None:
        """Begin.

        Raises:
            UserError: If the model checks no losses.
        """
        self._check(runner).deferred = True

    def after_train_epoch(self, runner: Runner) -> None:
        """Look at the last step of an epoch."""
        self._check(runner).settle()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save nothing that came of a loss that is not finite."""
        self._check(runner).settle()

    def before_val(self, runner: Runner) -> None:
        """Validate no weights that came of one."""
        self._check(runner).settle()

    def after_train(self, runner: Runner) -> None:
        """End."""
        check = self._check(runner)
        check.settle()
        check.deferred = False

    @staticmethod
    def _check(runner: Runner) -> FiniteCheck:
        model = unwrap_model(runner)
        check = getattr(model, "finite_check", None)
        if check is None:
            raise UserError(
                f"DeferredCheckHook is for MASA's pretraining, {type(model).__name__} checks no "
                "losses: remove the hook"
            )
        return check
