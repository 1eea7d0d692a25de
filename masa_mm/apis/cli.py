"""The common part of ``tools/train.py`` and ``tools/test.py``: options, config, errors in one line.

The options are MMAction2's, so that its documentation holds here too.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from mmaction.registry import RUNNERS
from mmengine.config import Config, DictAction
from mmengine.runner import Runner, find_latest_checkpoint

from masa_mm.engine import load_strictly
from masa_mm.errors import UserError

EXIT_USER_ERROR = 2


class UsageError(UserError):
    """Options that do not go together, or that the config does not go with."""


def train(argv: Sequence[str] | None = None) -> int:
    """``tools/train.py``: train by a config. Returns the exit code."""
    args = _parse(_train_parser(), argv)

    def run() -> None:
        cfg = train_config(args)
        runner, resume = _runner(cfg), bool(cfg.get("resume"))
        load_strictly(
            runner, resume=resume, partly=None if resume else bool(cfg.get("load_partly"))
        )
        runner.train()

    return _in_one_line(run)


def test(argv: Sequence[str] | None = None) -> int:
    """``tools/test.py``: test a checkpoint by a config. Returns the exit code."""
    args = _parse(_test_parser(), argv)

    def run() -> None:
        runner = _runner(test_config(args))
        load_strictly(runner)
        runner.test()

    return _in_one_line(run)


def train_config(args: argparse.Namespace) -> Config:
    """The config that the options of ``tools/train.py`` ask for.

    Raises:
        UsageError: options that the config does not go with.
        FileNotFoundError: the config, one it inherits, or the checkpoint to resume is missing.
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
    """The config that the options of ``tools/test.py`` ask for; raises as :func:`train_config`."""
    cfg = _load_config(args)
    if cfg.get("test_cfg") is None or cfg.get("test_dataloader") is None:
        raise UsageError(f"{args.config}: has no test_cfg and test_dataloader, nothing to test")
    _check_checkpoint(args.checkpoint)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.dump:
        if not args.dump.endswith((".pkl", ".pickle")):
            raise UsageError(f"--dump {args.dump}: must end with .pkl or .pickle")
        metrics = cfg.test_evaluator
        metrics = list(metrics) if isinstance(metrics, list | tuple) else [metrics]
        cfg.test_evaluator = [*metrics, dict(type="DumpResults", out_file_path=args.dump)]
    return cfg


def _train_parser() -> argparse.ArgumentParser:
    parser = _common_parser("Train (pretrain, finetune, probe) by a config")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="go on from this checkpoint; without a path, or with 'auto', from the latest in the "
        "work directory if there is any",
    )
    parser.add_argument("--amp", action="store_true", help="automatic mixed precision")
    parser.add_argument("--no-validate", action="store_true", help="do not evaluate while training")
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="scale the learning rate by the real batch size over the config's auto_scale_lr's",
    )
    parser.add_argument("--seed", type=int, help="random seed, in place of the config's")
    parser.add_argument(
        "--diff-rank-seed", action="store_true", help="another seed for each process"
    )
    parser.add_argument(
        "--deterministic", action="store_true", help="deterministic operators on GPUs, slower"
    )
    return parser


def _test_parser() -> argparse.ArgumentParser:
    parser = _common_parser("Test a checkpoint by a config")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--dump", metavar="FILE.pkl", help="write the predictions to this file")
    return parser


def _common_parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--work-dir", help="where logs and checkpoints go; default: work_dirs/<name of the config>"
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        metavar="KEY=VALUE",
        help="override entries of the config, e.g. train_dataloader.batch_size=8 "
        "model.backbone.depths='[2,2]' (quoted, without spaces)",
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="what started the processes; set by dist_*.sh and slurm_*.sh",
    )
    # torch.distributed.launch passes it; torchrun sets LOCAL_RANK in the environment.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)
    return parser


def _parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    args = parser.parse_args(argv)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    return args


def _load_config(args: argparse.Namespace) -> Config:
    if not Path(args.config).is_file():
        raise FileNotFoundError(f"{args.config}: no such config")
    if args.launcher == "pytorch" and "RANK" not in os.environ:
        raise UsageError("--launcher pytorch needs torchrun: use tools/dist_train.sh, dist_test.sh")
    cfg = Config.fromfile(args.config)
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / Path(args.config).stem)
    return cfg


def _use_amp(cfg: Config) -> None:
    kind = cfg.optim_wrapper.get("type", "OptimWrapper")
    if kind not in ("OptimWrapper", "AmpOptimWrapper"):
        raise UsageError(f"--amp does not go with the config's optim_wrapper of type {kind}")
    cfg.optim_wrapper.type = "AmpOptimWrapper"
    cfg.optim_wrapper.setdefault("loss_scale", "dynamic")


def _scale_lr(cfg: Config) -> None:
    if "base_batch_size" not in (cfg.get("auto_scale_lr") or {}):
        raise UsageError(
            "--auto-scale-lr needs auto_scale_lr = dict(base_batch_size=...) in the config: the "
            "batch size, of all processes together, that its learning rate is meant for"
        )
    cfg.auto_scale_lr.enable = True


def _resume(cfg: Config, resume: str) -> None:
    if resume != "auto":
        _check_checkpoint(resume)
        cfg.load_from, cfg.resume = resume, True
        return
    latest = _latest_checkpoint(cfg.work_dir)
    cfg.resume = latest is not None
    if latest is not None:
        cfg.load_from = latest
    else:
        # load_from stays: a finetuning that never came to a checkpoint still starts pretrained.
        print(f"--resume: nothing to resume in {cfg.work_dir}, training starts from the beginning")


def _latest_checkpoint(work_dir: str) -> str | None:
    if not (Path(work_dir) / "last_checkpoint").is_file():
        return None
    # The name is recorded with the folder of that time; the folder may have been moved since.
    latest = Path(work_dir) / Path(find_latest_checkpoint(work_dir)).name
    _check_checkpoint(str(latest))
    return str(latest)


def _check_checkpoint(checkpoint: str) -> None:
    if "://" in checkpoint or Path(checkpoint).expanduser().is_file():
        return
    if Path(checkpoint).expanduser().is_dir():
        raise UsageError(f"{checkpoint}: a folder; name the checkpoint, a file")
    raise FileNotFoundError(f"{checkpoint}: no such checkpoint")


def _set_randomness(cfg: Config, args: argparse.Namespace) -> None:
    # MMAction2's runtime has no entry: then mmengine draws the seed.
    randomness = dict(seed=None) | dict(cfg.get("randomness") or {})
    if args.seed is not None:
        randomness["seed"] = args.seed
    if args.diff_rank_seed:
        randomness["diff_rank_seed"] = True
    if args.deterministic:
        randomness["deterministic"] = True
    cfg.randomness = randomness


def _runner(cfg: Config) -> Runner:
    return RUNNERS.build(cfg) if "runner_type" in cfg else Runner.from_cfg(cfg)


def _in_one_line(run: Callable[[], object]) -> int:
    try:
        run()
    except (UserError, FileNotFoundError, FloatingPointError) as error:
        print(f"error: {_message(error)}", file=sys.stderr)
        return EXIT_USER_ERROR
    _leave_process_group()
    return 0


def _leave_process_group() -> None:
    """Stop gloo's threads before the interpreter ends: one that still runs then aborts it."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _message(error: Exception) -> str:
    """What the error says; of one from a DataLoader's worker its own words, which come last."""
    text = str(error)
    if text.startswith("Caught "):
        return text.strip().rpartition("\n")[2].partition(": ")[2]
    return text
