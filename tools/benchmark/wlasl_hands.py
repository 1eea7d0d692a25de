"""What pretraining is worth on real poses: the study behind docs/benchmarks.md.

    python tools/benchmark/wlasl_hands.py run data/wlasl_hands work_dirs/wlasl_hands
    python tools/benchmark/wlasl_hands.py report work_dirs/wlasl_hands

``run`` works through the jobs below, each once: a job's numbers lie in its ``result.json`` and are
not made again, so the study can be stopped, resumed and shared (``--share 1/2`` and ``--share 2/2``
in two shells). ``report`` prints the tables. Scores are those after the last epoch, on the official
validation split: nothing is chosen on it by the run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

import masa_mm  # noqa: F401  (registers the components)
from masa_mm.engine import StrictPretrained
from masa_mm.evaluation import top_k_accuracies, true_class_ranks
from masa_mm.evaluation.frozen_features import (
    calibrate_batch_norm,
    extract_features,
    linear_probe_scores,
    nearest_neighbour_scores,
    raw_pose_features,
)

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "wlasl_hands"
SUBSETS = (100, 300)
RATIOS = (1.0, 0.25, 0.1)
SEEDS = (0, 1, 2)
# What is pretrained, and for how many epochs; the ablations are short, and so is what they are
# compared with.
PRETRAINED = {"masa": 40, "masa_short": 20, "motion_only": 20, "alignment_only": 20}
# What is made anew with each seed: a run starts from the pretraining of its own.
REPEATED = ("random network", "masa")
# The rows of the frozen table: features and the segments they are averaged over.
FROZEN = {
    "raw poses": 8,
    **{name: 1 for name in ("random network", *PRETRAINED)},
    **{f"{name}, 4 segments": 4 for name in ("random network", *PRETRAINED)},
}
TRAINED = ("scratch", "masa", "stgcnpp")
# What more is known of with few labels.
FROZEN_FEW = ("raw poses", "random network, 4 segments", "masa, 4 segments")


@dataclass(frozen=True)
class Job:
    """One training or evaluation; the fields name its folder and its row in the tables."""

    kind: str
    arm: str
    seed: int = 0
    subset: int = 0
    ratio: float = 1.0

    @property
    def name(self) -> str:
        """The folder of the job."""
        parts = [self.kind, self.arm.replace(",", "").replace(" ", "_")]
        if self.subset:
            parts += [str(self.subset), f"{self.ratio:.0%}".rstrip("%") + "pc"]
        return "-".join([*parts, f"seed{self.seed}"])


def jobs() -> Iterator[Job]:
    """All jobs, in an order in which each finds what it needs."""
    for arm in PRETRAINED:
        for seed in seeds_of(arm):
            yield Job("pretrain", arm, seed)
    for subset in SUBSETS:
        for arm in FROZEN:
            for seed in seeds_of(network_of(arm)):
                yield Job("frozen", arm, seed, subset)
        for ratio in RATIOS[1:]:
            for arm in FROZEN_FEW:
                for seed in SEEDS:
                    yield Job("frozen", arm, seed, subset, ratio)
    for ratio in sorted(RATIOS):
        for subset in SUBSETS:
            for seed in SEEDS:
                for arm in TRAINED[:2]:
                    yield Job("finetune", arm, seed, subset, ratio)
    for subset in SUBSETS:
        for seed in SEEDS:
            yield Job("finetune", "stgcnpp", seed, subset)


def seeds_of(network: str) -> tuple[int, ...]:
    """How often a network is made."""
    return SEEDS if network in REPEATED else SEEDS[:1]


def network_of(row: str) -> str:
    """The network behind a row of the frozen table."""
    return row.split(",")[0]


class Study:
    """Runs jobs on one thread, with everything under ``out``.

    Args:
        data (Path): Folder of ``wlasl_hands_{train,val}.safetensors`` and ``nslt_{100,300}.json``.
        out (Path): Folder of the jobs.
        amp (bool): Train every network in bfloat16 autocast.
    """

    def __init__(self, data: Path, out: Path, amp: bool = False) -> None:
        self.data = data
        self.out = out
        self.amp = amp

    def run(self, job: Job) -> None:
        """Run a job unless its result is there."""
        folder = self.out / job.name
        if (folder / "result.json").exists():
            return
        print(f"{time.strftime('%H:%M')} {job.name}", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        actions: dict[str, Callable[[Job], dict]] = dict(
            pretrain=self.pretrain, frozen=self.frozen, finetune=self.finetune
        )
        start = time.perf_counter()
        result = actions[job.kind](job)
        result |= asdict(job) | dict(
            seconds=round(time.perf_counter() - start),
            machine=f"{platform.machine()}, {torch.get_num_threads()} thread",
            torch=torch.__version__,
            precision="bfloat16 autocast" if self.amp else "float32",
        )
        beside = folder / "result.json.tmp"
        beside.write_text(json.dumps(result, indent=2))
        os.replace(beside, folder / "result.json")

    def pretrain(self, job: Job) -> dict:
        """Pretrain on the unlabelled training clips."""
        cfg = self._config("masa_pretrain_tiny", job)
        cfg.train_dataloader.dataset.ann_file = str(self.data / "wlasl_hands_train.safetensors")
        set_epochs(cfg, PRETRAINED[job.arm])
        if job.arm == "motion_only":
            cfg.model.alignment = None
            cfg.custom_hooks = []
        elif job.arm == "alignment_only":
            cfg.model.motion_loss.loss_weight = 0.0
        Runner.from_cfg(cfg).train()
        return dict(epochs=cfg.train_cfg.max_epochs)

    def frozen(self, job: Job) -> dict:
        """Score frozen features by nearest neighbours and by a linear classifier."""
        init_default_scope("mmaction")
        cfg = self._config(f"masa_finetune_tiny_{job.subset}", job)
        self._point_to_data(cfg, job)
        sets = []
        for split in ("train", "val"):
            dataset = cfg[f"{split}_dataloader"].dataset
            dataset.pipeline = list(cfg.test_pipeline)
            if job.arm == "raw poses":
                # Averages have no need of a fixed number of frames and gain from all of them, and
                # from hands that are filled in where the detector lost them.
                dataset.pipeline = [p for p in dataset.pipeline if p.type != "SampleSignFrames"]
                dataset.pipeline.insert(1, dict(type="InterpolateJoints"))
            sets.append(DATASETS.build(dataset))
        sets = [*map(self._features(job, cfg, sets[0]), sets)]
        scores = dict(knn=nearest_neighbour_scores(*sets), linear=linear_probe_scores(*sets))
        return {
            name: top_k_accuracies(true_class_ranks(score, sets[1].labels), sets[1].labels)
            for name, score in scores.items()
        }

    def _features(self, job: Job, cfg: Config, train: BaseDataset) -> Callable:
        segments = FROZEN[job.arm]
        if job.arm == "raw poses":
            return partial(raw_pose_features, num_segments=segments)
        torch.manual_seed(job.seed)
        backbone = MODELS.build(cfg.model.backbone)
        network = network_of(job.arm)
        if network == "random network":
            calibrate_batch_norm(backbone, train)
        else:
            StrictPretrained(self._checkpoint(network, job.seed), "backbone.")(backbone)
        return partial(extract_features, backbone, num_segments=segments)

    def finetune(self, job: Job) -> dict:
        """Train with labels, all or a share of them, and score the last epoch."""
        config = dict(scratch="masa_scratch_tiny", masa="masa_finetune_tiny", stgcnpp="stgcnpp")[
            job.arm
        ]
        if job.arm == "masa" and job.ratio < 1:
            config = "masa_finetune_few_tiny"
        cfg = self._config(f"{config}_{job.subset}", job)
        self._point_to_data(cfg, job)
        if job.arm == "masa":
            cfg.model.backbone.init_cfg.checkpoint = self._checkpoint("masa", job.seed)
        runner = Runner.from_cfg(cfg)
        runner.train()
        metrics = {
            key.removeprefix("sign/"): float(value) for key, value in runner.val_loop.run().items()
        }
        return dict(
            finetune=metrics,
            epochs=cfg.train_cfg.max_epochs,
            clips=len(runner.train_dataloader.dataset),
        )

    def _config(self, name: str, job: Job) -> Config:
        cfg = Config.fromfile(CONFIGS / f"{name}.py")
        cfg.work_dir = str(self.out / job.name)
        cfg.experiment_name = f"{job.name}-{time.time_ns()}"
        cfg.randomness = dict(seed=job.seed)
        cfg.log_level = "WARNING"
        cfg.visualizer.vis_backends = [dict(type="LocalVisBackend")]
        cfg.default_hooks.checkpoint.interval = cfg.train_cfg.max_epochs
        if self.amp:
            cfg.optim_wrapper.update(type="AmpOptimWrapper", dtype="bfloat16")
        for split in ("train", "val", "test"):
            if f"{split}_dataloader" in cfg:
                # One thread loads and trains: two studies then share two cores without a fight.
                cfg[f"{split}_dataloader"].update(num_workers=0, persistent_workers=False)
        return cfg

    def _point_to_data(self, cfg: Config, job: Job) -> None:
        for split in ("train", "val", "test"):
            dataset = cfg[f"{split}_dataloader"].dataset
            stored = "train" if split == "train" else "val"
            dataset.ann_file = str(self.data / f"wlasl_hands_{stored}.safetensors")
            dataset.split_file = str(self.data / f"nslt_{job.subset}.json")
        if job.ratio < 1:
            repeat_epochs(cfg, job.ratio)
            cfg.train_dataloader.dataset.update(label_ratio=job.ratio, label_seed=job.seed)
        cfg.train_cfg.val_interval = cfg.train_cfg.max_epochs

    def _checkpoint(self, arm: str, seed: int) -> str:
        folder = self.out / Job("pretrain", arm, seed).name
        if not (folder / "result.json").exists():
            raise FileNotFoundError(f"{folder}: pretraining '{arm}' has not finished; run it first")
        return str(folder / (folder / "last_checkpoint").read_text().rsplit("/", 1)[-1])


def repeat_epochs(cfg: Config, ratio: float) -> None:
    """Lengthen training with few labels, whose epochs are shorter; convergence takes iterations."""
    factor = round(min(1 / ratio, 4) ** 0.5, 2)
    set_epochs(cfg, round(cfg.train_cfg.max_epochs * factor))


def set_epochs(cfg: Config, epochs: int) -> None:
    """Train for so many epochs and save the last."""
    cfg.train_cfg.max_epochs = epochs
    cfg.default_hooks.checkpoint.interval = epochs
    cfg.param_scheduler[-1].end = epochs


def collect(out: Path) -> list[dict]:
    """All results."""
    return [json.loads(path.read_text()) for path in sorted(out.glob("*/result.json"))]


def cell(values: list[float]) -> str:
    """Mean and standard deviation in percent."""
    percent = 100 * np.array(values)
    spread = f" ± {percent.std(ddof=1):.1f}" if len(percent) > 1 else ""
    return f"{percent.mean():.1f}{spread}"


def table(rows: dict[str, list[dict]]) -> str:
    """A Markdown table of P-I and P-C, top-1 and top-5, a line for each row's runs."""
    names = ("top1_pi", "top5_pi", "top1_pc", "top5_pc")
    lines = [
        "| | runs | P-I top-1 | P-I top-5 | P-C top-1 | P-C top-5 |",
        "|---|---|---|---|---|---|",
    ]
    for row, runs in rows.items():
        cells = " | ".join(cell([run[name] for run in runs]) for name in names)
        lines.append(f"| {row} | {len(runs)} | {cells} |")
    return "\n".join(lines)


