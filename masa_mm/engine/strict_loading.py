"""A run's checkpoint: all of it or an error, in training as in testing."""

from __future__ import annotations

import functools
import logging
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader, Runner
from torch import Tensor

from masa_mm.engine.strict_pretrained import (
    CheckpointMismatchError,
    describe_mismatch,
    weights_by_name,
)
from masa_mm.engine.unwrap_model import unwrap_model

_PARTLY = "; to train from what fits, the rest random: --cfg-options load_partly=True"


def load_strictly(runner: Runner, *, resume: bool = False, partly: bool | None = None) -> None:
    """Have a runner refuse checkpoints that do not fit its model.

    mmengine loads what happens to fit and goes on with the rest left random, and resumes weights
    without an optimizer's state as if they had one.

    Args:
        runner: its ``load_checkpoint`` is replaced.
        resume: the checkpoint must hold the state of a run too.
        partly: take what fits, saying how much; an error only where nothing does. False: all of it,
            and the error says how to ask for a part. None: all of it, a part is not to be had.

    The replaced method raises :class:`CheckpointMismatchError`.
    """
    load = runner.load_checkpoint

    @functools.wraps(load)
    def load_checkpoint(filename: str, *args: Any, **kwargs: Any) -> dict:
        if partly:
            _check_some_fit(runner, filename)
        try:
            checkpoint = load(filename, *args, **{**kwargs, "strict": not partly})
        # torch's for names and shapes; the others come of what is no dict of tensors.
        except (RuntimeError, AttributeError, TypeError):
            _say_what_differs(runner, filename, "" if partly is None else _PARTLY)
            raise
        if resume:
            _check_state(checkpoint, filename, bool(runner.param_schedulers))
        return checkpoint

    runner.load_checkpoint = load_checkpoint


def _say_what_differs(runner: Runner, filename: str, advice: str) -> None:
    problem = describe_mismatch(_weights(filename), _wanted(runner))
    if problem:
        raise CheckpointMismatchError(
            f"{filename}: does not fit the config's {_model(runner)}: {problem}. Use the config it "
            f"was trained with, or another checkpoint{advice}"
        ) from None


def _check_some_fit(runner: Runner, filename: str) -> None:
    weights, wanted = _weights(filename), _wanted(runner)
    fit = [n for n in wanted if n in weights and weights[n].shape == wanted[n].shape]
    if not fit:
        raise CheckpointMismatchError(
            f"{filename}: none of its {len(weights)} weights fits the config's {_model(runner)}: "
            f"{describe_mismatch(weights, wanted)}"
        )
    print_log(
        f"{filename}: loaded partly, {len(fit)} of the {len(wanted)} weights of "
        f"{_model(runner)}; {describe_mismatch(weights, wanted) or 'none differs'}",
        logger="current",
        level=logging.WARNING,
    )


def _check_state(checkpoint: dict, filename: str, scheduled: bool) -> None:
    """A run that goes on needs more; weights that did best on val are saved without it."""
    state = {**checkpoint, **checkpoint.get("meta", {})}
    needed = ["epoch", "iter", "message_hub", "optimizer", *(["param_schedulers"] * scheduled)]
    lacks = [name for name in needed if name not in state]
    if lacks:
        raise CheckpointMismatchError(
            f"{filename}: nothing to resume, it holds weights without {', '.join(lacks)}; start a "
            f"new run from them: --cfg-options load_from={filename}"
        )


def _weights(filename: str) -> dict[str, Tensor]:
    checkpoint = CheckpointLoader.load_checkpoint(filename, map_location="cpu")
    weights = weights_by_name(checkpoint, filename)
    return {name.removeprefix("module."): value for name, value in weights.items()}


def _wanted(runner: Runner) -> dict[str, Tensor]:
    return unwrap_model(runner).state_dict()


def _model(runner: Runner) -> str:
    return type(unwrap_model(runner)).__name__
