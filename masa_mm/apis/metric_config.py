"""Fit the metrics of a config to its model before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mmengine.config import Config, ConfigDict

from masa_mm.errors import UserError
from masa_mm.evaluation.sign_accuracy import (
    DEFAULT_TOPK,
    as_topk,
    defined_topk,
    left_out_message,
)


def fit_topk(cfg: Config) -> str:
    """Leave out the k of ``SignAccuracy`` that exceed the number of classes of the model's head.

    The metric itself would leave them out later, when checkpoints may already be selected by them.

    Args:
        cfg (Config): The config of a run; its evaluators are changed.

    Returns:
        str: What was left out, in words; '' if nothing was.

    Raises:
        UserError: If no k of a metric is left, or if ``save_best`` names one that was left out.
    """
    num_classes = ((cfg.get("model") or {}).get("cls_head") or {}).get("num_classes")
    if num_classes is None:
        return ""
    message = ""
    for metric in _sign_accuracies(cfg):
        topk = as_topk(metric.get("topk", DEFAULT_TOPK))
        metric.topk = defined_topk(topk, num_classes)
        if metric.topk != topk:
            message = left_out_message(topk, num_classes)
    if message:
        _check_save_best(cfg, num_classes)
    return message


def _sign_accuracies(cfg: Config) -> Iterator[ConfigDict]:
    """Yield the configs of ``SignAccuracy``, given alone, in a list or in an evaluator."""
    for evaluator in (cfg.get("val_evaluator"), cfg.get("test_evaluator")):
        metrics = evaluator.get("metrics", evaluator) if isinstance(evaluator, dict) else evaluator
        for metric in [metrics] if isinstance(metrics, dict) else metrics or ():
            kind = metric.get("type") if isinstance(metric, dict) else None
            if str(getattr(kind, "__name__", kind)).rpartition(".")[2] == "SignAccuracy":
                yield metric


def _check_save_best(cfg: Config, num_classes: int) -> None:
    hook = (cfg.get("default_hooks") or {}).get("checkpoint") or {}
    keys = hook.get("save_best") or ()
    for key in [keys] if isinstance(keys, str) else keys:
        match = re.search(r"(?:/|_|^)top(\d+)_p[ic]", key)
        if match and int(match[1]) > num_classes:
            raise UserError(
                f"checkpoint.save_best is '{key}', but the model has {num_classes} classes; "
                "select checkpoints by a smaller k, such as 'sign/top1_pi'"
            )
