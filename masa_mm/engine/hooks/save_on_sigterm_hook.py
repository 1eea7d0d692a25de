"""Save a checkpoint before a run that gets SIGTERM stops."""

from __future__ import annotations

import signal
from typing import Any

import torch
from mmaction.registry import HOOKS
from mmengine.dist import all_gather_object, all_reduce, barrier, get_rank, is_distributed
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from masa_mm.engine.hooks.durable_checkpoint_hook import DurableCheckpointHook
from masa_mm.engine.hooks.sync_statistics_hook import statistics_of
from masa_mm.engine.partial_epoch import finish_epoch_first, generator_states
from masa_mm.engine.stop_signals import Stopped, StopSignals
from masa_mm.errors import UserError
from masa_mm.models.recognizers.finite_check import HostCopy

_RANKS = "ranks"


@HOOKS.register_module()
class SaveOnSigtermHook(Hook):
    """Save a checkpoint when SIGTERM arrives, which Slurm sends before the time of a job runs out.

    The run finishes its iteration, saves ``stopped_iter_N.pth`` and stops. A resumed run continues
    with the next batch of the same epoch, the same random numbers and, in each process, the same
    BatchNorm statistics: with as many processes, one or two, and epoch-based training it ends with
    the weights of an uninterrupted run. Keep the hook in the config of the resumed run. The next
    periodic checkpoint replaces the file. Select it by
    ``default_hooks = dict(save_on_sigterm=dict(type='SaveOnSigtermHook'))``.

    Several processes agree on the iteration, which takes one more.
    """

    priority = "LOWEST"

    def __init__(self) -> None:
        self._states: list | None = None  # of the processes, by rank
        self._saved_iter = -1
        self._votes: HostCopy | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Read the states of the processes."""
        self._states = checkpoint.get("meta", {}).get(_RANKS)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note that the state of this iteration is saved."""
        if "optimizer" in checkpoint:
            self._saved_iter = checkpoint["meta"]["iter"]

    def before_train(self, runner: Runner) -> None:
        """Postpone SIGTERM, and continue within an epoch if the checkpoint is of its middle.

        Raises:
            UserError: Outside of ``tools/train.py``, or without a :class:`DurableCheckpointHook`.
        """
        if StopSignals.active is None:
            raise UserError("SaveOnSigtermHook: train by tools/train.py, or remove the hook")
        _checkpoint_hook(runner)
        StopSignals.active.postpones_sigterm = True
        if runner._resume and isinstance(runner.train_loop, EpochBasedTrainLoop):
            state = dict(enumerate(self._states or [])).get(get_rank(), {})
            finish_epoch_first(runner.train_loop, state.get("generators"))
            for buffer, value in zip(statistics_of(runner.model), state.get("statistics", ())):
                buffer.copy_(value)

    def before_train_epoch(self, runner: Runner) -> None:
        """Protect the workers that are started now, to which SIGTERM may be sent too."""
        _block_sigterm(True)

    before_val_epoch = before_train_epoch

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Receive signals again."""
        _block_sigterm(False)

    before_val_iter = before_train_iter

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Stop after an iteration within an epoch."""
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        if not (by_epoch and self.end_of_epoch(runner.train_dataloader, batch_idx)):
            self._stop(runner, runner.epoch, runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """Stop at the end of an epoch, after its checkpoint."""
        self._stop(runner, runner.epoch + 1, runner.iter)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Stop within a validation, which the resumed run repeats."""
        self._stop(runner, runner.epoch, runner.iter)

    def after_train(self, runner: Runner) -> None:
        """Stop at SIGTERM again without a checkpoint: everything is saved."""
        _block_sigterm(False)
        if StopSignals.active is not None:
            StopSignals.active.postpones_sigterm = False

    def _stop(self, runner: Runner, epoch: int, iteration: int) -> None:
        signals = StopSignals.active
        if signals is None or not self._is_asked(signals):
            return
        statistics = [value.cpu() for value in statistics_of(runner.model)]
        states: list = all_gather_object(dict(generators=generator_states(), statistics=statistics))
        if self._saved_iter != iteration:
            meta = {"epoch": epoch, "iter": iteration, _RANKS: states}
            _checkpoint_hook(runner).save_now(runner, f"stopped_iter_{iteration}.pth", meta)
        barrier()  # launchers end all processes when the first one ends
        raise Stopped(signals.received or signal.SIGTERM)

    def _is_asked(self, signals: StopSignals) -> bool:
        """Whether any process has received SIGTERM, by the votes of the step before."""
        if not is_distributed():
            return signals.received is not None
        device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
        vote = torch.tensor([float(signals.received is not None)], device=device)
        all_reduce(vote, op="max")
        votes, self._votes = self._votes, HostCopy(vote)
        return votes is not None and any(votes.tolist())


def _checkpoint_hook(runner: Runner) -> DurableCheckpointHook:
    for hook in runner.hooks:
        if isinstance(hook, DurableCheckpointHook):
            return hook
    raise UserError("SaveOnSigtermHook saves by DurableCheckpointHook: select it as the checkpoint")


def _block_sigterm(blocked: bool) -> None:
    """Block SIGTERM in this thread and in the processes that it starts."""
    if hasattr(signal, "pthread_sigmask"):
        how = signal.SIG_BLOCK if blocked else signal.SIG_UNBLOCK
        signal.pthread_sigmask(how, {signal.SIGTERM})
