"""The parts of the data path, a clip at a time; collation and the metric, a batch at a time."""

from __future__ import annotations

import copy

import numpy as np
from collation import collate_function

from masa_mm.evaluation import SignAccuracy


def test_reading(benchmark, dataset):
    benchmark(dataset.get_data_info, 0)


def test_transform(benchmark, dataset, place):
    """The steps of the pipeline, each on what those before it made."""
    before, step = dataset.pipeline.transforms[:place], dataset.pipeline.transforms[place]

    def prepare():
        results = dataset.get_data_info(0)
        for earlier in before:
            results = earlier(results)
        return (results,), {}

    benchmark.pedantic(step, setup=prepare, rounds=200)


def test_whole_clip(benchmark, dataset):
    benchmark(dataset.__getitem__, 0)


def test_collation(benchmark, config, dataset):
    packed = [dataset[number] for number in range(len(dataset))]
    benchmark(collate_function(config.train_dataloader), packed)


def test_metric(benchmark):
    """64 clips of 2,000 classes."""
    scores = np.random.default_rng(0).random((64, 2000))
    samples = [
        dict(pred_score=score, gt_label=np.array([label])) for label, score in enumerate(scores)
    ]
    benchmark(SignAccuracy().process, None, copy.copy(samples))
