"""tools/train.py, test.py and their dist and slurm scripts, on a toy task."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub

from masa_mm.apis import cli

from toys.paths import ROOT
from toys.training_task import write_task


def run(*command, cwd, code=0, **environment):
    """Run a command on the CPU in a folder; returns its output after checking its exit code."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(cwd)]),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        **environment,
    }
    command = [str(word) for word in command]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == code, done.stdout[-3000:]
    return done.stdout


def train(*options, cwd, **kwargs):
    return run(
        sys.executable, ROOT / "tools/train.py", "toy_config.py", *options, cwd=cwd, **kwargs
    )


@pytest.fixture
def in_process(tmp_path, monkeypatch):
    """Call the tools' functions in this process, in a folder with the toy task."""
    write_task(tmp_path, train_cfg=dict(by_epoch=True, max_epochs=1, val_interval=1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("LOCAL_RANK", "0")

    def call(tool, *argv):
        # Runs of one second would share a name, and with it mmengine's message hub and logger.
        name = f"experiment_name=run_{len(MessageHub._instance_dict)}"
        return tool([*argv, "--cfg-options", name])

    return call


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
    from masa_mm.compat import load_from_local

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


@pytest.mark.parametrize(
    ("tool", "argv", "said"),
    [
        (cli.train, ["no/config.py"], "no/config.py: no such config"),
        (cli.test, ["no/config.py", "x.pth"], "no/config.py: no such config"),
        (cli.test, ["toy_config.py", "gone.pth"], "gone.pth: no such checkpoint"),
        (cli.train, ["toy_config.py", "--resume", "gone.pth"], "gone.pth: no such checkpoint"),
        (cli.test, ["toy_config.py", "."], ".: a folder; name the checkpoint"),
        (cli.train, ["orphan.py"], "no_such_base.py"),
        (cli.train, ["toy_config.py", "--launcher", "pytorch"], "dist_train.sh"),
        (cli.train, ["bare.py", "--auto-scale-lr"], "auto_scale_lr = dict(base_batch_size"),
        (cli.train, ["bare.py", "--amp"], "optim_wrapper of type Other"),
        (cli.test, ["bare.py", "evil.pth"], "bare.py: has no test_cfg"),
        (cli.test, ["toy_config.py", "evil.pth", "--dump", "x.txt"], ".pkl or .pickle"),
        (cli.test, ["toy_config.py", "evil.pth"], "evil.pth: refused, it asks to run"),
        (cli.train, ["toy_config.py", "--resume", "evil.pth"], "evil.pth: refused"),
        (cli.test, ["toy_config.py", "other.pth"], "other.pth: does not fit the config's ToyModel"),
        (cli.train, ["toy_config.py", "--resume", "other.pth"], "other.pth: does not fit"),
        (cli.train, ["starts_elsewhere.py"], "other.pth: does not fit the config's ToyModel: "),
        (cli.train, ["starts_partly.py"], "other.pth: none of its 2 weights fits"),
        (cli.train, ["starts_nowhere.py"], "gone.pth: no such checkpoint"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(
    in_process, tmp_path, monkeypatch, capfd, tool, argv, said
):
    monkeypatch.delenv("RANK", raising=False)
    (tmp_path / "orphan.py").write_text('_base_ = "no_such_base.py"')
    (tmp_path / "bare.py").write_text('model = dict()\noptim_wrapper = dict(type="Other")')
    start = '_base_ = "toy_config.py"\nload_from = '
    (tmp_path / "starts_elsewhere.py").write_text(start + '"other.pth"')
    (tmp_path / "starts_partly.py").write_text(start + '"other.pth"\nload_partly = True')
    (tmp_path / "starts_nowhere.py").write_text(start + '"gone.pth"')
    torch.save(Harmful(), tmp_path / "evil.pth")
    torch.save(dict(state_dict=torch.nn.Linear(2, 2).state_dict()), tmp_path / "other.pth")
    assert in_process(tool, *argv) == 2
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert said in line
    assert not (tmp_path / "executed").exists()


class Harmful:
    def __reduce__(self):
        return os.system, ("touch executed",)


def test_the_process_ends_with_the_code_and_no_traceback(tmp_path):
    out = run(sys.executable, ROOT / "tools/train.py", "gone.py", cwd=tmp_path, code=2)
    assert out == "error: gone.py: no such config\n"


def test_resuming_executes_no_config_of_the_checkpoint(in_process, tmp_path):
    assert in_process(cli.train, "toy_config.py", "--work-dir", "a") == 0
    checkpoint = torch.load(tmp_path / "a/epoch_1.pth")
    checkpoint["meta"]["cfg"] = checkpoint["meta"]["config"] = "open('executed', 'w')"
    torch.save(checkpoint, tmp_path / "evil.pth")
    argv = ["toy_config.py", "--work-dir", "b", "--resume", "evil.pth"]
    assert in_process(cli.train, *argv) == 0
    assert not (tmp_path / "executed").exists()


def test_amp_trains_in_half_precision(in_process, capfd):
    assert in_process(cli.train, "toy_config.py", "--amp", "--no-validate") == 0
    out = capfd.readouterr().out
    half = "float16" if torch.cuda.is_available() else "bfloat16"
    assert f"dtype of the scores: torch.{half}" in out
    assert "Epoch(val)" not in out


def test_test_reports_and_dumps(in_process, tmp_path, capfd):
    assert in_process(cli.train, "toy_config.py") == 0
    checkpoint = "work_dirs/toy_config/epoch_1.pth"
    assert in_process(cli.test, "toy_config.py", checkpoint, "--dump", "out/scores.pkl") == 0
    assert "Epoch(test) [3/3]    accuracy:" in capfd.readouterr().out
    dumped = pickle.loads((tmp_path / "out/scores.pkl").read_bytes())
    assert len(dumped) == 10


def test_the_weights_that_did_best_start_a_run_but_resume_none(in_process, tmp_path, capfd):
    """They are saved without the optimizer: to resume them would be to forget it unsaid."""
    assert in_process(cli.train, "toy_config.py", "--work-dir", "a") == 0
    (best,) = (tmp_path / "a").glob("best_*.pth")
    capfd.readouterr()
    assert in_process(cli.train, "toy_config.py", "--work-dir", "b", "--resume", str(best)) == 2
    assert "nothing to resume, it holds weights without optimizer" in capfd.readouterr().err
    (tmp_path / "on.py").write_text(f'_base_ = "toy_config.py"\nload_from = "{best}"')
    assert in_process(cli.train, "on.py", "--work-dir", "c") == 0


def config_of(*argv):
    return cli.train_config(cli._parse(cli._train_parser(), argv))


def test_options_override_the_config(in_process, capsys):
    cfg = config_of("toy_config.py")
    assert cfg.work_dir == "work_dirs/toy_config"
    assert cfg.randomness == dict(seed=1)
    assert not cfg.auto_scale_lr.enable and not cfg.get("resume")
    cfg = config_of(
        *("toy_config.py", "--work-dir", "w", "--seed", "0", "--diff-rank-seed", "--deterministic"),
        *("--auto-scale-lr", "--cfg-options", "train_dataloader.batch_size=7", "model.list=[1,2]"),
    )
    assert cfg.randomness == dict(seed=0, diff_rank_seed=True, deterministic=True)
    assert cfg.work_dir == "w" and cfg.auto_scale_lr.enable
    assert cfg.train_dataloader.batch_size == 7 and cfg.model.list == [1, 2]


def test_nothing_to_resume_is_said_and_keeps_the_pretrained_weights(in_process, capsys):
    Path("pretrained.pth").touch()
    cfg = config_of(
        "toy_config.py", "--resume", "auto", "--cfg-options", "load_from=pretrained.pth"
    )
    assert "nothing to resume in work_dirs/toy_config" in capsys.readouterr().out
    assert cfg.resume is False and cfg.load_from == "pretrained.pth"


def test_a_config_that_resumes_names_its_checkpoint(in_process, tmp_path, capsys):
    """``resume = True`` in a config is ``--resume``; the folder may have been moved meanwhile."""
    (tmp_path / "on.py").write_text('_base_ = "toy_config.py"\nresume = True\nwork_dir = "a"')
    assert config_of("on.py").resume is False
    (tmp_path / "a").mkdir()
    (tmp_path / "a/last_checkpoint").write_text("/elsewhere/epoch_2.pth")
    (tmp_path / "a/epoch_2.pth").touch()
    assert config_of("on.py").load_from == "a/epoch_2.pth"


def test_the_config_written_to_the_work_dir_can_be_read(uninterrupted):
    cfg = Config.fromfile(uninterrupted / "whole/toy_config.py")
    assert cfg.optim_wrapper.optimizer.momentum == 0.9
