"""The functions behind tools/train.py and test.py; test_train_cli.py runs the commands."""

import os
import pickle
import signal
from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub

from masa_mm.apis import cli
from masa_mm.engine import find_latest, recorded_checkpoint
from masa_mm.errors import UserError

from toys.training_task import write_task


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


@pytest.mark.parametrize(
    ("tool", "argv", "message"),
    [
        (cli.train, ["no/config.py"], "no/config.py: no such config"),
        (cli.test, ["no/config.py", "x.pth"], "no/config.py: no such config"),
        (cli.test, ["toy_config.py", "gone.pth"], "gone.pth: no such checkpoint"),
        (cli.train, ["toy_config.py", "--resume", "gone.pth"], "gone.pth: no such checkpoint"),
        (cli.test, ["toy_config.py", "."], ".: is a folder; give the path"),
        (cli.train, ["orphan.py"], "no_such_base.py"),
        (cli.train, ["toy_config.py", "--launcher", "pytorch"], "dist_train.sh"),
        (cli.train, ["bare.py", "--auto-scale-lr"], "auto_scale_lr = dict(base_batch_size"),
        (cli.train, ["bare.py", "--amp"], "optim_wrapper of type Other"),
        (cli.test, ["bare.py", "evil.pth"], "bare.py: has no test_cfg"),
        (cli.test, ["toy_config.py", "evil.pth", "--dump", "x.txt"], ".pkl or .pickle"),
        (cli.test, ["toy_config.py", "evil.pth"], "evil.pth: refused because it holds"),
        (cli.train, ["toy_config.py", "--resume", "evil.pth"], "evil.pth: refused"),
        (cli.test, ["toy_config.py", "other.pth"], "other.pth: does not fit the config's ToyModel"),
        (cli.train, ["toy_config.py", "--resume", "other.pth"], "other.pth: does not fit"),
        (cli.train, ["starts_elsewhere.py"], "other.pth: does not fit the config's ToyModel: "),
        (cli.train, ["starts_partly.py"], "other.pth: none of its 2 weights fits"),
        (cli.train, ["starts_nowhere.py"], "gone.pth: no such checkpoint"),
    ],
)
def test_user_errors_are_one_line_and_exit_code_2(
    in_process, tmp_path, monkeypatch, capfd, tool, argv, message
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
    assert message in line
    assert not (tmp_path / "executed").exists()


class Harmful:
    def __reduce__(self):
        return os.system, ("touch executed",)


def test_resuming_executes_no_config_of_the_checkpoint(in_process, tmp_path):
    assert in_process(cli.train, "toy_config.py", "--work-dir", "a") == 0
    checkpoint = torch.load(tmp_path / "a/epoch_1.pth", weights_only=False)
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


def test_the_best_weights_start_a_run_but_cannot_be_resumed(in_process, tmp_path, capfd):
    """They are saved without the optimizer state."""
    assert in_process(cli.train, "toy_config.py", "--work-dir", "a") == 0
    (best,) = (tmp_path / "a").glob("best_*.pth")
    capfd.readouterr()
    assert in_process(cli.train, "toy_config.py", "--work-dir", "b", "--resume", str(best)) == 2
    assert "cannot be resumed, it holds weights without optimizer" in capfd.readouterr().err
    (tmp_path / "on.py").write_text(f'_base_ = "toy_config.py"\nload_from = "{best}"')
    assert in_process(cli.train, "on.py", "--work-dir", "c") == 0


THREE_SIGNS = """
_base_ = "toy_config.py"
model = dict({model})
train_dataloader = dict(dataset=dict(num_classes=3, classes={classes}))
val_dataloader = dict(dataset=dict(num_classes=3, classes={classes}))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type="SignAccuracy", topk=(1, 5))
test_evaluator = dict(_delete_=True, type="SignAccuracy")
default_hooks = dict(checkpoint=dict(save_best="{best}", rule="greater"))
train_cfg = dict(max_epochs=2)
"""


@pytest.mark.parametrize(
    ("model", "classes"),
    [
        ("cls_head=dict(num_classes=3)", "abc"),
        ("num_classes=3", "abc"),
        ("num_classes=3", ""),
    ],
    ids=["of the head", "of the class list", "of the scores"],
)
def test_three_signs_with_the_default_topk(in_process, tmp_path, capfd, model, classes):
    """Whichever tells the number of classes: one message, and no top-5 of three."""
    text = THREE_SIGNS.format(model=model, classes=list(classes), best="sign/top1_pi")
    (tmp_path / "three.py").write_text(text)
    capfd.readouterr()
    assert in_process(cli.train, "three.py") == 0
    out = "".join(capfd.readouterr())
    message = "SignAccuracy: top-5 is not reported: there are only 3 classes"
    assert out.count(message) == 1
    if classes:
        assert out.index(message) < out.index("Epoch(train)")
    assert "Epoch(val) [2][3/3]" in out and "sign/top1_pi" in out and "top5" not in out
    (best,) = (tmp_path / "work_dirs/three").glob("best_sign_top1_pi*.pth")
    assert in_process(cli.test, "three.py", str(best)) == 0
    out = "".join(capfd.readouterr())
    assert out.count(message) == 1 and "sign/top1_pc" in out and "top5" not in out


def test_checkpoints_selected_by_a_top_k_that_is_left_out(in_process, tmp_path, capfd):
    model = "cls_head=dict(num_classes=3)"
    text = THREE_SIGNS.format(model=model, classes=["a", "b", "c"], best="sign/top5_pi")
    (tmp_path / "three.py").write_text(text)
    assert in_process(cli.train, "three.py") == 2
    assert "save_best is 'sign/top5_pi', but the model has 3 classes" in capfd.readouterr().err


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


def test_resuming_without_a_checkpoint_keeps_the_pretrained_weights(in_process, capsys):
    Path("pretrained.pth").touch()
    cfg = config_of(
        "toy_config.py", "--resume", "auto", "--cfg-options", "load_from=pretrained.pth"
    )
    assert "no checkpoint in work_dirs/toy_config" in capsys.readouterr().out
    assert cfg.resume is False and cfg.load_from == "pretrained.pth"


def test_a_config_that_resumes_names_its_checkpoint(in_process, tmp_path, capsys):
    """``resume = True`` in a config is ``--resume``; the folder may have been moved meanwhile."""
    (tmp_path / "on.py").write_text('_base_ = "toy_config.py"\nresume = True\nwork_dir = "a"')
    assert config_of("on.py").resume is False
    (tmp_path / "a").mkdir()
    (tmp_path / "a/last_checkpoint").write_text("/elsewhere/epoch_2.pth")
    state = dict(state_dict={}, optimizer={}, message_hub={})
    torch.save(state, tmp_path / "a/epoch_2.pth")
    assert config_of("on.py").load_from == "a/epoch_2.pth"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("clip 3: no label"), "error: clip 3: no label"),
        (FloatingPointError("loss is NaN"), "error: loss is NaN"),
        (
            UserError("Caught UserError in worker 0.\nTraceback\nmasa_mm.UserError: clip 3: bad\n"),
            "error: clip 3: bad",
        ),
    ],
)
def test_messages_of_user_errors(capsys, error, line):
    def fail():
        raise error

    assert cli.exit_code_of(fail) == 2
    assert capsys.readouterr().err == f"{line}\n"


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.exit_code_of(lambda: 1 / 0)


