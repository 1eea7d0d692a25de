"""The confusion picture of ``tools/test.py --confusion``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from masa_mm.visualization import confusion_counts, most_confused, plot_confusion, save_figure

_LISTED = 5  # mistakes in the log


@METRICS.register_module()
class ConfusionPicture(BaseMetric):
    """Draw the confusion matrix of a test and log its most frequent mistakes; it adds no metric.

    Args:
        out_file (str): The picture to write; its suffix chooses the format.
        **kwargs (Any): Options of :class:`mmengine.evaluator.BaseMetric`.
    """

    default_prefix = "confusion"

    def __init__(self, out_file: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_file = out_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store the label, the best class and the number of classes of each clip.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Dicts with ``pred_score`` [C] and ``gt_label`` [1].
        """
        for sample in data_samples:
            scores = sample["pred_score"]
            self.results.append((int(sample["gt_label"]), int(scores.argmax()), len(scores)))

    def compute_metrics(self, results: list[tuple[int, int, int]]) -> dict[str, float]:
        """Write the picture of all collected clips."""
        labels, predicted, num_classes = np.array(results, np.int64).T
        counts = confusion_counts(predicted, labels, int(num_classes[0]))
        names = (self.dataset_meta or {}).get("classes")
        path = save_figure(plot_confusion(counts, names), self.out_file)
        mistakes = most_confused(counts, names, _LISTED)
        lines = [f"{true} taken for {guess}: {clips}" for true, guess, clips in mistakes]
        print_log("\n".join([f"confusion picture: {path}", *lines]), logger="current")
        return {}
