"""SaveOnSigtermHook and masa_mm.engine.partial_epoch: stopped, resumed, the same weights."""

import os
import signal

import pytest
import torch
from mmengine.hooks import Hook

from masa_mm.engine import (
    DurableCheckpointHook,
    EpochSeedHook,
    MomentumAlignmentHook,
    SaveOnSigtermHook,
    Stopped,
    recorded_checkpoint,
    stoppable,
)
from masa_mm.errors import UserError


class Terminate(Hook):
    """Sends SIGTERM to the process at a moment of the run."""

    def __init__(self, moment, iteration):
        self.moment, self.iteration = moment, iteration

    def _send(self, runner, **_):
        if runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)

    def __getattribute__(self, name):
        if name == object.__getattribute__(self, "moment"):
            return self._send
        return object.__getattribute__(self, name)


@pytest.fixture
def train(make_runner):
    def run(folder, hooks=(), interval=1, **options):
        checkpoint = DurableCheckpointHook(interval=interval, max_keep_ckpts=1)
        ours = [MomentumAlignmentHook(), EpochSeedHook(), SaveOnSigtermHook(), *hooks]
        with stoppable():
            runner = make_runner(
                folder,
                ours,
                epochs=3,
                default_hooks=dict(checkpoint=checkpoint),
                **options,
            )
            runner.train()
        return runner.model.state_dict()

    return run


@pytest.mark.parametrize(
    "moment, iteration, workers, saved",
    [
        ("before_train_iter", 4, 0, "stopped_iter_5.pth"),
        ("before_train_iter", 4, 2, "stopped_iter_5.pth"),
        ("after_train_iter", 0, 0, "stopped_iter_1.pth"),
        ("before_train_iter", 5, 0, "epoch_2.pth"),
        ("before_save_checkpoint", 6, 0, "epoch_2.pth"),
    ],
)
def test_a_run_that_is_stopped_and_resumed_ends_like_another(
    train, tmp_path, moment, iteration, workers, saved
):
    whole = train(tmp_path / "whole", num_workers=workers)
    with pytest.raises(Stopped, match="SIGTERM") as stop:
        train(tmp_path / "cut", [Terminate(moment, iteration)], num_workers=workers)
    assert stop.value.exit_code == 143
    path = recorded_checkpoint(tmp_path / "cut")
    assert path.endswith(saved)
    cut = train(tmp_path / "cut", num_workers=workers, resume=True, load_from=path)
    assert all(torch.equal(value, whole[name]) for name, value in cut.items())
    assert [file.name for file in (tmp_path / "cut").glob("*.pth")] == ["epoch_3.pth"]


def test_the_end_of_an_epoch_without_a_checkpoint_is_saved(train, tmp_path):
    with pytest.raises(Stopped):
        train(tmp_path, [Terminate("before_train_iter", 2)], interval=10)
    assert recorded_checkpoint(tmp_path).endswith("stopped_iter_3.pth")
    checkpoint = torch.load(tmp_path / "stopped_iter_3.pth", weights_only=False)
    assert checkpoint["meta"]["epoch"] == 1 and checkpoint["meta"]["iter"] == 3


def test_workers_outlive_a_signal_to_the_whole_group(train, tmp_path):
    """Slurm signals all processes of a job; the batch that is under way is still needed."""

    class TerminateWorkers(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if runner.iter == 1:
                for process in torch.multiprocessing.active_children():
                    os.kill(process.pid, signal.SIGTERM)
                    assert process.is_alive()
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped):
        train(tmp_path, [TerminateWorkers()], num_workers=2)
    assert recorded_checkpoint(tmp_path).endswith("stopped_iter_2.pth")


def test_it_needs_what_it_saves_by(make_runner, tmp_path):
    hooks = [MomentumAlignmentHook(), SaveOnSigtermHook()]
    with pytest.raises(UserError, match=r"tools/train\.py"):
        make_runner(tmp_path, hooks).train()
    with stoppable(), pytest.raises(UserError, match="DurableCheckpointHook"):
        make_runner(tmp_path, hooks).train()
