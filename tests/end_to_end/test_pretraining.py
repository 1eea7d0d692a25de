"""Pretraining with the configs: interrupted, in two processes, on four benchmarks at once."""

import pytest
import torch
from mmengine.runner import EpochBasedTrainLoop

from masa_mm.compat import load_from_local

from toys.paths import ROOT


@pytest.fixture
def interrupt_before(monkeypatch):
    """Interrupt training before an iteration, once."""

    def arm(iteration):
        run_iter = EpochBasedTrainLoop.run_iter

        def run_or_stop(self, *args):
            if self._iter == iteration:
                monkeypatch.setattr(EpochBasedTrainLoop, "run_iter", run_iter)
                raise KeyboardInterrupt
            run_iter(self, *args)

        monkeypatch.setattr(EpochBasedTrainLoop, "run_iter", run_or_stop)

    return arm


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    call, changes, tmp_path, interrupt_before, stage
):
    """Runs with a worker process, whose random numbers are the same too."""
    config = f"masa_{stage}_demo.py"
    small = changes.options(
        train_cfg__max_epochs=2,
        train_dataloader__batch_size=8,
        train_dataloader__num_workers=1,
        train_dataloader__persistent_workers=True,
        default_hooks__checkpoint__interval=1,
    )
    if stage == "finetune":
        small += changes.options(
            model__backbone__init_cfg=None, train_dataloader__dataset__label_ratio=1.0
        )
    assert call("train", config, "--work-dir", tmp_path / "whole", changes=small) == 0
    interrupt_before(iteration=6)
    with pytest.raises(KeyboardInterrupt):
        call("train", config, "--work-dir", tmp_path / "cut", changes=small)
    argv = ["--work-dir", tmp_path / "cut", "--resume"]
    assert call("train", config, *argv, changes=small) == 0
    whole, cut = (load_from_local(tmp_path / run / "epoch_2.pth") for run in ("whole", "cut"))
    assert whole["meta"]["iter"] == 8
    torch.testing.assert_close(cut["state_dict"], whole["state_dict"], rtol=0, atol=0)


def test_four_benchmarks_at_once(call, changes, tmp_path):
    small = changes.masa(train_cfg__max_epochs=1, default_hooks__checkpoint__interval=1)
    argv = ["masa_pretrain_all.py", "--work-dir", tmp_path]
    assert call("train", *argv, changes=small) == 0
    checkpoint = load_from_local(tmp_path / "epoch_1.pth")
    assert checkpoint["meta"]["iter"] == 4 * 32 // 8
    # Clips of the same name in four benchmarks are four clips.
    assert len(checkpoint["state_dict"]["alignment.bank.clip_ids"].unique()) == 20
    assert checkpoint["state_dict"]["key_encoder.steps"] == 16 + 1


def test_an_interrupted_and_resumed_balanced_pool_equals_an_uninterrupted_one(
    call, changes, tmp_path, interrupt_before
):
    """One of the four benchmarks is missing, and the config skips it."""
    small = changes.masa(
        train_cfg__max_epochs=2,
        train_dataloader__sampler__sampling="balanced",
        train_dataloader__dataset__missing="skip",
        train_dataloader__dataset__datasets__1__ann_file="gone.safetensors",
        default_hooks__checkpoint__interval=1,
    )
    config = "masa_pretrain_all.py"
    assert call("train", config, "--work-dir", tmp_path / "whole", changes=small) == 0
    interrupt_before(iteration=16)
    with pytest.raises(KeyboardInterrupt):
        call("train", config, "--work-dir", tmp_path / "cut", changes=small)
    argv = ["--work-dir", tmp_path / "cut", "--resume"]
    assert call("train", config, *argv, changes=small) == 0
    whole, cut = (load_from_local(tmp_path / run / "epoch_2.pth") for run in ("whole", "cut"))
    assert whole["meta"]["iter"] == 2 * 3 * 32 // 8
    torch.testing.assert_close(cut["state_dict"], whole["state_dict"], rtol=0, atol=0)
    log = "".join(path.read_text() for path in (tmp_path / "whole").glob("*/*.log"))
    assert "PooledSigns: skipped, files do not exist: MSASL (gone.safetensors)" in log


@pytest.fixture
def pretrain_twice(process):
    """Pretrain the demo for two epochs in some processes, with more options."""

    def run(processes, work_dir, *options):
        return process(
            *("bash", ROOT / "tools/dist_train.sh", ROOT / "configs/masa_pretrain_demo.py"),
            *(processes, "--work-dir", work_dir, *options),
            *("--cfg-options", "train_cfg.max_epochs=2", "train_dataloader.batch_size=4"),
            *("default_hooks.checkpoint.interval=1", "default_hooks.checkpoint.max_keep_ckpts=2"),
        )

    return run


def test_two_processes_resume_as_if_never_interrupted(pretrain_twice, tmp_path):
    """The momentum copy uses the statistics of each process, so its keys depend on them."""
    whole, cut, alone = (tmp_path / name for name in ("whole", "cut", "alone"))
    out = pretrain_twice(2, whole)
    assert "Epoch(train) [1][4/4]" in out  # 32 clips, 2 processes
    after_first = load_from_local(whole / "epoch_1.pth")["state_dict"]
    bank = after_first["alignment.bank.clip_ids"]
    assert len(bank[bank >= 0].unique()) == 32
    pretrain_twice(2, cut, "--resume", whole / "epoch_1.pth")
    states = [load_from_local(path / "epoch_2.pth")["state_dict"] for path in (whole, cut)]
    torch.testing.assert_close(states[1], states[0], rtol=0, atol=0)
    # Another number of processes resumes too, with other batches.
    assert "Epoch(train) [2][8/8]" in pretrain_twice(1, alone, "--resume", whole / "epoch_1.pth")
