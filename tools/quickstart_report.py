"""Report the results of tools/quickstart.sh: a table, and pictures in its work directory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

from masa_mm.apis.reconstruction import Reconstruction, reconstruct_motion
from masa_mm.evaluation import (
    Predictions,
    bootstrap_intervals,
    load_predictions,
    top_k_accuracies,
    true_class_ranks,
)
from masa_mm.pose.store import PoseStore
from masa_mm.preparation.demo import store_path
from masa_mm.visualization import (
    confusion_counts,
    plot_clip,
    plot_confusion,
    plot_curves,
    plot_masked_motion,
    save_figure,
)

RUNS = {"with pretraining": "finetune", "without pretraining": "scratch"}
TOP = (1, 5)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dir", nargs="?", default="work_dirs/quickstart", type=Path)
    work_dir = parser.parse_args(argv).work_dir
    try:
        store = PoseStore(store_path(work_dir / "data", "test"))
        results = {
            name: load_predictions(work_dir / run / "predictions.pkl") for name, run in RUNS.items()
        }
        print(table(results, store, labels_used(work_dir / "finetune")))
        pictures = draw(work_dir, store, results["with pretraining"])
    except (ValueError, OSError) as error:
        print(f"quickstart_report: {error}", file=sys.stderr)
        return 1
    print("when pretraining helps, and why hardly on so few clips: docs/benchmarks.md\n")
    print("pictures: " + "\n          ".join(str(path) for path in pictures))
    return 0


def table(results: dict[str, Predictions], store: PoseStore, num_labels: int) -> str:
    """Format the accuracies of each run and of chance, with 95 % intervals over the test clips."""
    num_classes = len(store.glosses)
    rows = [
        "",
        f"{len(store)} test clips of {num_classes} signs, {len(np.unique(store.signer))} signers "
        f"unseen in training; {num_labels} labelled clips to train on",
        f"{'':22}{'top-1 (95 % interval)':>26}{'top-5 (95 % interval)':>26}",
        f"{'chance':22}" + "".join(f"{f'{k / num_classes:.1%}':>10}{'':16}" for k in TOP),
    ]
    for name, predictions in reversed(results.items()):
        ranks = true_class_ranks(predictions.scores, predictions.labels)
        accuracy = top_k_accuracies(ranks, predictions.labels, TOP)
        interval = bootstrap_intervals(ranks, predictions.labels, TOP)
        cells = [(accuracy[key], *interval[key]) for key in (f"top{k}_pi" for k in TOP)]
        rows.append(
            f"{name:22}"
            + "".join(f"{f'{a:.1%}':>10}{f' ({lo:.1%} - {hi:.1%})':16}" for a, lo, hi in cells)
        )
    return "\n".join([*rows, ""])


def labels_used(finetune_dir: Path) -> int:
    """Count the clips of the finetuning's training set."""
    return len(dataset_of(finetune_dir))


def dataset_of(run_dir: Path, **changes) -> object:
    """Build the training dataset of a run from the config in its work directory."""
    cfg = config_of(run_dir)
    return DATASETS.build({**cfg.train_dataloader.dataset, **changes})


def config_of(run_dir: Path) -> Config:
    """Read the config that the runner saved in a work directory."""
    paths = sorted(run_dir.glob("*.py"))
    if not paths:
        raise FileNotFoundError(f"{run_dir}: no config of a training run; run tools/quickstart.sh")
    cfg = Config.fromfile(paths[-1])
    init_default_scope(cfg.default_scope)
    return cfg


def draw(work_dir: Path, store: PoseStore, predictions: Predictions) -> list[Path]:
    """Draw all pictures and return their paths."""
    runs = {name: work_dir / run for name, run in RUNS.items()}
    counts = confusion_counts(predictions.scores, predictions.labels, len(store.glosses))
    gloss, masked = masked_clip(work_dir)
    title = (
        f"{gloss}: predicted motion is off by {masked.error:.1f} crop pixels, "
        f"no motion at all by {masked.motion_length:.1f}"
    )
    example = store.clip(0)
    figures = {
        "pretraining.png": plot_curves(
            {"pretraining": work_dir / "pretrain"},
            panels=("loss_motion", "loss_align"),
            title="Pretraining",
        ),
        "finetuning.png": plot_curves(
            runs,
            title="Finetuning (validation signers)",
            chance=1 / len(store.glosses),
        ),
        "masked_clip.png": plot_masked_motion(*masked, title=title),
        "confusion.png": plot_confusion(counts, store.glosses, "Test signers, with pretraining"),
        "clip.png": plot_clip(*example, title=store.glosses[store.label[0]]),
    }
    return [save_figure(figure, work_dir / name) for name, figure in figures.items()]


def masked_clip(work_dir: Path, num_clips: int = 24) -> tuple[str, Reconstruction]:
    """Reconstruct masked test clips and return the gloss and the clip of median error."""
    run_dir = work_dir / "pretrain"
    model = MODELS.build(config_of(run_dir).model)
    checkpoint = (run_dir / "last_checkpoint").read_text().strip()
    load_checkpoint(model, checkpoint, map_location="cpu", strict=True, logger="silent")
    dataset = dataset_of(run_dir, ann_file=str(store_path(work_dir / "data", "test")))
    # The masks are random; every report uses the same ones.
    np.random.seed(0)
    chosen = np.linspace(0, len(dataset) - 1, num_clips).round().astype(int)
    samples = [dataset[int(index)] for index in chosen]
    clips = reconstruct_motion(model, samples)
    usable = [i for i, clip in enumerate(clips) if clip.hidden.any()]
    if not usable:
        raise ValueError(f"none of {num_clips} test clips has a masked frame; lower motion_thr")
    middle = sorted(usable, key=lambda i: clips[i].error)[len(usable) // 2]
    return samples[middle]["meta"]["gloss"], clips[middle]


if __name__ == "__main__":
    sys.exit(main())