def report(out: Path) -> str:
    """The tables of docs/benchmarks.md."""
    results = collect(out)
    sections = []
    for subset in SUBSETS:
        for metric in ("linear", "knn"):
            rows = labelled_rows(results, "frozen", metric, subset, tuple(FROZEN))
            sections.append(f"### WLASL{subset}-hands, frozen, {metric}\n\n{table(rows)}")
        rows = labelled_rows(results, "finetune", "finetune", subset, TRAINED)
        sections.append(f"### WLASL{subset}-hands, trained\n\n{table(rows)}")
    return "\n\n".join(sections)


def labelled_rows(
    results: list[dict], kind: str, metric: str, subset: int, arms: tuple[str, ...]
) -> dict[str, list[dict]]:
    """The scores of each arm at each share of the labels, for :func:`table`."""
    rows = {}
    for ratio in RATIOS:
        for arm in arms:
            wanted = dict(kind=kind, arm=arm, subset=subset, ratio=ratio)
            runs = [result[metric] for result in results if wanted.items() <= result.items()]
            if runs:
                rows[f"{arm}, {ratio:.0%} of the labels"] = runs
    return rows


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="work through the jobs")
    run.add_argument("data", type=Path, help="folder of the stores and the official lists")
    run.add_argument("out", type=Path, help="folder of the results")
    run.add_argument(
        "--only", nargs="*", default=[""], help="jobs whose names contain one of these"
    )
    run.add_argument("--share", default="1/1", help="'1/2' takes every second job, from the first")
    run.add_argument("--amp", action="store_true", help="train in bfloat16 autocast")
    show = commands.add_parser("report", help="print the tables")
    show.add_argument("out", type=Path)
    return parser.parse_args()


def main() -> int:
    """Run or report."""
    args = parse_args()
    if args.command == "report":
        print(report(args.out))
        return 0
    torch.set_num_threads(1)
    share, shares = map(int, args.share.split("/"))
    chosen = [job for job in jobs() if any(part in job.name for part in args.only)]
    study = Study(args.data.resolve(), args.out.resolve(), args.amp)
    for job in chosen[share - 1 :: shares]:
        study.run(job)
    return 0


if __name__ == "__main__":
    sys.exit(main())
