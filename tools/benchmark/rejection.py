"""Measure confidence: calibration error, and the rejection of signs that a model does not know.

    python tools/benchmark/rejection.py CONFIG CHECKPOINT data/wlasl_hands/nslt_2000.json

The model is trained on a WLASL subset. Known clips are its validation clips, unknown ones those of
the other glosses, from the official list of all glosses. Class means are those of the training
clips' embeddings, without augmentation. Intervals are 95 % percentile intervals over 1000
resamples of the clips; they do not cover the variation between trainings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import common
import numpy as np
from mmengine.config import Config
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from masa_mm.inference.calibration import (
    Calibration,
    cross_fitted_probabilities,
    expected_calibration_error,
    fit_temperature,
    rejection_threshold,
)
from masa_mm.inference.trained_model import TrainedModel
from masa_mm.inference.validation import ScoredClips, build_dataset, score_clips

_RESAMPLES = 1000


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    return common.run(measure, parse_args(argv))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="finetuning config of a WLASL subset")
    parser.add_argument("checkpoint", help="its checkpoint")
    parser.add_argument("all_glosses", help="official list of all glosses, nslt_2000.json")
    parser.add_argument("--acceptance", type=float, default=0.95, help="share of known clips")
    return parser.parse_args(argv)


def measure(args: argparse.Namespace) -> None:
    """Print the table of calibration and that of rejection."""
    cfg, model = Config.fromfile(args.config), TrainedModel(args.config, args.checkpoint)
    train, known = (score_clips(model, build_dataset(cfg, split)) for split in ("train", "val"))
    num_classes = len(model.info.classes)
    cfg.val_dataloader.dataset.update(subset=2000, split_file=args.all_glosses)
    others = score_clips(model, build_dataset(cfg, "val"))
    is_unknown = others.labels >= num_classes
    unknown = ScoredClips(*(each[is_unknown] for each in others))
    print(f"{len(train.labels)} training, {len(known.labels)} known, {is_unknown.sum()} unknown\n")
    print_calibration(known)
    print()
    calibration = Calibration(fit_temperature(known.scores, known.labels))
    common.print_table(
        (
            rejection_row(name, confidence(known), confidence(unknown), known, args.acceptance)
            for name, confidence in confidences(train, calibration).items()
        ),
        (
            "confidence",
            "AUROC",
            f"unknown rejected at {args.acceptance:.0%} acceptance",
            "accuracy of the accepted known",
        ),
    )


def print_calibration(known: ScoredClips) -> None:
    """Print the expected calibration error, each half by the temperature of the other half."""
    before = Calibration().probabilities(known.scores)
    after = cross_fitted_probabilities(known.scores, known.labels)

    def errors(rows: np.ndarray) -> list[float]:
        labels = known.labels[rows]
        return [expected_calibration_error(each[rows], labels) for each in (before, after)]

    figures = with_intervals(errors, len(known.labels))
    common.print_table([tuple(figures)], ("ECE before", "ECE after"))


def confidences(
    train: ScoredClips, calibration: Calibration
) -> dict[str, Callable[[ScoredClips], np.ndarray]]:
    """Make the confidences [N] of clips, greater for known ones."""
    classes = np.unique(train.labels)
    means = np.stack([train.embeddings[train.labels == each].mean(0) for each in classes])
    residuals = train.embeddings - means[np.searchsorted(classes, train.labels)]
    # Rows of `whitening` decorrelate the clips of a class (Mahalanobis distance).
    whitening = np.linalg.cholesky(LedoitWolf(assume_centered=True).fit(residuals).precision_)
    energy = Calibration(rejection="energy")
    return {
        "largest probability, temperature 1": lambda clips: Calibration().confidence(clips.scores),
        "largest probability, fitted temperature": lambda clips: calibration.confidence(
            clips.scores
        ),
        "energy": lambda clips: energy.confidence(clips.scores),
        "class mean, Euclidean": lambda clips: -nearest(clips.embeddings, means),
        "class mean, cosine": lambda clips: -nearest(unit(clips.embeddings), unit(means)),
        "class mean, Mahalanobis": lambda clips: (
            -nearest(clips.embeddings @ whitening, means @ whitening)
        ),
    }


def nearest(embeddings: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Distance [N] of embeddings [N, D] to the nearest of means [K, D]."""
    return np.linalg.norm(embeddings[:, None] - means, axis=-1).min(1)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors [N, D] to length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rejection_row(
    name: str, known: np.ndarray, unknown: np.ndarray, clips: ScoredClips, acceptance: float
) -> common.Row:
    """Make a row of the table from confidences of the known [N] and the unknown clips [M]."""
    correct = clips.scores.argmax(1) == clips.labels
    both = np.concatenate([known, unknown])

    def figures(rows: np.ndarray) -> list[float]:
        is_known = rows < len(known)
        first, second = rows[is_known], both[rows[~is_known]]
        threshold = rejection_threshold(known[first], acceptance)
        accepted = first[known[first] >= threshold]
        return [
            roc_auc_score(is_known, both[rows]),
            (second < threshold).mean(),
            correct[accepted].mean(),
        ]

    return (name, *with_intervals(figures, len(known), len(unknown)))


def with_intervals(figures: Callable[[np.ndarray], list[float]], *sizes: int) -> list[str]:
    """Format figures of clips with bootstrap intervals; groups of clips are drawn one by one.

    Args:
        figures (Callable): Maps indices of clips to figures.
        *sizes (int): Numbers of clips of the groups, whose indices follow each other.
    """
    rng = np.random.default_rng(0)
    starts = np.cumsum([0, *sizes[:-1]])
    draws = [
        figures(
            np.concatenate(
                [s + rng.integers(size, size=size) for s, size in zip(starts, sizes, strict=True)]
            )
        )
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    values = figures(np.arange(sum(sizes)))
    return [f"{v:.3f} [{a:.3f}, {b:.3f}]" for v, a, b in zip(values, low, high, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
