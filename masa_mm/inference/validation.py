"""Calibration of a trained model on the validation clips of its config."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from masa_mm.engine.hooks.coverage_hook import describe
from masa_mm.errors import UserError
from masa_mm.evaluation.accuracy import bootstrap_intervals, top_k_accuracies, true_class_ranks
from masa_mm.inference.calibration import (
    ACCEPTANCE,
    Calibration,
    calibrate,
    cross_fitted_probabilities,
    expected_calibration_error,
)
from masa_mm.inference.trained_model import TrainedModel

_BATCH = 32


class ScoredClips(NamedTuple):
    """What a model computes of labelled clips.

    Attributes:
        scores (np.ndarray): float32 [N, classes].
        embeddings (np.ndarray): float32 [N, D].
        labels (np.ndarray): int64 [N].
    """

    scores: np.ndarray
    embeddings: np.ndarray
    labels: np.ndarray


class CalibrationResult(NamedTuple):
    """A calibration, and what a model card says of it.

    Attributes:
        calibration (Calibration): Fitted on all validation clips.
        measured (dict): Number of clips, accuracies with their 95 % intervals, and the expected
            calibration error before and after, see :func:`measure`. JSON.
    """

    calibration: Calibration
    measured: dict[str, Any]


def calibrate_on_validation(
    model: TrainedModel, cfg: Config, acceptance: float = ACCEPTANCE
) -> CalibrationResult:
    """Calibrate a model on the validation clips of its config.

    Raises:
        FileNotFoundError: If a file of the validation data is missing.
        UserError: If the config has none, or they do not fit the model.
    """
    dataset = build_dataset(cfg, "val")
    check_classes(model, dataset)
    clips = score_clips(model, dataset)
    result = calibrate(clips.scores, clips.labels, acceptance=acceptance)
    data = describe(dataset) or f"{len(clips.labels)} clips of {', '.join(dataset.files)}"
    return CalibrationResult(result, dict(data=data) | measure(clips.scores, clips.labels))


def build_dataset(cfg: Config, split: str) -> BaseDataset:
    """Build the dataset of a split of a config, without its pipeline.

    Raises:
        UserError: If the config has none.
    """
    options = (cfg.get(f"{split}_dataloader") or {}).get("dataset")
    if not options:
        raise UserError(f"the config has no {split}_dataloader, whose clips calibrate the model")
    return DATASETS.build(dict(options, pipeline=[]))


def check_classes(model: TrainedModel, dataset: BaseDataset) -> None:
    """Check that a dataset has the classes of a model.

    Raises:
        UserError: If it has others.
    """
    names = list((dataset.metainfo.get("classes") or ())[: len(model.info.classes)])
    if names and names != list(model.info.classes):
        raise UserError(
            f"the validation data have other classes ({', '.join(names[:3])}, ...) than the model "
            f"({', '.join(model.info.classes[:3])}, ...)"
        )


def score_clips(model: TrainedModel, dataset: BaseDataset) -> ScoredClips:
    """Score the labelled clips of a dataset that has no pipeline.

    Raises:
        UserError: If no clip has a label.
    """
    infos = [dataset[index] for index in range(len(dataset))]
    infos = [info for info in infos if info["label"] >= 0]
    if not infos:
        raise UserError("no validation clip has a label")
    found = [
        each
        for start in range(0, len(infos), _BATCH)
        for each in model.recognize_samples(
            [model.pipeline(info) for info in infos[start : start + _BATCH]]
        )
    ]
    return ScoredClips(
        np.stack([each.scores for each in found if each.scores is not None]),
        np.stack([each.embedding for each in found]),
        np.array([info["label"] for info in infos]),
    )


def measure(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Measure a model on its validation clips.

    Returns:
        dict: ``clips``; ``top1_pi``, ``top1_pc`` and, above five classes, ``top5_pi`` and
            ``top5_pc``, each a value and the ends of its 95 % interval; ``ece_before`` and
            ``ece_after``, the expected calibration error with the temperature 1 and with the one
            fitted on the other half of the clips.
    """
    ranks = true_class_ranks(scores, labels)
    topk = [k for k in (1, 5) if k < scores.shape[1]]
    values = top_k_accuracies(ranks, labels, topk)
    intervals = bootstrap_intervals(ranks, labels, topk)
    after = cross_fitted_probabilities(scores, labels)
    return dict(
        clips=len(labels),
        **{name: [value, *intervals[name]] for name, value in values.items()},
        ece_before=expected_calibration_error(Calibration().probabilities(scores), labels),
        ece_after=expected_calibration_error(after, labels),
    )
