"""Compiling the parts of a model that do the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from masa_mm.engine.unwrap_model import unwrap_model
from masa_mm.errors import UserError

# What lies between is bookkeeping of a few small kernels.
PARTS = ("PartNetwork", "FrameBlock")


@HOOKS.register_module()
class CompileHook(Hook):
    """Compiles modules in place by :func:`torch.compile`, those of the momentum copy too.

    mmengine's own ``compile=dict(...)`` compiles the whole of ``train_step``. Here it is the part
    networks and the Transformer's blocks, one program for all blocks alike, whose sizes are
    variables from the start: batches hold another number of frames each time. Names and values in
    checkpoints stay as they are.

    Args:
        modules (Sequence[str]): Classes of the modules to compile.
        dynamic (bool): Sizes are variables. Without it each new size compiles anew, until torch
            gives up.
        **options: Of :func:`torch.compile`, such as ``mode`` and ``backend``.
    """

    def __init__(
        self, modules: Sequence[str] = PARTS, dynamic: bool = True, **options: Any
    ) -> None:
        self.modules = tuple(modules)
        self.options = dict(options, dynamic=dynamic)

    def before_run(self, runner: Runner) -> None:
        """Compile, which each module really does when it is first called.

        Raises:
            UserError: If the model has no such module, or torch is too old.
        """
        model = unwrap_model(runner)
        found = compile_modules(model, self.modules, **self.options)
        runner.logger.info(f"CompileHook: {found} modules will be compiled when first called")


def compile_modules(model: nn.Module, modules: Sequence[str] = PARTS, **options: Any) -> int:
    """Compile a model's modules of these classes in place; returns how many they are.

    Raises:
        UserError: If there is none, or torch cannot compile modules in place.
    """
    if not hasattr(nn.Module, "compile"):
        raise UserError("CompileHook needs torch 2.2 or later: remove the hook, or update torch")
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
