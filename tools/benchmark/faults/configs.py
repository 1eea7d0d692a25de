"""Train by wrong configs and options and count how it ends.

python tools/benchmark/faults/configs.py --cases 600 --seed 0

Each case changes one thing in a config of this package, in the text of a config file or in the
command line, and trains by it in a forked process, up to the first iteration. A case may train or
be refused in one line with exit code 2. Everything else is a fault: a traceback, a death by a
signal, a hang, code that was executed, or more than 2 GB of memory.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import json
import math
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import torch
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop

import masa_mm  # noqa: F401
from masa_mm.apis import cli
from masa_mm.preparation.demo import DemoConfig, store_path, write_demo_stores

ROOT = Path(__file__).parents[3]
SECONDS = 60  # a case that takes longer hangs
MAX_BYTES = 2 * 2**30
CANARY = "executed"
SECTIONS = (
    *("model", "train_dataloader", "val_dataloader", "train_cfg", "val_cfg", "optim_wrapper"),
    *("param_scheduler", "default_hooks", "custom_hooks", "env_cfg", "log_processor", "visualizer"),
    *("val_evaluator", "auto_scale_lr", "randomness", "default_scope", "load_from", "resume"),
)
VALUES = (None, "text", "", -1, 0, 1.5, math.nan, math.inf, True, [], {}, [1], ["x"], dict(x=1))


class Case(NamedTuple):
    """What is wrong, in words, and the run that meets it."""

    words: str
    run: Callable[[], int]


class Stop(BaseException):
    """The first iteration is done."""


def main() -> int:
    """Run the cases and print the counts; the exit code is 1 if there are faults."""
    args = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder, working_folder(folder):
        files, base = write_bases(Path(folder))
        ends = collections.Counter()
        for number in range(args.cases):
            case = make_case(random.Random(f"{args.seed} {number}"), files, base)
            end, detail = outcome(case)
            ends[end] += 1
            if end not in ("trained", "refused") or args.verbose:
                print(f"{number}: {end}: {case.words}: {detail}", flush=True)
    print(json.dumps(dict(cases=args.cases, seed=args.seed, **ends)))
    return int(bool(ends.keys() - {"trained", "refused"}))


@contextlib.contextmanager
def working_folder(folder: str) -> Iterator[None]:
    """Change the working folder; contextlib.chdir needs Python 3.11."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def write_bases(folder: Path) -> tuple[list[Path], list[Config]]:
    """Write tiny data; return config files that train on it, and those of this package."""
    write_demo_stores(folder, DemoConfig(num_classes=2, signers=(2, 1, 1), repetitions=(2, 1, 1)))
    tiny = [_on_demo_data(Config.fromfile(path), folder) for path in _demo_configs()]
    files = []
    for number, cfg in enumerate(tiny):
        for suffix in (".py", ".yaml", ".json"):
            files.append(folder / f"config{number}{suffix}")
            cfg.dump(files[-1])
    paths = sorted((ROOT / "configs").rglob("masa_*.py"))
    others = [Config.fromfile(path) for path in paths if "_base_" not in path.parts]
    return files, [*tiny * (len(others) // 2), *others]


def make_case(chance: random.Random, files: list[Path], base: list[Config]) -> Case:
    """Draw a case: a changed value, a changed file or a changed command line."""
    kind = chance.random()
    if kind < 0.6:
        return _changed_value(chance, copy.deepcopy(chance.choice(base)))
    if kind < 0.75:
        return _changed_file(chance, chance.choice(files))
    if kind < 0.9:
        return _changed_command(chance, files[0])
    return _hostile_file(chance, files[0])


def outcome(case: Case) -> tuple[str, str]:
    """Run a case in a child process and say how it ended."""
    Path(CANARY).unlink(missing_ok=True)
    report = Path("report")
    report.write_text("")
    inherited = _resident_bytes()
    child = os.fork()
    if not child:
        _child(case, report)
    status, peak = _wait(child)
    text = report.read_text(encoding="utf-8", errors="replace")
    if Path(CANARY).exists():
        return "executed", ""
    if status is None:
        return "hang", f"more than {SECONDS} s"
    if os.WIFSIGNALED(status):
        return "signal", str(os.WTERMSIG(status))
    if peak - inherited > MAX_BYTES:
        return "memory", f"{(peak - inherited) / 2**30:.1f} GB"
    end, _, detail = text.partition("\n")
    return end or "no report", detail


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="print every case")
    return parser


def _demo_configs() -> list[Path]:
    return [ROOT / "configs" / f"masa_{kind}_demo.py" for kind in ("pretrain", "finetune")]


def _on_demo_data(cfg: Config, folder: Path) -> Config:
    cfg.work_dir = "work"
    cfg.visualizer.vis_backends = cfg.vis_backends = [dict(type="LocalVisBackend")]
    for split in ("train", "val", "test"):
        loader = cfg.get(f"{split}_dataloader")
        if loader is not None:
            loader.update(num_workers=0, persistent_workers=False, batch_size=2)
            loader.dataset.ann_file = str(store_path(folder, split))
            loader.dataset.pop("label_ratio", None)
    if "cls_head" in cfg.model:
        cfg.model.cls_head.num_classes = 2
        cfg.model.backbone.pop("init_cfg", None)
    return cfg


def _changed_value(chance: random.Random, cfg: Config) -> Case:
    places = list(_places(cfg, ""))
    holder, key, path = chance.choice(places)
    kind = chance.choice(("value", "value", "value", "drop", "misspell", "add"))
    if kind == "value" or isinstance(holder, list):
        value = chance.choice(VALUES)
        holder[key] = value
        words = f"{path} = {value!r}"
    elif kind == "drop":
        holder.pop(key)
        words = f"without {path}"
    elif kind == "misspell":
        words = f"{path} misspelt"
        if key == "type":
            holder[key] = _misspelt(chance, str(holder[key]))
        else:
            holder[_misspelt(chance, key)] = holder.pop(key)
    else:
        added = holder[key] if isinstance(holder[key], dict) else holder
        added["surplus"] = 1
        words = f"surplus option at {path}"
    words = f"{Path(cfg.filename).name}: {words}"

    def run() -> int:
        with mock.patch.object(Config, "fromfile", lambda *args, **kwargs: cfg):
            return cli.train([str(cfg.filename)])

    return Case(words, run)


def _places(holder: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield each place of a config: its dict or list, its key and its path."""
    keys = range(len(holder)) if isinstance(holder, list) else list(holder)
    for key in keys:
        if path or key in SECTIONS:
            place = f"{path}.{key}".lstrip(".")
            yield holder, key, place
            if isinstance(holder[key], dict | list):
                yield from _places(holder[key], place)


def _misspelt(chance: random.Random, word: str) -> str:
    place = chance.randrange(max(len(word), 1))
    return word[:place] + chance.choice(("", "x", "_")) + word[place + 1 :]


def _changed_file(chance: random.Random, file: Path) -> Case:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    place = chance.randrange(len(lines))
    kind = chance.choice(("drop", "twice", "cut", "sign", "bytes"))
    if kind == "drop":
        del lines[place]
    elif kind == "twice":
        lines.insert(place, lines[place])
    elif kind == "cut":
        del lines[place:]
    elif kind == "sign":
        column = chance.randrange(len(lines[place]))
        sign = chance.choice("()[]{}=,:'\"\\\t&*!%@#-")
        lines[place] = lines[place][:column] + sign + lines[place][column + 1 :]
    content = "".join(lines).encode()
    if kind == "bytes":
        at = chance.randrange(len(content))
        content = content[:at] + chance.randbytes(3) + content[at:]
    changed = Path(f"changed{file.suffix}")
    changed.write_bytes(content)
    return Case(f"{file.name}: {kind} at line {place + 1}", lambda: cli.train([str(changed)]))


OPTIONS = (
    *(["--seed", value] for value in ("-1", "4294967296", "x", "1.5", "99999999999999999999")),
    *(["--launcher", value] for value in ("pytorch", "slurm", "mpi", "other")),
    *(["--resume", value] for value in ("none.pth", ".", "config0.py", "", "http://localhost:9/x")),
    *(["--work-dir", value] for value in ("", "config0.py", "/proc/none", "a\0b")),
    *(
        ["--cfg-options", value]
        for value in (
            *("x", "=1", "a..b=1", "model=", "model=5", "model.depth.x=1", "model.backbone.depth="),
            *("a=[1,(2]", "a=" + "(" * 3000, "a=[" + "1," * 100, "param_scheduler.9.end=1"),
            *("train_dataloader.batch_size=0", "train_dataloader.batch_size=100000"),
            *("train_dataloader.dataset.ann_file=None", "train_dataloader.dataset.ann_file="),
            *("load_from=http://localhost:9/x.pth", "load_from=none.pth", "load_from=5"),
            *("model.backbone.depth=-1", "train_cfg.max_epochs=0", "optim_wrapper.optimizer.lr=-1"),
            *("optim_wrapper.clip_grad.max_norm=-1", "custom_hooks=5", "default_scope=none"),
            *("val_cfg=None", "train_cfg.type=Loop", "model.backbone.embed_dims=30", "seed=1"),
            *("custom_imports.imports=[none]", "log_level=LOUD", "resume=maybe", "work_dir=None"),
            *("model.decoder.in_channels=7", "model.alignment.in_channels=9", "randomness.seed=-1"),
        )
    ),
    ["--amp", "--amp"],
    ["--auto-scale-lr"],
    ["--unknown"],
    ["second_config.py"],
)


def _changed_command(chance: random.Random, file: Path) -> Case:
    options = [word for part in chance.sample(OPTIONS, chance.choice((1, 1, 2))) for word in part]
    drop_last = ["--cfg-options", "train_dataloader.drop_last=True"]
    options += drop_last if chance.random() < 0.3 and "--cfg-options" not in options else []
    return Case(f"options {options}", lambda: cli.train([str(file), *options]))


def _hostile_file(chance: random.Random, file: Path) -> Case:
    touch = f"touch {Path.cwd() / CANARY}"
    name, text = chance.choice(
        (
            ("hostile.yaml", f"model: !!python/object/apply:os.system ['{touch}']"),
            ("hostile.yaml", f"model: !!python/object/new:subprocess.getoutput ['{touch}']"),
            ("hostile.yml", f"model: {{type: os.system, command: '{touch}'}}"),
            ("hostile.json", json.dumps(dict(model=dict(type="os.system", command=touch)))),
            ("hostile.yaml", "custom_imports: {imports: [canary_module]}"),
            ("hostile.yaml", f"_base_: {Path('canary_module.py').absolute()}"),
            ("hostile.yaml", "default_scope: canary_module"),
            ("hostile.yaml", "a: " + "[" * 100_000),
            ("hostile.json", '{"a": ' + "[" * 200_000),
            ("hostile.json", '{"a": ' + "9" * 100_000 + "}"),
            ("hostile.yaml", "a0: &a0 [1,1]\n" + _aliases(60)),
            ("hostile.yaml", "a: " + "x" * 50_000_000),
            ("hostile.py", "_base_ = 'hostile.py'"),
            ("hostile.py", "x = ["),
            ("hostile.py", "import module_that_does_not_exist"),
            ("hostile.py", "\0"),
            ("hostile.txt", "model = dict()"),
        )
    )
    Path("canary_module.py").write_text(f"import os\nos.system('{touch}')\n")
    Path(name).write_text(text)
    sys.path.insert(0, str(Path.cwd()))
    return Case(f"{name}: {text[:70]!r}", lambda: cli.train([name]))


def _aliases(depth: int) -> str:
    return "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, depth))


def _child(case: Case, report: Path) -> None:
    """Run the case and exit; the report has how it ended and the error's lines."""
    log = Path("output").open("w", encoding="utf-8")  # noqa: SIM115 (the process ends with it)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    sys.stdout = sys.stderr = log
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (2 * MAX_BYTES, 2 * MAX_BYTES))
    try:
        with mock.patch.object(EpochBasedTrainLoop, "run_iter", _one_iteration()):
            code = case.run()
        log.flush()
        report.write_text(_refused(code))
    except Stop:
        report.write_text("trained")
    except SystemExit as error:
        report.write_text("refused" if error.code == 2 else f"exit {error.code}")
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        report.write_text(f"traceback\n{text} ({place.filename}:{place.lineno})")
    finally:
        os._exit(0)


def _refused(code: int) -> str:
    lines = Path("output").read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if code == 0:
        return "trained"
    if code == 2 and len(errors) == 1 and lines[-1] == errors[0]:
        return f"refused\n{errors[0][:300]}"
    return f"no single line\n{code} {errors}"


def _one_iteration() -> Callable:
    run_iter = EpochBasedTrainLoop.run_iter

    def run_one(self: EpochBasedTrainLoop, *args: Any) -> None:
        run_iter(self, *args)
        raise Stop

    return run_one


def _resident_bytes() -> int:
    """The memory of this process, which a child shares at first."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _wait(child: int) -> tuple[int | None, int]:
    """Wait for the child; its status, None for a hang, and its peak memory in bytes."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return status, usage.ru_maxrss * 1024
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    _, _, usage = os.wait4(child, 0)
    return None, usage.ru_maxrss * 1024


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
