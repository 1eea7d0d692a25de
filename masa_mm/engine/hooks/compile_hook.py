"""Compile the modules of a model that take most of the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from masa_mm.engine.checkpoint_io import unwrap_model
from masa_mm.errors import UserError

# The code between these modules runs a few small kernels only.
PARTS = ("PartNetwork", "FrameBlock")


@HOOKS.register_module()
class CompileHook(Hook):
    """Compile modules in place by :func:`torch.compile`, including those of the momentum copy.

    mmengine's own ``compile=dict(...)`` compiles the whole ``train_step``. This hook compiles the
    part networks and the Transformer blocks, with dynamic shapes because the number of frames
    differs between batches. torch 2.13 compiles 4 programs for all sizes; torch 2.4 and 2.6 make
    more, with the same results. Checkpoints do not change.

    Args:
        modules (Sequence[str]): Class names of the modules to compile.
        dynamic (bool): Whether shapes are dynamic. If not, torch recompiles for each new shape,
            up to its limit.
        **options (Any): Options of :func:`torch.compile`, such as ``mode`` and ``backend``.
    """

    def __init__(
        self, modules: Sequence[str] = PARTS, dynamic: bool = True, **options: Any
    ) -> None:
        self.modules = tuple(modules)
        self.options = dict(options, dynamic=dynamic)

    def before_run(self, runner: Runner) -> None:
        """Mark the modules; torch compiles each one at its first call."""
        model = unwrap_model(runner)
        found = compile_modules(model, self.modules, **self.options)
        runner.logger.info(f"CompileHook: {found} modules will be compiled when first called")


def compile_modules(model: nn.Module, modules: Sequence[str] = PARTS, **options: Any) -> int:
    """Compile the modules of some classes in place (see :class:`CompileHook`) and count them.

    Raises:
        UserError: If the model has no such module.
    """
    found = [
        module
        for module in model.modules()
        if any(base.__name__ in modules for base in type(module).__mro__)
    ]
    if not found:
        raise UserError(
            f"CompileHook: {type(model).__name__} has no module of class "
            f"{' or '.join(modules)}: name others in `modules`, or remove the hook"
        )
    for module in found:
        module.compile(**options)
    return len(found)
