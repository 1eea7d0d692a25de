"""The benchmark of rejection measures what it states."""

import numpy as np
import pytest

from masa_mm.inference.calibration import Calibration
from masa_mm.inference.validation import ScoredClips

from toys.benchmark_toys import load_script

rejection = load_script("rejection")


def figure(text):
    """The value, and the ends of its interval."""
    value, low, high = text.replace("[", "").replace("]", "").replace(",", "").split()
    return float(value), float(low), float(high)


def test_a_row_is_that_of_the_definitions():
    known, unknown = np.array([0.9, 0.8, 0.7, 0.1]), np.array([0.2, 0.75, 0.05])
    scores = np.eye(2)[[0, 0, 1, 1]]
    clips = ScoredClips(scores, scores, np.array([0, 0, 0, 1]))
    name, *cells = rejection.rejection_row("a", known, unknown, clips, 0.75)
    auroc, rejected, accuracy = (figure(cell)[0] for cell in cells)
    pairs = [k > u for k in known for u in unknown]
    assert (name, auroc) == ("a", pytest.approx(np.mean(pairs), abs=1e-3))
    assert rejected == pytest.approx(2 / 3, abs=1e-3)  # below 0.7, which three of four reach
    assert accuracy == pytest.approx(2 / 3, abs=1e-3)


def test_intervals_hold_the_value_and_shrink():
    values = np.random.default_rng(1).normal(size=900)
    widths = []
    for number in (100, 900):
        chosen = values[:number]
        (cell,) = rejection.with_intervals(lambda rows, x=chosen: [x[rows].mean()], number)
        value, low, high = figure(cell)
        assert low < value < high
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] / 3, rel=0.3)


def test_all_confidences_prefer_training_clips_to_noise():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    embeddings = 5 * np.eye(8)[labels] + rng.normal(0, 0.3, (60, 8))
    train = ScoredClips(embeddings[:, :3], embeddings, labels)
    noise = rng.normal(0, 0.3, (60, 8)) + 3 * np.eye(8)[5]
    others = ScoredClips(noise[:, :3], noise, labels)
    for name, confidence in rejection.confidences(train, Calibration(2.0)).items():
        assert np.median(confidence(train)) > np.median(confidence(others)), name
