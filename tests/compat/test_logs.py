"""Routine is not logged, what matters is."""

import logging

from mmengine.fileio import file_client
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.optim.optimizer import default_constructor
from torch import nn

from masa_mm.compat.logs import ROUTINE


def log_of(tmp_path, level, name, act):
    logger = MMLogger.get_instance(name, log_file=str(tmp_path / name), log_level=level)
    act()
    for handler in logger.handlers:
        handler.flush()
    return (tmp_path / name).read_text()


def build():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    model[0].requires_grad_(False)
    optimizer = dict(type="SGD", lr=0.1, weight_decay=0.1)
    wrapper = dict(optimizer=optimizer, paramwise_cfg=dict(norm_decay_mult=0.0))
    assert build_optim_wrapper(model, wrapper).optimizer.param_groups
    file_client.FileClient.infer_client(None, "/nowhere")


def test_routine_is_there_for_who_debugs(tmp_path):
    shown = log_of(tmp_path, "DEBUG", "debugging", build)
    for words in ROUTINE:
        assert words in shown


def test_routine_is_silent_otherwise(tmp_path):
    assert log_of(tmp_path, "INFO", "quiet", build) == ""


def test_other_warnings_stay(tmp_path):
    def warn():
        default_constructor.print_log("0.weight is duplicate", "current", logging.WARNING)

    assert "WARNING - 0.weight is duplicate" in log_of(tmp_path, "INFO", "warned", warn)
