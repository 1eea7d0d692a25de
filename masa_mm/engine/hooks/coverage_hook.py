"""How much of a benchmark a score was made on, said wherever the score is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masa_mm.datasets.sign_benchmark import Coverage, SignBenchmark

_META = "coverage"


@HOOKS.register_module()
class CoverageHook(Hook):
    """Writes the coverage of the clips, trained on and scored on, beside every score.

    The line of each validation and test says ``coverage: WLASL100: 165 of 338 official val clips;
    trained on WLASL100: 748 of 1442 official train clips``, and so does the JSON of a test;
    ``scalars.json`` has the numbers as ``coverage/val_found``, ``coverage/val_official``,
    ``coverage/train_found`` and ``coverage/train_official``. Checkpoints carry what they were
    trained on in ``meta['coverage']``, so that a test of one can say it.

    Datasets that are of no benchmark (:class:`~masa_mm.datasets.SignPoseDataset`) have no coverage;
    a benchmark without its official list has an unknown one.
    """

    # Before LoggerHook, which writes what is there to be written.
    priority = "HIGH"

    def __init__(self) -> None:
        self._trained_on = ""
        self._train_scalars: dict[str, int] | None = None  # None: not training

    def before_train(self, runner: Runner) -> None:
        """Note what is trained on."""
        self._trained_on = describe(runner.train_dataloader.dataset)
        self._train_scalars = _scalars("train", runner.train_dataloader.dataset)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note in the checkpoint what it was trained on."""
        checkpoint["meta"][_META] = self._trained_on

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Recall what the checkpoint was trained on; training anew notes its own clips instead."""
        meta = checkpoint.get("meta")
        known = meta.get(_META) if isinstance(meta, dict) else None
        self._trained_on = " ".join(known.split()) if isinstance(known, str) else ""

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Put the coverage into the line of the validation's scores, and its numbers beside."""
        dataset = runner.val_dataloader.dataset
        self._into_line(runner, "val", dataset)
        scalars = _scalars("val", dataset) | (self._train_scalars or {})
        if scalars:
            epoch = 0 if self._train_scalars is None else runner.epoch
            runner.visualizer.add_scalars(scalars, step=epoch)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Put the coverage into the line and the JSON of the test's scores."""
        self._into_line(runner, "test", runner.test_dataloader.dataset)

    def _into_line(self, runner: Runner, mode: str, dataset: Any) -> None:
        said = [describe(dataset), self._trained_on and f"trained on {self._trained_on}"]
        if any(said):
            runner.message_hub.update_info(f"{mode}/coverage", "; ".join(filter(None, said)))


def describe(dataset: Any) -> str:
    """The coverage of a dataset in words, '' if it is of no benchmark.

    Wrapped and concatenated datasets are looked into. A dataset that uses fewer clips than it found
    (``label_ratio``, ``indices``) says so.
    """
    return ", ".join(_words(member) for member in benchmarks_of(dataset))


def benchmarks_of(dataset: Any) -> Iterator[SignBenchmark]:
    """The benchmarks within a dataset and mmengine's wrappers of it."""
    if isinstance(dataset, SignBenchmark):
        yield dataset
        return
    inner = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    for member in inner:
        if member is not None:
            yield from benchmarks_of(member)


def _words(dataset: SignBenchmark) -> str:
    coverage: Coverage | None = dataset.coverage
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
