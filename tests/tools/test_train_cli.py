"""Processes of tools/train.py, test.py and their dist and slurm scripts, on a toy task."""

import os
import sys

import pytest
import torch
from mmengine.config import Config

from masa_mm.compat import load_from_local

from toys import commands
from toys.paths import ROOT
from toys.training_task import write_task


def run(*command, cwd, **kwargs):
    """Run a command that finds the toy task's module in its folder."""
    path = os.pathsep.join([str(ROOT), str(cwd)])
    return commands.run(*command, cwd=cwd, PYTHONPATH=path, **kwargs)


def train(*options, cwd, **kwargs):
    return run(
        sys.executable, ROOT / "tools/train.py", "toy_config.py", *options, cwd=cwd, **kwargs
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A folder with the toy task, trained for four epochs with one worker in `whole`."""
    folder = tmp_path_factory.mktemp("toy")
    write_task(folder, workers=1)
    train("--work-dir", "whole", cwd=folder)
    return folder


def test_a_resumed_run_ends_as_an_uninterrupted_one(uninterrupted):
    """Killed in the third epoch and resumed: weights, optimizer, schedule and log, bit for bit."""
    folder = uninterrupted
    train("--work-dir", "cut", cwd=folder, code=9, TOY_DIES_AT_STEP="15")
    assert (folder / "cut/last_checkpoint").read_text().endswith("epoch_2.pth")
    # Moved, as folders are: the recorded path no longer exists.
    (folder / "cut").rename(folder / "moved")
    out = train("--work-dir", "moved", "--resume", cwd=folder)
    assert "resumed epoch: 2" in out
    whole, resumed = (load_from_local(folder / d / "epoch_4.pth") for d in ("whole", "moved"))
    torch.testing.assert_close(resumed["state_dict"], whole["state_dict"], rtol=0, atol=0)
    momenta = [
        {k: v["momentum_buffer"] for k, v in c["optimizer"]["state"].items()}
        for c in (whole, resumed)
    ]
    assert momenta[0]
    torch.testing.assert_close(momenta[1], momenta[0], rtol=0, atol=0)
    assert resumed["param_schedulers"] == whole["param_schedulers"]
    losses = [c["message_hub"]["log_scalars"]["train/loss"].data[0] for c in (whole, resumed)]
    assert losses[0].tolist() == losses[1].tolist() and len(losses[0]) == 24


def test_two_gloo_processes_train_and_test_on_a_cpu(tmp_path):
    write_task(tmp_path)
    out = run(
        "bash", ROOT / "tools/dist_train.sh", "toy_config.py", 2, "--auto-scale-lr", cwd=tmp_path
    )
    assert (
        "Epoch(train) [4][3/3]" in out
    )  # 24 clips, 2 processes, batch 4: half of the 6 iterations
    assert "LR has been set based on the original" in out or "LR is set based on" in out
    work_dir = tmp_path / "work_dirs/toy_config"
    assert (work_dir / "epoch_4.pth").is_file()
    out = run(
        *("bash", ROOT / "tools/dist_test.sh", "toy_config.py", work_dir / "epoch_4.pth", 2),
        cwd=tmp_path,
    )
    assert "Epoch(test) [2/2]    accuracy:" in out
    assert not list(tmp_path.glob("**/.dist_test")) and not list(work_dir.glob(".*"))


FAULTS = """
import os
import signal

from mmaction.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook


@HOOKS.register_module()
class Faults(Hook):
    '''A fault of one process in the second epoch.'''

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 4 and get_rank() == 1 and os.environ["TOY_FAULT"] == "batch":
            data_batch["inputs"].fill_(float("inf"))
        if runner.iter == 7 and os.environ["TOY_FAULT"] == "ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
        if runner.iter == 3 and get_rank() == 1 and os.environ["TOY_FAULT"] == "sigterm":
            os.kill(os.getpid(), signal.SIGTERM)

    def before_save_checkpoint(self, runner, checkpoint):
        if runner.iter == 6 and os.environ["TOY_FAULT"] == "bug":
            raise ZeroDivisionError("of the test")
"""


def test_ctrl_c_ends_the_process_in_one_line_without_its_workers(tmp_path):
    (tmp_path / "faults.py").write_text(FAULTS)
    write_task(
        tmp_path,
        workers=2,
        custom_imports=dict(imports=["masa_mm", "masa_mm.engine", "toy_task", "faults"]),
        custom_hooks=[dict(type="Faults")],
    )
    out = train(cwd=tmp_path, code=130, TOY_FAULT="ctrl-c")  # waits until all close the output
    assert out.splitlines()[-1] == (
        "stopped by Ctrl-C; repeat the command with --resume to continue from "
        "work_dirs/toy_config/epoch_1.pth"
    )


def train_with_two(folder, fault, code):
    """Let two processes train until one meets a fault in the second epoch of three steps."""
    (folder / "faults.py").write_text(FAULTS)
    write_task(
        folder,
        custom_imports=dict(imports=["masa_mm", "masa_mm.engine", "toy_task", "faults"]),
        custom_hooks=[dict(type="Faults")],
        default_hooks=dict(checkpoint=dict(type="DurableCheckpointHook", interval=1)),
    )
    command = ("bash", ROOT / "tools/dist_train.sh", "toy_config.py", 2)
    out = run(*command, cwd=folder, code=code, TOY_FAULT=fault)
    work_dir = folder / "work_dirs/toy_config"
    assert [path.name for path in work_dir.glob("*.pth")] == ["epoch_1.pth"]
    weights = load_from_local(work_dir / "epoch_1.pth")["state_dict"]
    assert all(value.isfinite().all() for value in weights.values())
    return out


def test_two_processes_stop_together_at_the_bad_batch_of_one(tmp_path):
    """One line says why; nothing waits, and nothing that is not finite is saved."""
    lines = train_with_two(tmp_path, "batch", code=2).splitlines()
    errors = [line for line in lines if line.startswith("error:")]
    assert len(errors) == 1 and "not finite" in errors[0] and "epoch_1.pth" in errors[0]
    assert lines[-1] == "process 0 ended with exit code 2"
    assert not any(line.startswith("Traceback") for line in lines)


def test_a_bug_of_one_process_keeps_its_traceback_and_stops_the_others(tmp_path):
    lines = train_with_two(tmp_path, "bug", code=1).splitlines()
    assert sum(line.endswith("ZeroDivisionError: of the test") for line in lines) == 1
    assert lines[-1] == "process 0 ended with exit code 1"


def test_two_processes_stopped_within_an_epoch_resume_as_if_never_stopped(tmp_path):
    """One of them receives SIGTERM; each has BatchNorm statistics and random numbers of its own."""
    (tmp_path / "faults.py").write_text(FAULTS)
    names = ("EpochSeedHook", "SyncStatisticsHook", "SaveOnSigtermHook", "Faults")
    checkpoint = dict(type="DurableCheckpointHook", interval=1, max_keep_ckpts=1)
    write_task(
        tmp_path,
        custom_imports=dict(imports=["masa_mm", "masa_mm.engine", "toy_task", "faults"]),
        custom_hooks=[dict(type=name) for name in names],
        default_hooks=dict(checkpoint=checkpoint),
    )

    def train_two(work_dir, fault="", code=0):
        command = ("bash", ROOT / "tools/dist_train.sh", "toy_config.py", 2, "--work-dir")
        options = (work_dir, "--resume")
        return run(*command, *options, cwd=tmp_path, TOY_FAULT=fault, code=code)

    train_two("whole")
    train_two("cut", "sigterm", code=143)
    assert (tmp_path / "cut/last_checkpoint").read_text().endswith("stopped_iter_5.pth")
    assert "resumed epoch: 1, iter: 5" in train_two("cut")
    whole, cut = (load_from_local(tmp_path / d / "epoch_4.pth") for d in ("whole", "cut"))
    torch.testing.assert_close(cut["state_dict"], whole["state_dict"], rtol=0, atol=0)


def test_slurm_starts_every_process_with_srun(tmp_path):
    """With an srun that shows its options and runs the command once, as Slurm's only task."""
    write_task(tmp_path, train_cfg=dict(by_epoch=True, max_epochs=1, val_interval=1))
    srun = tmp_path / "bin/srun"
    srun.parent.mkdir()
    srun.write_text(
        '#!/usr/bin/env bash\necho "srun $*"\nwhile [[ $1 == --* ]]; do shift; done\n'
        "export SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_LOCALID=0 SLURM_NODELIST=localhost\n"
        'export MASTER_ADDR=127.0.0.1\nexec "$@"\n'
    )
    srun.chmod(0o755)
    out = run(
        *("bash", ROOT / "tools/slurm_train.sh", "part", "job", "toy_config.py", "--seed", "3"),
        cwd=tmp_path,
        PATH=f"{srun.parent}{os.pathsep}{os.environ['PATH']}",
        GPUS="16",
        SRUN_ARGS="--time=10 --exclusive",
    )
    shown = next(line for line in out.splitlines() if line.startswith("srun"))
    for option in (
        *("--partition=part", "--job-name=job", "--gres=gpu:8", "--ntasks=16", "--time=10"),
        *("--ntasks-per-node=8", "--cpus-per-task=5", "--exclusive", "--launcher slurm --seed 3"),
    ):
        assert option in shown
    assert "Distributed training: True" in out and "seed: 3" in out
    assert (tmp_path / "work_dirs/toy_config/epoch_1.pth").is_file()


def test_the_process_ends_with_the_code_and_no_traceback(tmp_path):
    out = run(sys.executable, ROOT / "tools/train.py", "gone.py", cwd=tmp_path, code=2)
    assert out.splitlines()[-1] == "error: gone.py: no such config" and "Traceback" not in out


def test_the_config_written_to_the_work_dir_can_be_read(uninterrupted):
    path = uninterrupted / "whole/toy_config.py"
    cfg = Config.fromfile(path, import_custom_modules=False)
    assert cfg.optim_wrapper.optimizer.momentum == 0.9
