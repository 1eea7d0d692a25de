"""A runner's model by itself."""

from __future__ import annotations

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn


def unwrap_model(runner: Runner) -> nn.Module:
    """A runner's model, without what wraps it for several processes."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
