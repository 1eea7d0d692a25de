"""Predictions from scores, and their JSON."""

import json

import numpy as np
import pytest

from masa_mm.inference.calibration import Calibration
from masa_mm.inference.clips import PoseClip, Recognition
from masa_mm.inference.inputs import InputClip
from masa_mm.inference.model_info import ModelInfo
from masa_mm.inference.predictions import as_dict, make_prediction
from masa_mm.pose.clip_checks import BadClip

SCORES = np.array([1.0, 3.0, 2.0], np.float32)
EMBEDDING = np.array([0.123456789, -2], np.float32)
INFO = ModelInfo(["a", "b", "c"], calibration=Calibration(temperature=2.0))


def source(frames=40, hands=20, gloss=""):
    clip = PoseClip("x.mp4", np.ones((frames, 49, 3), np.float32), None)
    return InputClip(clip, np.arange(frames) < hands, ("doubtful",), gloss=gloss)


def test_the_best_glosses_have_calibrated_probabilities():
    prediction = make_prediction(source(), Recognition(SCORES, EMBEDDING), INFO, top=2)
    expected = np.exp(SCORES / 2) / np.exp(SCORES / 2).sum()
    assert [each.gloss for each in prediction.glosses] == ["b", "c"]
    np.testing.assert_allclose([each.probability for each in prediction.glosses], expected[[1, 2]])
    assert prediction.known is True


@pytest.mark.parametrize(("threshold", "known"), [(0.50, True), (0.52, False)])
def test_a_sign_below_the_threshold_is_unknown(threshold, known):
    info = ModelInfo(INFO.classes, calibration=Calibration(2.0, threshold=threshold))
    assert make_prediction(source(), Recognition(SCORES, EMBEDDING), info, 9).known is known


@pytest.mark.parametrize(
    ("clip_len", "hand_frames_only", "used"), [(32, False, 32), (32, True, 20), (0, False, 40)]
)
def test_frames_used(clip_len, hand_frames_only, used):
    info = ModelInfo(INFO.classes, clip_len=clip_len, hand_frames_only=hand_frames_only)
    assert make_prediction(source(), Recognition(SCORES, EMBEDDING), info, 5).frames_used == used


def test_json_of_a_recogniser_and_of_an_encoder():
    recognition = Recognition(SCORES, EMBEDDING)
    content = as_dict(make_prediction(source(gloss="c"), recognition, INFO, top=1))
    assert json.loads(json.dumps(content)) == dict(
        clip="x.mp4",
        glosses=[dict(gloss="b", probability=0.506480)],
        known=True,
        true_gloss="c",
        num_frames=40,
        hand_frames=20,
        frames_used=32,
        warnings=["doubtful"],
        embedding=[0.123457, -2.0],
    )
    encoder = as_dict(make_prediction(source(), Recognition(None, EMBEDDING), ModelInfo(), top=1))
    assert (encoder["glosses"], encoder["known"]) == ([], None) and "true_gloss" not in encoder


def test_an_error_is_a_line_too():
    assert as_dict(BadClip("a.mp4", "no hand", "show it")) == dict(
        clip="a.mp4", error="no hand; show it"
    )
