"""Run the study of docs/benchmarks.md: what pretraining gains on real poses.

    python tools/benchmark/wlasl_hands.py run data/wlasl_hands work_dirs/wlasl_hands
    python tools/benchmark/wlasl_hands.py report work_dirs/wlasl_hands

run works through the jobs below. A finished job has a result.json and is skipped, so the study can
be stopped, resumed and split (--share 1/2 and --share 2/2 in two shells). report prints the tables.
Scores are those after the last epoch on the official validation split, so the split selects no
epoch.
"""

from __future__ import annotations

import argparse
import json
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
from masa_mm.atomic_write import atomic_write
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
# Pretraining -> epochs. The ablations are short; masa_short is what they are compared with.
PRETRAINED = {"masa": 40, "masa_short": 20, "motion_only": 20, "alignment_only": 20}
# Networks with one training per seed; a run starts from the pretraining of its own seed.
SEEDED = ("random network", "masa")
# Rows of the frozen table -> segments over which features are averaged.
FROZEN = {
    "raw poses": 8,
    **{name: 1 for name in ("random network", *PRETRAINED)},
    **{f"{name}, 4 segments": 4 for name in ("random network", *PRETRAINED)},
}
# Rows of the frozen table with few labels.
FROZEN_FEW = ("raw poses", "random network, 4 segments", "masa, 4 segments")
# Rows of the trained table -> config.
TRAINED = dict(scratch="masa_scratch_tiny", masa="masa_finetune_tiny", stgcnpp="stgcnpp")


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
        """Folder of the job."""
        parts = [self.kind, self.arm.replace(",", "").replace(" ", "_")]
        if self.subset:
            parts += [str(self.subset), f"{self.ratio:.0%}".rstrip("%") + "pc"]
        return "-".join([*parts, f"seed{self.seed}"])


def jobs() -> Iterator[Job]:
    """Yield all jobs in an order in which dependencies come first."""
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
                for arm in ("scratch", "masa"):
                    yield Job("finetune", arm, seed, subset, ratio)
    for subset in SUBSETS:
        for seed in SEEDS:
            yield Job("finetune", "stgcnpp", seed, subset)


def seeds_of(network: str) -> tuple[int, ...]:
    """Seeds of a network."""
    return SEEDS if network in SEEDED else SEEDS[:1]


def network_of(row: str) -> str:
    """Network of a row of the frozen table."""
    return row.split(",")[0]


