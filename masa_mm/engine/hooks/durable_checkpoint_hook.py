"""Save checkpoints so that a kill at any moment leaves one to resume from, and never save NaN."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmaction.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor

from masa_mm.atomic_write import atomic_write, remove_leftovers
from masa_mm.engine.checkpoint_io import unwrap_model
from masa_mm.engine.latest_checkpoint import LAST_CHECKPOINT, recorded_checkpoint
from masa_mm.engine.process_failure import first_fails_for_all

_OUTDATED = "outdated_ckpts"
_VALIDATED = "validated_iter"


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """``CheckpointHook`` that removes old files only when the new ones are on the disk.

    mmengine's hook removes the oldest checkpoint, and the best one, before it writes the new file,
    and it writes ``last_checkpoint`` in place. A kill in between leaves no checkpoint. This hook
    writes the checkpoint and then ``last_checkpoint``, both atomically and flushed to the disk, and
    then removes old files. A checkpoint names the files that it replaces, so a run that is resumed
    removes those that a kill left.

    It refuses to save weights, buffers or an optimizer state that are NaN or infinite.

    A checkpoint at the end of an epoch is saved before the validation of this epoch. A run that is
    resumed from it with ``save_best`` therefore starts with this validation.

    Args:
        **kwargs (Any): Options of mmengine's ``CheckpointHook``. Without ``backend_args``, local
            files are written by :class:`~masa_mm.engine.AtomicBackend`.
    """

    backend_args: dict | None
    file_backend: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        local = "://" not in str(self.out_dir)
        if local and self.backend_args is None and self.file_client_args is None:
            self.backend_args = dict(backend="atomic")

    def before_train(self, runner: Runner) -> None:
        """Take up the files of a resumed run, and validate it if a kill prevented that."""
        super().before_train(runner)
        if is_main_process():
            remove_leftovers(runner.work_dir)
        self.file_backend = _LateRemoval(self.file_backend)
        info = runner.message_hub.runtime_info
        self.last_ckpt = (runner._load_from or info.get("last_ckpt")) if runner._resume else None
        self.file_backend.outdated = list(info.get(_OUTDATED, ()))
        if runner._resume:
            self._remove_outdated(keep=self.last_ckpt)
            if self.save_best and _validation_is_due(runner):
                runner.val_loop.run()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse to save numbers that are not finite.

        Raises:
            FloatingPointError: If a tensor of the model or the optimizer, or the last loss, is not
                finite.
        """
        check = getattr(unwrap_model(runner), "finite_check", None)
        if check is not None:
            check.settle()
        parts = {name: checkpoint.get(name) for name in ("state_dict", "optimizer")}
        broken = non_finite(parts)
        if broken:
            last = recorded_checkpoint(runner.work_dir)
            good = "no checkpoint was saved yet. Start again"
            if last:
                good = f"the last good checkpoint is {last}. Resume from it or start again"
            raise FloatingPointError(
                f"{len(broken)} tensors are not finite (first: {broken[0]}), so no checkpoint is "
                f"saved; {good} with a lower learning rate or gradient clipping, and check the "
                "poses"
            )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Save the best checkpoint, and the periodic one again with the note of its validation."""
        runner.message_hub.update_info(_VALIDATED, runner.iter)
        super().after_val_epoch(runner, metrics)

    def save_now(self, runner: Runner, name: str, meta: dict) -> None:
        """Save a checkpoint beside the periodic ones; the next periodic one replaces it.

        Args:
            runner (Runner): The runner.
            name (str): Name of the file.
            meta (dict): Epoch and iteration of the checkpoint, and more to save with them.
        """
        path = self.file_backend.join_path(self.out_dir, name)
        self.file_backend.remove(path)
        self._save(runner, path, name, meta)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """Save a periodic checkpoint and remove the one that it replaces."""
        name = self.filename_tmpl.format(step)
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                oldest = self.filename_tmpl.format(self.keep_ckpt_ids.popleft())
                self.file_backend.remove(self.file_backend.join_path(self.out_dir, oldest))
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info("keep_ckpt_ids", list(self.keep_ckpt_ids))
        self._save(runner, self.file_backend.join_path(self.out_dir, name), name, meta)
        self._remove_outdated(keep=self.last_ckpt)

    def _save(self, runner: Runner, path: str, name: str, meta: dict) -> None:
        runner.message_hub.update_info("last_ckpt", path)
        runner.message_hub.update_info(_OUTDATED, list(self.file_backend.outdated))
        with first_fails_for_all():
            runner.save_checkpoint(
                self.out_dir,
                name,
                self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=meta,
                by_epoch=self.by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
            if is_main_process():
                with atomic_write(Path(runner.work_dir) / LAST_CHECKPOINT) as temporary:
                    temporary.write_text(path, encoding="utf-8")
        self.last_ckpt = path

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save the checkpoint if it is the best, and remove the former best."""
        with first_fails_for_all():
            super()._save_best_checkpoint(runner, metrics)
        self._remove_outdated(keep=self.last_ckpt)

    def _remove_outdated(self, keep: str | None) -> None:
        """Remove the outdated files but ``keep``, which stays outdated."""
        self.file_backend.outdated = [
            path for path in self.file_backend.outdated if not self._remove(path, keep)
        ]

    def _remove(self, path: str, keep: str | None) -> bool:
        """Remove a file unless it is needed; return whether it is no longer outdated."""
        if keep is not None and Path(path).name == Path(keep).name:
            return False
        best = [getattr(self, "best_ckpt_path", None)]
        best += getattr(self, "best_ckpt_path_dict", {}).values()
        if path not in best and is_main_process():
            self.file_backend.remove_now(path)
        return True


class _LateRemoval:
    """A file backend that collects the files to remove.

    Args:
        backend (Any): The backend that does everything else.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.outdated: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        if path not in self.outdated:
            self.outdated.append(path)

    # Checkpoints saved by DeepSpeed are folders.
    rmtree = remove

    def remove_now(self, path: str) -> None:
        if self._backend.isfile(path):
            self._backend.remove(path)
        elif self._backend.isdir(path):
            self._backend.rmtree(path)


def non_finite(content: Any, name: str = "") -> list[str]:
    """List the names of the tensors in nested dicts and lists that hold a NaN or an infinity."""
    if isinstance(content, Tensor):
        return [] if bool(content.isfinite().all()) else [name]
    if isinstance(content, Mapping):
        items = list(content.items())
    else:
        items = list(enumerate(content)) if isinstance(content, list | tuple) else []
    return [found for key, v in items for found in non_finite(v, f"{name}.{key}".lstrip("."))]


def _validation_is_due(runner: Runner) -> bool:
    """Whether the loop validates after the step at which the checkpoint was saved."""
    loop = runner.train_loop
    if runner.val_loop is None or loop.iter == 0:
        return False
    if runner.message_hub.runtime_info.get(_VALIDATED) == loop.iter:
        return False  # saved again with the result, which was the best
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    if by_epoch and loop.iter != loop.epoch * len(loop.dataloader):
        return False  # saved within an epoch
    done, end = (loop.epoch, loop.max_epochs) if by_epoch else (loop.iter, loop.max_iters)
    loop._decide_current_val_interval()
    return done >= loop.val_begin and (done % loop.val_interval == 0 or done == end)
