"""The command lines of ``tools/train.py`` and ``tools/test.py``.

The options are those of MMAction2. User errors print one line and exit with code 2.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config
from mmengine.dist import barrier, is_distributed, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from masa_mm.apis.batch_checks import check_batches
from masa_mm.apis.build_errors import user_error_of
from masa_mm.apis.config_checks import check_config, check_kinds, check_launcher
from masa_mm.apis.config_files import ConfigOptions, load_config, make_work_dir
from masa_mm.apis.confusion import ConfusionPicture
from masa_mm.apis.metric_config import fit_topk
from masa_mm.engine import (
    ExchangeFolderHook,
    LostSignalHook,
    Stopped,
    StoppedByFirst,
    find_latest,
    load_strictly,
    recorded_checkpoint,
    stoppable,
)
from masa_mm.errors import UserError, describe, printable

EXIT_USER_ERROR = 2
_SIGNALS = 128  # exit codes above it are those of signals


class UsageError(UserError):
    """Options that do not fit each other or the config."""


def train(argv: Sequence[str] | None = None) -> int:
    """Train by a config (``tools/train.py``) and return the exit code."""
    args = _parse(_train_parser(), argv)

    def run() -> None:
        cfg = train_config(args)
        try:
            _train(cfg)
        except Stopped as stop:
            stop.advice = _how_to_resume(cfg.work_dir)
            raise

    return exit_code_of(run)


def _train(cfg: Config) -> None:
    runner, resume = _runner(cfg), bool(cfg.get("resume"))
    check_batches(runner)
    partly = None if resume else bool(cfg.get("load_partly"))
    load_strictly(runner, resume=resume, partly=partly)
    if any(type(hook) is CheckpointHook for hook in runner.hooks):
        runner.logger.warning(
            "The config uses mmengine's CheckpointHook, which removes the old checkpoint before it "
            "writes the new one; use default_hooks.checkpoint.type=DurableCheckpointHook"
        )
    runner.train()


def test(argv: Sequence[str] | None = None) -> int:
    """Test a checkpoint by a config (``tools/test.py``) and return the exit code."""
    args = _parse(_test_parser(), argv)

    def run() -> None:
        runner = _runner(test_config(args))
        load_strictly(runner)
        runner.test()

    return exit_code_of(run)


def leave(code: int) -> NoReturn:
    """End the process of a command by its exit code.

    After Ctrl-C or SIGTERM the interpreter frees no modules, which takes seconds.
    """
    if code > _SIGNALS:
        atexit._run_exitfuncs()  # ends workers, closes logs
        _exit_now(code)
    sys.exit(code)


def train_config(args: argparse.Namespace) -> Config:
    """Apply the options of ``tools/train.py`` to the config.

    Raises:
        UsageError: If an option does not fit the config.
        FileNotFoundError: If the config, one it inherits or the checkpoint to resume is missing.
    """
    cfg = _load_config(args)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        _use_amp(cfg)
    if args.auto_scale_lr:
        _scale_lr(cfg)
    if args.resume or (cfg.get("resume") and not cfg.get("load_from")):
        _resume(cfg, args.resume or "auto")
    elif cfg.get("load_from"):
        _check_checkpoint(cfg.load_from)
    _set_randomness(cfg, args)
    return cfg


def test_config(args: argparse.Namespace) -> Config:
    """Apply the options of ``tools/test.py`` to the config; see :func:`train_config`."""
    cfg = _load_config(args)
    if cfg.get("test_cfg") is None or cfg.get("test_dataloader") is None:
        raise UsageError(f"{args.config}: has no test_cfg or no test_dataloader")
    _check_checkpoint(args.checkpoint)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.dump:
        if not args.dump.endswith((".pkl", ".pickle")):
            raise UsageError(f"--dump {args.dump}: must end with .pkl or .pickle")
        _add_test_metric(cfg, type="DumpResults", out_file_path=args.dump)
    if args.confusion:
        if not args.confusion.endswith((".png", ".svg", ".pdf")):
            raise UsageError(f"--confusion {args.confusion}: must end with .png, .svg or .pdf")
        _add_test_metric(cfg, type=ConfusionPicture.__name__, out_file=args.confusion)
    return cfg


def _train_parser() -> argparse.ArgumentParser:
    parser = _common_parser("Train (pretrain, finetune, probe) by a config")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="resume from this checkpoint; without a path, or with 'auto', from the latest one in "
        "the work directory if it exists",
    )
    parser.add_argument("--amp", action="store_true", help="automatic mixed precision")
    parser.add_argument("--no-validate", action="store_true", help="no evaluation while training")
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="scale the learning rate by the batch size over auto_scale_lr.base_batch_size",
    )
    parser.add_argument("--seed", type=int, help="random seed, instead of that of the config")
    # None, not False, leaves the config as it is.
    flag: dict = dict(action="store_true", default=None)
    parser.add_argument("--diff-rank-seed", **flag, help="a different seed for each process")
    parser.add_argument("--deterministic", **flag, help="deterministic operators on GPUs (slower)")
    return parser


def _test_parser() -> argparse.ArgumentParser:
    parser = _common_parser("Test a checkpoint by a config")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--dump", metavar="FILE.pkl", help="write the predictions to this file")
    parser.add_argument(
        "--confusion", metavar="FILE.png", help="draw the confusion matrix of the test clips"
    )
    return parser


def _common_parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--work-dir", help="folder of logs and checkpoints; default: work_dirs/<name of the config>"
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=ConfigOptions,
        metavar="KEY=VALUE",
        help="override entries of the config, e.g. train_dataloader.batch_size=8 "
        "model.backbone.depths='[2,2]' (quoted, without spaces)",
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="launcher of the processes; set by dist_*.sh and slurm_*.sh",
    )
    # torch.distributed.launch passes it; torchrun sets LOCAL_RANK in the environment.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)
    return parser


def _parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    args = parser.parse_args(argv)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    return args


def _load_config(args: argparse.Namespace) -> Config:
    check_launcher(args.launcher)
    cfg = load_config(args.config, args.cfg_options)
    check_kinds(cfg)
    cfg.launcher = args.launcher
    if args.work_dir:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / Path(args.config).stem)
    return cfg


def _add_test_metric(cfg: Config, **metric: Any) -> None:
    metrics = cfg.test_evaluator
    metrics = list(metrics) if isinstance(metrics, list | tuple) else [metrics]
    cfg.test_evaluator = [*metrics, metric]


def _use_amp(cfg: Config) -> None:
    kind = cfg.optim_wrapper.get("type", "OptimWrapper")
    if kind not in ("OptimWrapper", "AmpOptimWrapper"):
        raise UsageError(f"--amp does not work with the config's optim_wrapper of type {kind}")
    cfg.optim_wrapper.type = "AmpOptimWrapper"
    cfg.optim_wrapper.setdefault("loss_scale", "dynamic")


def _scale_lr(cfg: Config) -> None:
    if "base_batch_size" not in (cfg.get("auto_scale_lr") or {}):
        raise UsageError(
            "--auto-scale-lr needs auto_scale_lr = dict(base_batch_size=...) in the config: the "
            "total batch size of all processes for which its learning rate was chosen"
        )
    cfg.auto_scale_lr.enable = True


def _resume(cfg: Config, checkpoint: str) -> None:
    if checkpoint == "auto":
        checkpoint, reason = find_latest(cfg.work_dir)
        if not checkpoint:
            _say(f"--resume: no checkpoint in {cfg.work_dir}, training starts from the beginning")
            # load_from stays: a finetuning run still starts from pretrained weights.
            cfg.resume = False
            return
        if reason:
            _say(f"--resume: {reason}; resuming from {checkpoint}, the newest one that loads")
    _check_checkpoint(checkpoint)
    cfg.load_from, cfg.resume = checkpoint, True


def _say(line: str, file: TextIO | None = None) -> None:
    """Print a line in the first process of a run."""
    rank = os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))
    if rank == "0":
        print(line, file=file)


def _how_to_resume(work_dir: str) -> str:
    last = recorded_checkpoint(work_dir)
    if not last:
        return "no checkpoint was saved yet"
    return f"repeat the command with --resume to continue from {last}"


def _check_checkpoint(checkpoint: str) -> None:
    path = Path(checkpoint).expanduser()
    if path.is_dir():
        raise UsageError(f"{checkpoint}: is a folder; give the path of a checkpoint file")
    if "://" not in checkpoint and not path.is_file():
        raise FileNotFoundError(f"{checkpoint}: no such checkpoint")


def _set_randomness(cfg: Config, args: argparse.Namespace) -> None:
    names = ("seed", "diff_rank_seed", "deterministic")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    # Without a seed, as in MMAction2's runtime, mmengine draws one.
    cfg.randomness = dict(seed=None) | dict(cfg.get("randomness") or {}) | given


def _runner(cfg: Config) -> Runner:
    check_config(cfg)
    make_work_dir(cfg.work_dir)
    left_out = fit_topk(cfg)
    runner = RUNNERS.build(cfg) if "runner_type" in cfg else Runner.from_cfg(cfg)
    runner.register_hook(LostSignalHook())
    runner.register_hook(ExchangeFolderHook())
    if left_out:
        runner.logger.warning(left_out)
    return runner


def _report(error: Exception) -> int:
    """Print a user error; return the exit code, or end this process if it is one of several."""
    for line in getattr(error, "lines", (_message(error),)):
        print(f"error: {printable(line)}", file=sys.stderr)
    return _end(EXIT_USER_ERROR)


def exit_code_of(run: Callable[[], object]) -> int:
    """Run a command; print a user error or a stop as one line. Other errors keep their traceback.

    Returns:
        int: 0, 2 for a user error, or 128 and the number of the signal that stopped it.
    """
    try:
        with stoppable():
            run()
    except Stopped as stop:
        _say(str(stop), file=sys.stderr)
        return _end(stop.exit_code)
    except StoppedByFirst:
        return _end_after_first()
    except FloatingPointError as error:  # all processes find it together
        if not is_main_process():
            return _end_after_first()
        return _report(error)
    except (UserError, FileNotFoundError) as error:
        return _report(error)
    except Exception as error:  # most are bugs and keep their traceback
        wrong_config = user_error_of(error)
        if wrong_config is None:
            raise
        return _report(wrong_config)
    _leave_process_group()
    return 0


def _end(code: int) -> int:
    """Return the exit code, or end this process if it is one of several."""
    if is_distributed():
        # Threads of gloo wait for the other processes and would hold up or abort the exit.
        _exit_now(code)
    return code


def _exit_now(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_after_first() -> int:
    """Wait for the launcher to end this process: it ends all as soon as one has ended."""
    time.sleep(60)
    return _end(EXIT_USER_ERROR)


def _leave_process_group() -> None:
    """Stop the threads of gloo, which abort the process if they run while the interpreter exits."""
    if is_distributed():
        # The runner is part of reference cycles, and its model keeps the process group alive.
        gc.collect()
        barrier()
        torch.distributed.destroy_process_group()


def _message(error: Exception) -> str:
    """The message of an error; for an error of a DataLoader's worker, the last line has it."""
    text = str(error)
    if text.startswith("Caught "):
        return text.strip().rpartition("\n")[2].partition(": ")[2]
    return describe(error)