def test_the_name_of_the_config_is_the_default_work_dir_but_not_over_its_own(in_process, tmp_path):
    (tmp_path / "own.py").write_text('_base_ = "toy_config.py"\nwork_dir = "elsewhere"')
    assert config_of("own.py").work_dir == "elsewhere"
    assert config_of("own.py", "--work-dir", "w").work_dir == "w"


def test_no_validate_and_amp_change_the_config(in_process):
    cfg = config_of("toy_config.py", "--no-validate", "--amp")
    assert cfg.val_cfg is None and cfg.val_dataloader is None and cfg.val_evaluator is None
    assert cfg.optim_wrapper.type == "AmpOptimWrapper"
    assert cfg.optim_wrapper.loss_scale == "dynamic"


def test_dump_adds_a_metric(in_process):
    Path("c.pth").touch()
    args = cli._parse(cli._test_parser(), ["toy_config.py", "c.pth", "--dump", "x.pkl"])
    cfg = cli.test_config(args)
    assert [metric.type for metric in cfg.test_evaluator] == ["ToyAccuracy", "DumpResults"]
    assert cfg.load_from == "c.pth" and cfg.resume is False


def test_resuming_says_which_checkpoint_it_takes_instead(in_process, tmp_path, capsys):
    (tmp_path / "two.py").write_text(
        '_base_ = "toy_config.py"\ntrain_cfg = dict(max_epochs=2)\n'
        "default_hooks = dict(checkpoint=dict(max_keep_ckpts=2))\n"
    )
    argv = ["two.py", "--work-dir", "a"]
    assert in_process(cli.train, *argv) == 0
    newest = tmp_path / "a/epoch_2.pth"
    newest.write_bytes(newest.read_bytes()[:1000])
    capsys.readouterr()
    assert in_process(cli.train, *argv, "--resume") == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("--resume")]
    assert line.startswith("--resume: a/epoch_2.pth is damaged (")
    assert line.endswith("; resuming from a/epoch_1.pth, the newest one that loads")
    assert recorded_checkpoint("a") == "a/epoch_2.pth" and find_latest("a") == ("a/epoch_2.pth", "")


def test_a_hook_that_can_lose_the_run_is_named(in_process, tmp_path, capfd):
    (tmp_path / "on.py").write_text(
        '_base_ = "toy_config.py"\ndefault_hooks = dict(checkpoint=dict(type="CheckpointHook"))'
    )
    for config, warnings in (("toy_config.py", 0), ("on.py", 1)):
        capfd.readouterr()
        assert in_process(cli.train, config) == 0
        assert "".join(capfd.readouterr()).count("uses mmengine's CheckpointHook") == warnings


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_resume_it(
    in_process, tmp_path, monkeypatch, capfd, number, code
):
    monkeypatch.setenv("TOY_SIGNAL", str(int(number)))
    former = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)}
    (tmp_path / "toy_stop.py").write_text(
        "import os\nfrom mmaction.registry import HOOKS\nfrom mmengine.hooks import Hook\n"
        "@HOOKS.register_module(force=True)\nclass ToyStop(Hook):\n"
        "    def before_train_iter(self, runner, batch_idx, data_batch=None):\n"
        "        if runner.iter == 7: os.kill(os.getpid(), int(os.environ['TOY_SIGNAL']))\n"
    )
    (tmp_path / "on.py").write_text(
        '_base_ = "toy_config.py"\ncustom_imports = dict(imports=["toy_task", "toy_stop"])\n'
        'custom_hooks = [dict(type="ToyStop")]\ntrain_cfg = dict(max_epochs=2)'
    )
    assert in_process(cli.train, "on.py", "--work-dir", "a") == code
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    (line,) = [x for x in capfd.readouterr().err.splitlines() if "stopped" in x]
    assert line == (
        f"stopped by {name}; repeat the command with --resume to continue from a/epoch_1.pth"
    )
    for n, handler in former.items():
        signal.signal(n, handler)
