"""Metric of isolated sign recognition: top-k per instance and per class, with intervals."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from masa_mm.datasets.clip_selection import read_ids
from masa_mm.errors import UserError
from masa_mm.evaluation.accuracy import bootstrap_intervals, top_k_accuracies, true_class_ranks
from masa_mm.option_checks import FRACTION, SEED, checked_options, whole, wholes
from masa_mm.pose.files import read_json

DEFAULT_TOPK = (1, 5)


@METRICS.register_module()
@checked_options(
    num_resamples=whole(0),
    confidence=FRACTION,
    seed=SEED,
)
class SignAccuracy(BaseMetric):
    """Top-k accuracy per instance (P-I) and per class (P-C) with bootstrap intervals.

    These are the metrics of the benchmarks (MASA, section IV). The metric reports fractions in
    [0, 1] under ``sign/top1_pi``, ``sign/top1_pi_low``, ``sign/top1_pi_high``, ``sign/top1_pc``,
    ... for each k, and those of a subset under ``sign/<subset>_top1_pi``, .... Select checkpoints
    by ``save_best='sign/top1_pi', rule='greater'``.

    A k above the number of classes is left out with a warning, since every prediction would be
    right: when the class list of the dataset is known, else with the first scores.

    P-C is the mean over the classes that have a test clip. Ties count against the prediction (see
    :func:`~masa_mm.evaluation.accuracy.true_class_ranks`).

    Args:
        topk (int or Sequence[int]): Values of k to report.
        subsets (Mapping, optional): Name -> classes whose clips are also reported separately,
            ranked among all classes (such as 'confusing' and 'normal' of NMFs-CSL). The classes are
            a list of labels or class names, a text file with one a line, or a JSON file with a
            list. Class names need a dataset whose ``metainfo`` has ``classes``.
        missing_subsets (str): 'error' raises an error if the file of a subset does not exist;
            'skip' logs a warning and omits the subset.
        num_resamples (int): Number of bootstrap resamples; 0 omits the intervals.
        confidence (float): Mass of the interval.
        seed (int): Seed of the bootstrap.
        **kwargs (Any): Options of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        UserError: If an option is invalid or a subset lists no class.
        FileNotFoundError: If the file of a subset does not exist.
    """

    default_prefix = "sign"

    def __init__(
        self,
        topk: int | Sequence[int] = DEFAULT_TOPK,
        subsets: Mapping[str, str | Path | Sequence[int | str]] | None = None,
        missing_subsets: str = "error",
        num_resamples: int = 1000,
        confidence: float = 0.95,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.topk = as_topk(topk)
        if missing_subsets not in ("error", "skip"):
            raise UserError(
                f"SignAccuracy: missing_subsets is 'error' or 'skip', not '{missing_subsets}'"
            )
        self.subsets: dict[str, Sequence[int | str]] = {}
        for name, classes in (subsets or {}).items():
            if missing_subsets == "skip" and _is_missing(classes):
                text = f"SignAccuracy: subset '{name}' is skipped, {classes} does not exist"
                print_log(text, logger="current", level=logging.WARNING)
            else:
                self.subsets[name] = _read_classes(name, classes)
        self._num_classes = 0
        self.num_resamples = num_resamples
        self.confidence = confidence
        self.seed = seed

    @property
    def dataset_meta(self) -> dict | None:
        """The ``metainfo`` of the dataset; mmengine sets it before the first epoch."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict | None) -> None:
        self._dataset_meta = dataset_meta
        classes = (dataset_meta or {}).get("classes")
        if classes:
            self._leave_out_above(len(classes))

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store each clip's label and rank of the true class, by ``gt_label`` and ``pred_score``.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Dicts with ``pred_score`` [C], ``gt_label`` [1] and, for
                error messages, ``frame_dir``.

        Raises:
            UserError: If a clip has no label, a label outside the classes or NaN scores, or if
                every k exceeds the number of classes.
        """
        labels = np.array([self._label_of(sample) for sample in data_samples])
        scores = np.stack([self._scores_of(sample) for sample in data_samples])
        num_classes = scores.shape[1]
        self._leave_out_above(num_classes)
        for row in np.flatnonzero((labels >= num_classes) | np.isnan(scores).any(1)):
            problem = (
                "its scores contain NaN: the network has diverged or its input contains NaN"
                if np.isnan(scores[row]).any()
                else f"label {labels[row]} is outside the model's {num_classes} classes: "
                "check num_classes in the head's config and the class list of the dataset"
            )
            raise UserError(f"SignAccuracy: clip {_name_of(data_samples[int(row)])}: {problem}")
        self._num_classes = num_classes
        ranks = true_class_ranks(scores, labels)
        self.results.extend(zip(ranks.tolist(), labels.tolist(), strict=True))

    def compute_metrics(self, results: list[tuple[int, int]]) -> dict[str, float]:
        """Compute the metrics of all collected (rank, label) pairs.

        Raises:
            UserError: If there is no clip, or a subset has an unknown class or no clip.
        """
        if not results:
            raise UserError("SignAccuracy: no clip was evaluated; is the test split empty?")
        ranks, labels = np.array(results, dtype=np.int64).T
        metrics = self._report(ranks, labels)
        for name, classes in self.subsets.items():
            chosen = np.isin(labels, self._as_labels(name, classes))
            if not chosen.any():
                raise UserError(f"SignAccuracy: subset '{name}' has no clip among {len(labels)}")
            metrics |= self._report(ranks[chosen], labels[chosen], f"{name}_")
        return metrics

    def _leave_out_above(self, num_classes: int) -> None:
        """Leave out the k that exceed the number of classes; a UserError if none is left."""
        topk = defined_topk(self.topk, num_classes)
        if topk != self.topk:
            text = left_out_message(self.topk, num_classes)
            print_log(text, logger="current", level=logging.WARNING)
            self.topk = topk

    def _report(self, ranks: np.ndarray, labels: np.ndarray, prefix: str = "") -> dict[str, float]:
        metrics = top_k_accuracies(ranks, labels, self.topk)
        if self.num_resamples:
            intervals = bootstrap_intervals(
                ranks, labels, self.topk, self.num_resamples, self.confidence, self.seed
            )
            for name, (low, high) in intervals.items():
                metrics |= {f"{name}_low": low, f"{name}_high": high}
        return {f"{prefix}{name}": value for name, value in metrics.items()}

    def _as_labels(self, subset: str, classes: Sequence[int | str]) -> np.ndarray:
        names = (self.dataset_meta or {}).get("classes") or ()
        known = {name: label for label, name in enumerate(names)}
        # Class names have precedence over labels, since some glosses are digits.
        labels = [known.get(entry, entry) for entry in classes]
        for label in labels:
            if not str(label).isdecimal() or int(label) >= self._num_classes:
                raise UserError(
                    f"SignAccuracy: subset '{subset}': {label!r} is neither a label below "
                    f"{self._num_classes} nor one of the dataset's {len(known)} class names"
                )
        return np.array([int(label) for label in labels])

    @staticmethod
    def _label_of(sample: dict) -> int:
        label = sample.get("gt_label")
        values = [] if label is None else np.asarray(label).reshape(-1).tolist()
        if len(values) != 1 or values[0] < 0:
            given = "no label" if not values or values == [-1] else f"label {values}"
            raise UserError(
                f"SignAccuracy: clip {_name_of(sample)} has {given}; "
                "accuracy needs one class for each clip: evaluate on a labeled split"
            )
        return int(values[0])

    @staticmethod
    def _scores_of(sample: dict) -> np.ndarray:
        scores = sample.get("pred_score")
        if not isinstance(scores, (torch.Tensor, np.ndarray)) or scores.ndim != 1:
            raise UserError(
                f"SignAccuracy: clip {_name_of(sample)} needs a 'pred_score' with one number for a "
                f"class, got {getattr(scores, 'shape', type(scores).__name__)}"
            )
        # double() first: scores can be bfloat16 under autocast, which numpy does not have.
        return torch.as_tensor(scores).detach().double().cpu().numpy()


def as_topk(topk: int | Sequence[int]) -> tuple[int, ...]:
    """Return the values of k; a UserError unless they are whole numbers from 1."""
    values = (topk,) if isinstance(topk, int) else topk
    if not wholes(1).accepts(values):
        raise UserError(f"SignAccuracy: topk must be integers from 1, got {topk}")
    return tuple(values)


def defined_topk(topk: tuple[int, ...], num_classes: int) -> tuple[int, ...]:
    """Return the k up to the number of classes; a UserError if none is left."""
    defined = tuple(k for k in topk if k <= num_classes)
    if not defined:
        raise UserError(
            f"SignAccuracy: topk is {topk}, but there are {num_classes} classes; "
            "set topk in the evaluator to smaller numbers"
        )
    return defined


def left_out_message(topk: tuple[int, ...], num_classes: int) -> str:
    """Say which k are left out."""
    names = ", ".join(f"top-{k}" for k in topk if k > num_classes)
    return f"SignAccuracy: {names} is not reported: there are only {num_classes} classes"


def _name_of(sample: dict) -> str:
    return repr(sample.get("frame_dir", "without a name"))


def _is_missing(classes: str | Path | Sequence[int | str]) -> bool:
    return isinstance(classes, (str, Path)) and not Path(classes).is_file()


def _read_classes(subset: str, classes: str | Path | Sequence[int | str]) -> Sequence[int | str]:
    """The entries of a subset from a list, a JSON file or a text file with one class a line."""
    if _is_missing(classes):
        raise FileNotFoundError(f"SignAccuracy: no class list of subset '{subset}' at {classes}")
    if isinstance(classes, (str, Path)):
        path = str(classes)
        classes = read_json(path) if path.endswith(".json") else read_ids(path)
        if not isinstance(classes, list):
            raise UserError(f"SignAccuracy: {path} must contain a JSON list of classes")
    if not len(classes):
        raise UserError(f"SignAccuracy: subset '{subset}' lists no class")
    return classes