class Study:
    """Runs jobs, with one folder per job under ``out``.

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
        """Run a job, unless it has a result."""
        path = self.out / job.name / "result.json"
        if path.exists():
            return
        print(f"{time.strftime('%H:%M')} {job.name}", flush=True)
        start = time.perf_counter()
        action: Callable[[Job], dict] = getattr(self, job.kind)
        result = action(job)
        result |= asdict(job) | dict(
            seconds=round(time.perf_counter() - start),
            machine=f"{platform.machine()}, {torch.get_num_threads()} thread",
            torch=torch.__version__,
            precision="bfloat16 autocast" if self.amp else "float32",
        )
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(result, indent=2))

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
        datasets = []
        for split in ("train", "val"):
            dataset = cfg[f"{split}_dataloader"].dataset
            dataset.pipeline = list(cfg.test_pipeline)
            if job.arm == "raw poses":
                # Averages gain from all frames, and from filled frames without a hand.
                dataset.pipeline = [p for p in dataset.pipeline if p.type != "SampleSignFrames"]
                dataset.pipeline.insert(1, dict(type="InterpolateJoints"))
            datasets.append(DATASETS.build(dataset))
        train, val = map(self._features(job, cfg, datasets[0]), datasets)
        scores = dict(
            knn=nearest_neighbour_scores(train, val), linear=linear_probe_scores(train, val)
        )
        return {
            name: top_k_accuracies(true_class_ranks(score, val.labels), val.labels)
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
        """Train with all or a share of the labels, and score the last epoch."""
        few = job.arm == "masa" and job.ratio < 1
        config = "masa_finetune_few_tiny" if few else TRAINED[job.arm]
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
                # Load and train in one thread, so that two shares fit on two cores.
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
    """Train for more epochs with few labels, because such epochs have fewer iterations."""
    factor = round(min(1 / ratio, 4) ** 0.5, 2)
    set_epochs(cfg, round(cfg.train_cfg.max_epochs * factor))


def set_epochs(cfg: Config, epochs: int) -> None:
    """Set the number of epochs and save only the last."""
    cfg.train_cfg.max_epochs = epochs
    cfg.default_hooks.checkpoint.interval = epochs
    cfg.param_scheduler[-1].end = epochs


# ---- report ------------------------------------------------------------------------------------


def report(out: Path) -> str:
    """Make the tables of docs/benchmarks.md."""
    results = [json.loads(path.read_text()) for path in sorted(out.glob("*/result.json"))]
    sections = []
    for subset in SUBSETS:
        for metric in ("linear", "knn"):
            rows = collect_rows(results, "frozen", metric, subset, tuple(FROZEN))
            sections.append(f"### WLASL{subset}-hands, frozen, {metric}\n\n{table(rows)}")
        rows = collect_rows(results, "finetune", "finetune", subset, tuple(TRAINED))
        sections.append(f"### WLASL{subset}-hands, trained\n\n{table(rows)}")
    return "\n\n".join(sections)


def collect_rows(
    results: list[dict], kind: str, metric: str, subset: int, arms: tuple[str, ...]
) -> dict[str, list[dict]]:
    """Collect the scores of the runs of each arm at each share of the labels."""
    rows = {}
    for ratio in RATIOS:
        for arm in arms:
            row = dict(kind=kind, arm=arm, subset=subset, ratio=ratio)
            runs = [result[metric] for result in results if row.items() <= result.items()]
            if runs:
                rows[f"{arm}, {ratio:.0%} of the labels"] = runs
    return rows


def table(rows: dict[str, list[dict]]) -> str:
    """Make a Markdown table of P-I and P-C, top-1 and top-5, with one line per row."""
    names = ("top1_pi", "top5_pi", "top1_pc", "top5_pc")
    lines = [
        "| | runs | P-I top-1 | P-I top-5 | P-C top-1 | P-C top-5 |",
        "|---|---|---|---|---|---|",
    ]
    for row, runs in rows.items():
        cells = " | ".join(mean_and_std([run[name] for run in runs]) for name in names)
        lines.append(f"| {row} | {len(runs)} | {cells} |")
    return "\n".join(lines)


def mean_and_std(values: list[float]) -> str:
    """Mean and standard deviation in percent."""
    percent = 100 * np.array(values)
    std = f" ± {percent.std(ddof=1):.1f}" if len(percent) > 1 else ""
    return f"{percent.mean():.1f}{std}"


# ---- command line ------------------------------------------------------------------------------


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the jobs that have no result")
    run.add_argument("data", type=Path, help="folder of the stores and the official lists")
    run.add_argument("out", type=Path, help="folder of the results")
    run.add_argument(
        "--only", nargs="*", default=[""], help="run jobs with such a text in the name"
    )
    run.add_argument("--share", default="1/1", help="1/2 runs every second job, from the first")
    run.add_argument("--amp", action="store_true", help="train in bfloat16 autocast")
    show = commands.add_parser("report", help="print the tables")
    show.add_argument("out", type=Path, help="folder of the results")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the study or print its tables."""
    args = parse_args(argv)
    if args.command == "report":
        print(report(args.out))
        return 0
    torch.set_num_threads(1)
    share, shares = map(int, args.share.split("/"))
    selected = [job for job in jobs() if any(part in job.name for part in args.only)]
    study = Study(args.data.resolve(), args.out.resolve(), args.amp)
    for job in selected[share - 1 :: shares]:
        study.run(job)
    return 0


if __name__ == "__main__":
    sys.exit(main())
