"""What the numbers of mmengine's own sections of a config may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from masa_mm.errors import UserError
from masa_mm.option_checks import (
    FINITE,
    SEED,
    NumberCheck,
    above,
    at_least,
    whole,
    wholes,
)

_COUNT = whole(1, optional=True)
_LOADER: dict[str, NumberCheck] = dict(
    batch_size=whole(1),
    num_workers=whole(0),
    prefetch_factor=_COUNT,
    timeout=at_least(0),
    num_batch_per_epoch=_COUNT,
)
_LOOP: dict[str, NumberCheck] = dict(
    max_epochs=whole(1), max_iters=whole(1), val_interval=whole(1), val_begin=whole(0)
)
# '*' stands for every entry of a list or dict.
RULES: dict[str, NumberCheck] = {
    **{
        f"{part}_dataloader.{name}": rule
        for part in ("train", "val", "test")
        for name, rule in _LOADER.items()
    },
    **{f"train_cfg.{name}": rule for name, rule in _LOOP.items()},
    "optim_wrapper.accumulative_counts": whole(1),
    "optim_wrapper.clip_grad.max_norm": above(0),
    "optim_wrapper.clip_grad.clip_value": above(0),
    "optim_wrapper.clip_grad.norm_type": above(0),
    "optim_wrapper.optimizer.lr": at_least(0),
    "optim_wrapper.optimizer.weight_decay": at_least(0),
    "optim_wrapper.optimizer.momentum": at_least(0),
    "optim_wrapper.optimizer.eps": at_least(0),
    "optim_wrapper.paramwise_cfg.norm_decay_mult": at_least(0, optional=True),
    "optim_wrapper.paramwise_cfg.bias_decay_mult": at_least(0, optional=True),
    "optim_wrapper.paramwise_cfg.bias_lr_mult": at_least(0, optional=True),
    "optim_wrapper.paramwise_cfg.custom_keys.*.lr_mult": at_least(0),
    "optim_wrapper.paramwise_cfg.custom_keys.*.decay_mult": at_least(0),
    "auto_scale_lr.base_batch_size": whole(1),
    "default_hooks.checkpoint.interval": NumberCheck(
        "must be an integer of at least 1, or -1 for none", -1, whole=True
    ),
    "default_hooks.checkpoint.max_keep_ckpts": whole(-1),
    "default_hooks.logger.interval": whole(1),
    "log_processor.window_size": whole(1),
    "param_scheduler.*.T_max": _COUNT,
    "param_scheduler.*.begin": whole(0),
    "param_scheduler.*.end": _COUNT,
    "param_scheduler.*.step_size": whole(1),
    "param_scheduler.*.milestones": wholes(0),
    "param_scheduler.*.gamma": above(0),
    "param_scheduler.*.factor": above(0),
    "param_scheduler.*.power": FINITE,
    "param_scheduler.*.start_factor": above(0),
    "param_scheduler.*.end_factor": at_least(0),
    "param_scheduler.*.eta_min": at_least(0, optional=True),
    "randomness.seed": NumberCheck(SEED.words, 0, SEED.most, whole=True, optional=True),
}


def check_numbers(cfg: Config, where: str) -> None:
    """Check the numbers for which there is a rule.

    Args:
        cfg (Config): The config.
        where (str): What errors name.

    Raises:
        UserError: If one is out of its range.
    """
    for pattern, rule in RULES.items():
        for path, value in _found(cfg, pattern.split("."), ""):
            rule.check(f"{where}: {path}", value)
    loop = cfg.get("train_cfg") or {}
    if loop.get("by_epoch") is False and "max_iters" not in loop:
        raise UserError(f"{where}: train_cfg has by_epoch=False but no max_iters; set max_iters")


def _found(value: Any, names: list[str], path: str) -> Iterator[tuple[str, Any]]:
    if not names:
        yield path, value
        return
    name, *rest = names
    if isinstance(value, list | tuple) and name == "*":
        for number, child in enumerate(value):
            yield from _found(child, rest, f"{path}[{number}]")
    elif isinstance(value, dict | Config) and name == "*":
        if path == "param_scheduler":  # a single scheduler
            yield from _found(value, rest, path)
        for key, child in value.items():
            yield from _found(child, rest, f"{path}.{key}")
    elif isinstance(value, dict | Config) and name in value:
        yield from _found(value[name], rest, f"{path}.{name}".lstrip("."))
