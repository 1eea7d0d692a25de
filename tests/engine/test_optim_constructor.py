"""Routine messages of building an optimizer are logged at level DEBUG, others as they were."""

import logging

import pytest
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import nn

from masa_mm.engine.optim_constructor import ROUTINE

CONFIG = dict(
    optimizer=dict(type="SGD", lr=0.1, weight_decay=0.1), paramwise_cfg=dict(norm_decay_mult=0.0)
)


@pytest.fixture
def build(tmp_path):
    """Build an optimizer; returns the log and the groups of parameters."""

    def build(level, **changes):
        name = f"{tmp_path.name}_{level}_{len(changes)}"
        path = tmp_path / name
        logger = MMLogger.get_instance(name, log_file=str(path), log_level=level)
        model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
        model[0].requires_grad_(False)
        optimizer = build_optim_wrapper(model, {**CONFIG, **changes}).optimizer
        logger.warning("a message of interest")
        for handler in logger.handlers:
            handler.flush()
        decay = [group["weight_decay"] for group in optimizer.param_groups]
        return path.read_text(), decay

    return build


QUIET = dict(constructor="QuietOptimWrapperConstructor")


def test_routine_is_not_logged(build):
    log, decay = build("INFO", **QUIET)
    assert not [words for words in ROUTINE if words in log]
    assert "a message of interest" in log
    plain, expected = build("INFO")
    assert ROUTINE[0] in plain  # mmengine 0.10.0 has only this one
    assert decay == expected


def test_routine_is_there_when_debugging(build):
    log, _ = build("DEBUG", **QUIET)
    assert ROUTINE[0] in log
    assert "WARNING - 0.weight" not in log


def test_the_logger_is_as_before_afterwards(build):
    build("INFO", **QUIET)
    logger = MMLogger.get_current_instance()
    assert not logger.filters
    assert logger.isEnabledFor(logging.INFO)
