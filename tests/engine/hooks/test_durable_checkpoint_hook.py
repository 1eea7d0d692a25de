"""DurableCheckpointHook: what is on the disk at every moment of a save, and what is not saved."""

import itertools
import os
from pathlib import Path
from unittest import mock

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masa_mm.engine import find_latest, recorded_checkpoint
from masa_mm.engine.hooks.durable_checkpoint_hook import non_finite

from toys.paths import ROOT
from toys.training_task import write_task

_number = itertools.count()


class PowerLoss(BaseException):
    """Nothing runs after it."""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A runner of the toy task, with a validation after each of its four epochs."""
    config = write_task(tmp_path, log_level="ERROR")
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(resume=False, hooks=(), work_dir=tmp_path / "run", **checkpoint):
        cfg = Config.fromfile(config)
        cfg.work_dir, cfg.experiment_name = str(work_dir), f"durable{next(_number)}"
        cfg.default_hooks.checkpoint.update({"max_keep_ckpts": 1, **checkpoint})
        if resume:
            cfg.load_from, _ = find_latest(work_dir)
            cfg.resume = bool(cfg.load_from)
        runner = Runner.from_cfg(cfg)
        for hook in hooks:
            runner.register_hook(hook)
        return runner

    return make


@pytest.fixture
def calls():
    """Record the calls that flush, rename and remove files, with the names of the files."""
    found = []

    def recording(name, call):
        def recorded(target, *args, **kwargs):
            path = Path(f"/proc/self/fd/{target}").resolve() if name == "fsync" else Path(target)
            renamed = [Path(args[0]).name] if name == "replace" else []
            found.append((name, *(renamed or [path.name])))
            return call(target, *args, **kwargs)

        return recorded

    with mock.patch.multiple(
        os, **{n: recording(n, getattr(os, n)) for n in ("fsync", "replace", "unlink", "remove")}
    ):
        yield found


def test_old_files_go_last_and_everything_is_flushed_before(make, calls, tmp_path):
    make().train()
    folder = tmp_path / "run"
    saved = [name for call, name in calls if call == "replace"]
    assert {"epoch_1.pth", "epoch_4.pth", "last_checkpoint"} <= set(saved)
    for place, (call, name) in enumerate(calls):
        if call == "replace":
            temporary = calls[place - 1]
            assert temporary[0] == "fsync" and name[:30] in temporary[1]
            assert calls[place + 1] == ("fsync", folder.name)
        if name in ("epoch_1.pth", "epoch_2.pth", "epoch_3.pth") and call in ("remove", "unlink"):
            newer = f"epoch_{int(name[6]) + 1}.pth"
            done = calls.index(("replace", newer))
            assert ("replace", "last_checkpoint") in calls[done:place]
    removed = [name for call, name in calls if call == "remove"]
    assert [name for name in removed if name.startswith("epoch")] == [
        f"epoch_{epoch}.pth" for epoch in (1, 2, 3)
    ]


def states(folder):
    return {
        path.name: torch.load(path, weights_only=False)["state_dict"]
        for path in folder.glob("*.pth")
    }


def test_a_stop_at_any_call_leaves_a_checkpoint_and_no_trace(make, tmp_path):
    """Stop at a call of the second or third epoch; the resumed run ends as the whole."""
    make(work_dir=tmp_path / "whole").train()
    whole = states(tmp_path / "whole")
    for stop_at in range(13, 45, 6):
        folder, events = tmp_path / f"cut{stop_at}", itertools.count(1)

        def stopping(call, events=events, stop_at=stop_at):
            def called(*args, **kwargs):
                if next(events) >= stop_at:  # nothing is changed from here on
                    raise PowerLoss
                return call(*args, **kwargs)

            return called

        names = ("fsync", "replace", "unlink", "remove")
        stops = mock.patch.multiple(os, **{name: stopping(getattr(os, name)) for name in names})
        with stops, pytest.raises(PowerLoss):
            make(work_dir=folder).train()
        latest, _ = find_latest(folder)
        assert latest and Path(recorded_checkpoint(folder) or latest).is_file()
        make(resume=True, work_dir=folder).train()
        cut = states(folder)
        assert cut.keys() == whole.keys()
        for name, state in cut.items():
            assert all(value.equal(whole[name][key]) for key, value in state.items()), name


class Break(Hook):
    """Makes a tensor of the run NaN after an epoch."""

    def __init__(self, break_it):
        self.break_it = break_it

    def after_train_epoch(self, runner):
        if runner.epoch == 1:
            self.break_it(runner)


def break_weight(runner):
    runner.model.net[0].weight.data[0, 0] = torch.nan


def break_buffer(runner):
    runner.model.net[1].running_var[3] = torch.inf


def break_momentum(runner):
    optimizer = runner.optim_wrapper.optimizer
    next(iter(optimizer.state.values()))["momentum_buffer"][0] = -torch.inf


@pytest.mark.parametrize(
    "break_it, name",
    [
        (break_weight, "state_dict.net.0.weight"),
        (break_buffer, "state_dict.net.1.running_var"),
        (break_momentum, "optimizer.state.0.momentum_buffer"),
    ],
)
def test_nothing_that_is_not_finite_is_saved(make, tmp_path, break_it, name):
    folder = tmp_path / "run"
    with pytest.raises(FloatingPointError) as caught:
        make(hooks=[Break(break_it)]).train()
    message = str(caught.value)
    assert f"1 tensors are not finite (first: {name})" in message
    assert f"the last good checkpoint is {folder / 'epoch_1.pth'}" in message
    assert recorded_checkpoint(folder) == str(folder / "epoch_1.pth")
    assert all(not non_finite(state) for state in states(folder).values())


def test_the_first_save_has_nothing_to_name(make, tmp_path):
    class BreakNow(Hook):
        def after_train_epoch(self, runner):
            break_weight(runner)

    with pytest.raises(FloatingPointError, match="no checkpoint was saved yet"):
        make(hooks=[BreakNow()]).train()
    assert not list((tmp_path / "run").glob("*.pth"))


def test_a_resumed_run_makes_up_for_its_validation(make, tmp_path):
    """Without it the best checkpoint of the run would be another one."""
    make(work_dir=tmp_path / "whole", by_epoch=True).train()

    class Stop(Hook):
        def before_val(self, runner):
            if runner.epoch == 4:
                raise PowerLoss

    with pytest.raises(PowerLoss):
        make(hooks=[Stop()]).train()
    make(resume=True).train()
    assert states(tmp_path / "run").keys() == states(tmp_path / "whole").keys()


@pytest.mark.parametrize("stop_in", ["before_val_epoch", "before_train_epoch"])
def test_each_validation_of_a_resumed_run_counts_once(make, tmp_path, stop_in):
    """A stop before a validation, or after one whose result the checkpoint holds."""

    class StopAt(Hook):
        pass

    def stop(self, runner):
        if runner.epoch == 1:
            raise PowerLoss

    setattr(StopAt, stop_in, stop)
    with pytest.raises(PowerLoss):
        make(hooks=[StopAt()]).train()
    runner = make(resume=True)
    runner.train()
    accuracies, _ = runner.message_hub.get_scalar("val/accuracy").data
    assert len(accuracies) == 4


def test_other_numbers_of_checkpoints_and_other_folders(make, tmp_path):
    make(max_keep_ckpts=-1, save_best=None).train()
    assert len(list((tmp_path / "run").glob("epoch_*.pth"))) == 4
    make(work_dir=tmp_path / "other", out_dir=str(tmp_path / "out")).train()
    assert (tmp_path / "out/other/epoch_4.pth").is_file()
    assert recorded_checkpoint(tmp_path / "other") == str(tmp_path / "out/other/epoch_4.pth")


CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.py") if "_base_" not in path.parts)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_uses_it(path):
    checkpoint = Config.fromfile(path).default_hooks.checkpoint
    assert checkpoint.type == "DurableCheckpointHook" and "backend_args" not in checkpoint
