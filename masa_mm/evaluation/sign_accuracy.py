"""The metric of isolated sign recognition: top-k per instance and per class, with intervals."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from masa_mm.errors import UserError
from masa_mm.evaluation.accuracy import bootstrap_intervals, top_k_accuracies, true_class_ranks


@METRICS.register_module()
class SignAccuracy(BaseMetric):
    """Top-k accuracy per instance (P-I) and per class (P-C) with bootstrap intervals.

    The benchmarks' metrics (MASA, section IV). Reports fractions in [0, 1], as MMAction2's
    ``AccMetric`` does, under ``sign/top1_pi``, ``sign/top1_pi_low``, ``sign/top1_pi_high``,
    ``sign/top1_pc``, ... for each k; choose checkpoints by ``save_best='sign/top1_pi',
    rule='greater'``. A subset's numbers follow under ``sign/<subset>_top1_pi``, ...

    P-C averages over the classes that have a test clip. Equal scores count against the prediction
    (see :func:`~masa_mm.evaluation.accuracy.true_class_ranks`). Of each clip only the rank of the
    true class is kept, so memory does not grow with the number of classes.

    Args:
        topk: the k to report.
        subsets: name -> classes whose clips are also reported apart, ranked among all classes
            (NMFs-CSL's 'confusing' and 'normal'): a list of labels or class names, or a file with
            one a line, or a JSON list. Names need a dataset whose ``metainfo`` has ``classes``.
        missing_subsets: what to do about a subset whose file is not there: 'error', or 'skip': the
            log names it, the others are reported.
        num_resamples: bootstrap draws; 0 leaves the intervals out.
        confidence: mass of the interval.
        seed: of the bootstrap.
        collect_device, prefix, collect_dir: see :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: naming the clip that has no label, a label outside the classes or NaN scores;
            when k exceeds the number of classes; when a subset has an unknown class or no clip.
        FileNotFoundError: a subset's file does not exist.
    """

    default_prefix = "sign"

    def __init__(
        self,
        topk: Sequence[int] = (1, 5),
        subsets: Mapping[str, str | Path | Sequence[int | str]] | None = None,
        missing_subsets: str = "error",
        num_resamples: int = 1000,
        confidence: float = 0.95,
        seed: int = 0,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        self.topk = (topk,) if isinstance(topk, int) else tuple(topk)
        if not self.topk or min(self.topk) < 1:
            raise UserError(f"SignAccuracy: topk must be whole numbers from 1, got {topk}")
        if missing_subsets not in ("error", "skip"):
            raise UserError(
                f"SignAccuracy: missing_subsets is 'error' or 'skip', not '{missing_subsets}'"
            )
        if missing_subsets == "skip":
            subsets = _without_missing(subsets or {})
        self.subsets = {name: _read_classes(name, given) for name, given in (subsets or {}).items()}
        self._num_classes = 0
        self.num_resamples = num_resamples
        self.confidence = confidence
        self.seed = seed

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep (rank of the true class, label) of each clip.

        Args:
            data_batch: not used.
            data_samples: dicts with ``pred_score`` [C], ``gt_label`` [1] and, for error messages,
                ``frame_dir``.
        """
        labels = np.array([self._label_of(sample) for sample in data_samples])
        scores = np.stack([self._scores_of(sample) for sample in data_samples])
        num_classes = scores.shape[1]
        if max(self.topk) > num_classes:
            raise UserError(
                f"SignAccuracy: top-{max(self.topk)} of {num_classes} classes means nothing; "
                f"set topk to numbers below {num_classes} in the evaluator"
            )
        for row in np.flatnonzero((labels >= num_classes) | np.isnan(scores).any(1)):
            fault = (
                "its scores hold NaN: the network has diverged or its input holds NaN"
                if np.isnan(scores[row]).any()
                else f"label {labels[row]} is outside the model's {num_classes} classes: "
                "check num_classes in the head's config and the class list of the dataset"
            )
            raise UserError(f"SignAccuracy: clip {_name_of(data_samples[row])}: {fault}")
        self._num_classes = num_classes
        ranks = true_class_ranks(scores, labels)
        self.results.extend(zip(ranks.tolist(), labels.tolist(), strict=True))

    def compute_metrics(self, results: list[tuple[int, int]]) -> dict[str, float]:
        """The metrics of all collected (rank, label) pairs; keys as in the class docstring."""
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
        """Labels of a subset given as labels or class names."""
        names = (self.dataset_meta or {}).get("classes") or ()
        known = {name: label for label, name in enumerate(names)}
        # A class name wins over its reading as a number: some glosses are digits.
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
            found = "no label" if not values or values == [-1] else f"label {values}"
            raise UserError(
                f"SignAccuracy: clip {_name_of(sample)} has {found}; "
                "accuracy needs one class for each clip: evaluate on a labelled split"
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
        # double() first: numpy has no bfloat16, which autocast may leave behind.
        return torch.as_tensor(scores).detach().double().cpu().numpy()


def _name_of(sample: dict) -> str:
    return repr(sample.get("frame_dir", "without a name"))


def _without_missing(subsets: Mapping[str, Any]) -> dict[str, Any]:
    """The subsets whose classes are there; the log names the others."""
    is_missing = {
        name: isinstance(given, (str, Path)) and not Path(given).is_file()
        for name, given in subsets.items()
    }
    for name in (name for name, missing in is_missing.items() if missing):
        print_log(
            f"SignAccuracy: no subset '{name}', for there is no {subsets[name]}",
            logger="current",
            level=logging.WARNING,
        )
    return {name: given for name, given in subsets.items() if not is_missing[name]}


def _read_classes(subset: str, classes: str | Path | Sequence[int | str]) -> tuple[int | str, ...]:
    """A subset's entries from a list, a JSON list or a text file with one class a line."""
    if not isinstance(classes, (str, Path)):
        entries = list(classes)
    else:
        path = Path(classes)
        if not path.is_file():
            raise FileNotFoundError(f"SignAccuracy: no class list of subset '{subset}' at {path}")
        text = path.read_text(encoding="utf-8")
        entries = _json_list(path, text) if path.suffix == ".json" else text.split("\n")
        entries = [entry.strip() if isinstance(entry, str) else entry for entry in entries]
        entries = [entry for entry in entries if entry != ""]
    if not entries:
        raise UserError(f"SignAccuracy: subset '{subset}' lists no class")
    return tuple(entries)


def _json_list(path: Path, text: str) -> list:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"SignAccuracy: {path} is not valid JSON ({error})") from None
    if not isinstance(entries, list):
        raise UserError(f"SignAccuracy: {path} must hold a JSON list of classes")
    return entries
