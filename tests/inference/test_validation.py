"""Calibration on the validation clips of a config."""

import numpy as np
import pytest
from mmengine.config import Config

from masa_mm.errors import UserError
from masa_mm.inference.trained_model import TrainedModel
from masa_mm.inference.validation import (
    build_dataset,
    calibrate_on_validation,
    measure,
    score_clips,
)

from toys.trained_signs import write_training


@pytest.fixture
def training(tmp_path):
    return write_training(tmp_path)


def test_scores_are_those_of_the_test_pipeline(training):
    cfg, model = Config.fromfile(training.config), TrainedModel(*training)
    dataset = build_dataset(cfg, "val")
    clips = score_clips(model, dataset)
    assert clips.labels.tolist() == dataset.labels[dataset.labels >= 0].tolist()
    sample = model.pipeline(dataset[0])
    (expected,) = model.recognize_samples([sample])
    np.testing.assert_allclose(clips.scores[0], expected.scores, atol=1e-5)
    np.testing.assert_allclose(clips.embeddings[0], expected.embedding, atol=1e-5)


def test_it_measures_what_it_states(training):
    cfg, model = Config.fromfile(training.config), TrainedModel(*training)
    calibration, measured = calibrate_on_validation(model, cfg, 0.8)
    clips = score_clips(model, build_dataset(cfg, "val"))
    accuracy = (clips.scores.argmax(1) == clips.labels).mean()
    assert measured["clips"] == len(clips.labels)
    assert measured["top1_pi"][0] == pytest.approx(accuracy)
    assert measured["top1_pi"][1] <= accuracy <= measured["top1_pi"][2]
    assert calibration.is_known(clips.scores).mean() >= 0.8
    assert "val.safetensors" in measured["data"]


def test_five_classes_have_no_top_5():
    scores, labels = np.random.default_rng(0).normal(size=(20, 5)), np.arange(20) % 5
    assert "top5_pi" not in measure(scores, labels)


def test_other_classes_are_refused(tmp_path):
    training = write_training(tmp_path, classes=["a", "b", "d"])
    with pytest.raises(UserError, match=r"other classes \(a, b, c"):
        calibrate_on_validation(TrainedModel(*training), Config.fromfile(training.config))


def test_a_config_without_validation_is_refused(training):
    cfg = Config.fromfile(training.config)
    cfg.val_dataloader = None
    with pytest.raises(UserError, match="no val_dataloader"):
        calibrate_on_validation(TrainedModel(*training), cfg)


def test_clips_without_labels_are_refused(tmp_path):
    training = write_training(tmp_path, labelled=False)
    with pytest.raises(UserError, match="no validation clip has a label"):
        calibrate_on_validation(TrainedModel(*training), Config.fromfile(training.config))
