"""Temperature, calibration error and rejection threshold against independent references."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from masa_mm.errors import UserError
from masa_mm.inference.calibration import (
    Calibration,
    calibrate,
    cross_fitted_probabilities,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
)


def clips(number=4000, classes=6, sharpness=1.0, seed=0):
    """Scores whose softmax at the temperature ``sharpness`` is the labels' true distribution."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (number, classes))
    chances = softmax(scores, -1).cumsum(1)
    labels = (rng.random(number)[:, None] > chances).sum(1).clip(max=classes - 1)
    return scores * sharpness, labels


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 5.0])
def test_the_true_temperature_is_found(sharpness):
    assert fit_temperature(*clips(sharpness=sharpness)) == pytest.approx(sharpness, rel=0.1)


def test_no_other_temperature_is_likelier():
    scores, labels = clips(sharpness=3.0)
    best = negative_log_likelihood(scores, labels, fit_temperature(scores, labels))
    grid = [negative_log_likelihood(scores, labels, t) for t in np.geomspace(0.1, 30, 100)]
    assert best < min(grid) + 1e-4


def test_faultless_clips_give_no_certainty():
    labels = np.arange(40) % 5
    scores = 3.0 * np.eye(5)[labels]
    temperature = fit_temperature(scores, labels)
    assert 0.9 < softmax(scores / temperature, -1).max() < 0.99


def loop_over_bins(probabilities, labels, num_bins=15):
    """The definition of Guo et al., bin by bin: (low, high]."""
    confidence, best = probabilities.max(1), probabilities.argmax(1)
    error = 0.0
    for low in np.arange(num_bins) / num_bins:
        inside = (confidence > low) & (confidence <= low + 1 / num_bins)
        if inside.any():
            gap = (best == labels)[inside].mean() - confidence[inside].mean()
            error += inside.mean() * abs(gap)
    return error


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.floats(0.1, 5), st.integers(0, 1000))
def test_the_calibration_error_is_that_of_the_definition(number, sharpness, seed):
    scores, labels = clips(number, sharpness=sharpness, seed=seed)
    probabilities = softmax(scores, -1)
    found = expected_calibration_error(probabilities, labels)
    assert found == pytest.approx(loop_over_bins(probabilities, labels), abs=1e-9)


def test_calibration_lowers_the_error_on_other_clips():
    scores, labels = clips(sharpness=4.0)
    before = expected_calibration_error(softmax(scores, -1), labels)
    after = expected_calibration_error(cross_fitted_probabilities(scores, labels), labels)
    assert before > 0.15 and after < 0.03


def test_a_half_is_not_calibrated_by_itself():
    """Clips of one half that change leave the other half's temperature, and their own, as it is."""
    scores, labels = clips(200)
    first = np.random.default_rng(0).permutation(200) < 100
    changed = np.where(first[:, None], 10 * scores, scores)
    found = cross_fitted_probabilities(changed, labels)
    temperature = fit_temperature(scores[~first], labels[~first])
    np.testing.assert_allclose(found[first], softmax(changed[first] / temperature, -1))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 300),
    st.floats(0.01, 1),
    st.sampled_from(["probability", "energy"]),
    st.integers(0, 1000),
)
def test_the_stated_share_is_accepted(number, acceptance, rejection, seed):
    scores, labels = clips(number, seed=seed)
    calibration = calibrate(scores, labels, rejection, acceptance)
    share = calibration.is_known(scores).mean()
    assert acceptance - 1e-9 <= share <= acceptance + 1 / number + 1e-9


def test_confidences():
    scores = np.array([[1.0, 3.0], [0.0, 0.0]], np.float32)
    expected = [1 / (1 + np.exp(-1)), 0.5]
    np.testing.assert_allclose(Calibration(2.0).confidence(scores), expected)
    energy = Calibration(2.0, "energy", threshold=1.0)
    np.testing.assert_allclose(energy.confidence(scores), logsumexp(scores.astype(float), 1))
    assert energy.is_known(scores).tolist() == [True, False]
    assert Calibration().is_known(scores).all()


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(temperature=0.0), "temperature"),
        (dict(temperature=float("nan")), "temperature"),
        (dict(threshold=float("inf")), "threshold"),
        (dict(rejection="distance"), "probability, energy"),
    ],
)
def test_wrong_values_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Calibration(**options)


def test_wrong_data_are_refused():
    with pytest.raises(UserError, match="above 0, at most 1"):
        calibrate(*clips(10), acceptance=0.0)
    with pytest.raises(UserError, match="no clip"):
        calibrate(np.zeros((0, 3)), np.zeros(0, np.int64))
