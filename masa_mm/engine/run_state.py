"""Check the state of a run in a checkpoint against the run that is to go on from it.

mmengine and torch take over what a file holds and fail later, in the first step, or broadcast
statistics of another shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

_STATISTICS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer")  # shaped as weights
_NEEDED = {
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
}
_HISTORIES = ("log_scalars", "runtime_info", "resumed_keys")


def describe_unfit_state(checkpoint: Mapping, runner: Runner) -> str:
    """Say in a few words why a run cannot go on from a checkpoint; '' if it can.

    Args:
        checkpoint (Mapping): With ``meta``, ``message_hub``, ``optimizer`` and, if the run has
            schedules, ``param_schedulers``.
        runner (Runner): Its optimizer and schedules are built.
    """
    return next(_problems(checkpoint, runner), "")


def _problems(checkpoint: Mapping, runner: Runner) -> Iterator[str]:
    for name in ("epoch", "iter"):
        number = checkpoint["meta"].get(name)
        if type(number) is not int or number < 0:
            yield f"meta.{name} is {_kind(number)}, not a count"
    history = checkpoint["message_hub"]
    for name in _HISTORIES:
        if not (isinstance(history, Mapping) and isinstance(history.get(name), Mapping)):
            yield f"message_hub.{name} is no dict"
    if isinstance(runner.optim_wrapper, OptimWrapper):
        yield from _of_optimizer(checkpoint["optimizer"], runner.optim_wrapper.optimizer)
    if isinstance(runner.param_schedulers, list):
        yield from _of_schedules(checkpoint["param_schedulers"], runner.param_schedulers)


def _of_optimizer(saved: Any, optimizer: torch.optim.Optimizer) -> Iterator[str]:
    own = optimizer.param_groups
    groups = saved.get("param_groups") if isinstance(saved, Mapping) else None
    if not isinstance(groups, list) or not isinstance(saved.get("state"), Mapping):
        yield "optimizer is no dict of param_groups and state"
        return
    if len(groups) != len(own):
        yield f"optimizer has {len(groups)} param_groups for {len(own)}"
        return
    weights: dict[int, tuple[Tensor, tuple[str, ...]]] = {}
    for number, (group, expected) in enumerate(zip(groups, own)):
        where = f"optimizer.param_groups[{number}]"
        yield from _of_group(group, expected, where)
        needed: tuple[str, ...] = _NEEDED.get(type(optimizer), ())
        needed += ("max_exp_avg_sq",) if group.get("amsgrad") else ()
        weights |= {n: (weight, needed) for n, weight in zip(group["params"], expected["params"])}
    if len(weights) != sum(len(group["params"]) for group in own):
        yield "optimizer.param_groups name a weight twice"
    for key, statistics in saved["state"].items():
        if key not in weights:
            yield f"optimizer.state has an entry {key!r} that belongs to no weight"
            return
        yield from _of_weight(statistics, *weights[key], f"optimizer.state[{key}]")


def _of_group(group: Any, own: dict, where: str) -> Iterator[str]:
    params = group.get("params") if isinstance(group, Mapping) else None
    if not isinstance(params, list) or not all(type(number) is int for number in params):
        yield f"{where} is no dict with a list of params"
    elif len(params) != len(own["params"]):
        yield f"{where} has {len(params)} weights for {len(own['params'])}"
    else:
        yield from _of_options(group, {k: v for k, v in own.items() if k != "params"}, where)


def _of_weight(saved: Any, weight: Tensor, needed: tuple[str, ...], where: str) -> Iterator[str]:
    if not isinstance(saved, Mapping):
        yield f"{where} is {_kind(saved)}, not a dict"
        return
    for name in needed:
        if name not in saved:
            yield f"{where} has no {name}"
    for name in saved.keys() & set(_STATISTICS):
        value = saved[name]
        fits = isinstance(value, Tensor) and value.shape == weight.shape
        if not fits and not (name == "momentum_buffer" and value is None):
            yield f"{where}.{name} is {_kind(value)} for a weight of {list(weight.shape)}"
    if not _is_number(saved.get("step", 0)):
        yield f"{where}.step is {_kind(saved['step'])}, not a number"


def _of_schedules(saved: Any, schedules: list) -> Iterator[str]:
    if not isinstance(saved, list):
        yield f"param_schedulers is {_kind(saved)}, not a list"
        return
    if len(saved) != len(schedules):
        yield f"it has {len(saved)} param_schedulers for {len(schedules)}"
    for number, (state, schedule) in enumerate(zip(saved, schedules)):
        where = f"param_schedulers[{number}]"
        if isinstance(state, Mapping):
            yield from _of_options(state, schedule.state_dict(), where)
        else:
            yield f"{where} is {_kind(state)}, not a dict"


def _of_options(saved: Mapping, own: Mapping, where: str) -> Iterator[str]:
    """Name the options that a saved dict lacks, or has with a value of another kind."""
    for name, value in own.items():
        is_flag = value is None or isinstance(value, bool)
        if name in saved:
            problem = _other_kind(saved[name], value)
            if problem:
                yield f"{where}.{name} is {_kind(saved[name])}, not {problem}"
        elif not is_flag:  # flags differ between releases of torch, which adds those it misses
            yield f"{where} has no {name}"


def _other_kind(given: Any, own: Any) -> str:
    """What a value should be; '' if it is of the kind of the run's own."""
    if own is None or isinstance(own, bool):
        return "" if given is None or isinstance(given, bool) else "a flag"
    if isinstance(own, list | tuple):
        same = isinstance(given, list | tuple) and len(given) == len(own)
        return "" if same and all(map(_is_number, given)) else f"{len(own)} numbers"
    if isinstance(own, str):
        return "" if given == own else repr(own)
    return "" if _is_number(given) or not _is_number(own) else "a number"


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1
    return isinstance(value, Real) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {list(value.shape)}"
    return repr(value) if isinstance(value, str) else f"a {type(value).__name__}"
