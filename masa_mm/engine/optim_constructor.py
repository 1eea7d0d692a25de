"""An optimizer constructor that does not log a line for every parameter."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

# Messages of mmengine's constructor: up to three a parameter of `paramwise_cfg`, one a frozen one.
ROUTINE = ("paramwise_options -- ", "is skipped since its requires_grad=False")


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class QuietOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor with its routine messages at level DEBUG.

    A pretraining logs more than 300 of them, many as warnings, before its first line of interest.
    Other messages stay. In a config: ``optim_wrapper=dict(constructor=
    'QuietOptimWrapperConstructor', ...)``.

    Args:
        *args (Any): See mmengine's ``DefaultOptimWrapperConstructor``.
        **kwargs (Any): See mmengine's ``DefaultOptimWrapperConstructor``.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer wrapper of a model."""
        logger: Any = MMLogger.get_current_instance()
        logger.addFilter(_is_of_interest)
        try:
            return super().__call__(model)
        finally:
            logger.removeFilter(_is_of_interest)


def _is_of_interest(record: logging.LogRecord) -> bool:
    if any(words in record.getMessage() for words in ROUTINE):
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return record.levelno >= MMLogger.get_current_instance().level
