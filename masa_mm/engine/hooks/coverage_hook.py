"""Report with every score how much of a benchmark was available."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masa_mm.datasets.sign_benchmark import SignBenchmark

_META = "coverage"


@HOOKS.register_module()
class CoverageHook(Hook):
    """Report the coverage of the training clips and the evaluated clips with every score.

    The log line of each validation and test contains ``coverage: WLASL100: 165 of 338 official val
    clips; trained on WLASL100: 748 of 1442 official train clips``. The JSON of a test has the same
    text. ``scalars.json`` has the numbers as ``coverage/val_found``, ``coverage/val_official``,
    ``coverage/train_found`` and ``coverage/train_official``. Checkpoints store the coverage of
    their training clips in ``meta['coverage']``, from where a test reads it.

    Datasets without a benchmark (:class:`~masa_mm.datasets.SignPoseDataset`) have no coverage. It
    is unknown for a benchmark without its official list.
    """

    # Runs before LoggerHook, which writes the text.
    priority = "HIGH"

    def __init__(self) -> None:
        self._trained_on = ""
        self._train_scalars: dict[str, int] | None = None  # None: not training

    def before_train(self, runner: Runner) -> None:
        """Store the coverage of the training clips."""
        self._trained_on = describe(runner.train_dataloader.dataset)
        self._train_scalars = _scalars("train", runner.train_dataloader.dataset)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Write the coverage of the training clips to the checkpoint."""
        checkpoint["meta"][_META] = self._trained_on

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Read the coverage of the training clips; ``before_train`` replaces it."""
        meta = checkpoint.get("meta")
        known = meta.get(_META) if isinstance(meta, dict) else None
        self._trained_on = " ".join(known.split()) if isinstance(known, str) else ""

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Add the coverage to the log line of the validation, and its numbers to the scalars."""
        dataset = runner.val_dataloader.dataset
        self._add_to_log(runner, "val", dataset)
        scalars = _scalars("val", dataset) | (self._train_scalars or {})
        if scalars:
            epoch = 0 if self._train_scalars is None else runner.epoch
            runner.visualizer.add_scalars(scalars, step=epoch)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Add the coverage to the log line and the JSON of the test."""
        self._add_to_log(runner, "test", runner.test_dataloader.dataset)

    def _add_to_log(self, runner: Runner, mode: str, dataset: Any) -> None:
        parts = [describe(dataset), self._trained_on and f"trained on {self._trained_on}"]
        if any(parts):
            runner.message_hub.update_info(f"{mode}/coverage", "; ".join(filter(None, parts)))


def describe(dataset: Any) -> str:
    """Describe the coverage of a dataset; '' if it belongs to no benchmark.

    The description covers the members of wrapped and concatenated datasets. It mentions whether
    a dataset uses only some of the clips that it found (``label_ratio``, ``indices``).
    """
    return ", ".join(_describe_one(member) for member in benchmarks_of(dataset))


def benchmarks_of(dataset: Any) -> Iterator[SignBenchmark]:
    """The benchmarks in a dataset, within mmengine's wrappers too."""
    if isinstance(dataset, SignBenchmark):
        yield dataset
        return
    inner = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    for member in inner:
        if member is not None:
            yield from benchmarks_of(member)


def _describe_one(dataset: SignBenchmark) -> str:
    coverage = dataset.coverage
    if coverage is None:
        return f"{dataset.NAME}: {len(dataset)} clips, coverage unknown without a split_file"
    if len(dataset) < coverage.found:
        return f"{coverage} ({len(dataset)} of them used)"
    return str(coverage)


def _scalars(split: str, dataset: Any) -> dict[str, int]:
    found = [member.coverage for member in benchmarks_of(dataset) if member.coverage]
    if not found:
        return {}
    return {
        f"coverage/{split}_found": sum(coverage.found for coverage in found),
        f"coverage/{split}_official": sum(coverage.official for coverage in found),
    }
