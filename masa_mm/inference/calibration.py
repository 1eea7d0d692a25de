"""From class scores to probabilities that can be trusted, and the rejection of unknown signs.

The temperature is that of Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax

from masa_mm.errors import UserError

REJECTIONS = ("probability", "energy")
ACCEPTANCE = 0.95  # default share of known clips that are accepted


@dataclass(frozen=True)
class Calibration:
    """How a model's scores are read.

    Args:
        temperature (float): Scores are divided by it before the softmax.
        rejection (str): Confidence that decides whether a sign is known: 'probability', the
            largest one, or 'energy', the log-sum-exp of the scores.
        threshold (float, optional): A clip with less confidence is no known sign. None: all are.
        acceptance (float, optional): Share of known clips that the threshold accepts, on the data
            that it was chosen on.
    """

    temperature: float = 1.0
    rejection: str = "probability"
    threshold: float | None = None
    acceptance: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.temperature) or self.temperature <= 0:
            raise UserError(f"the temperature must be above 0, got {self.temperature}")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise UserError(f"the threshold must be a number, got {self.threshold}")
        if self.rejection not in REJECTIONS:
            raise UserError(
                f"rejection must be one of {', '.join(REJECTIONS)}, got {self.rejection!r}"
            )

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Convert scores [..., classes] to probabilities."""
        return softmax(np.asarray(scores, np.float64) / self.temperature, axis=-1)

    def confidence(self, scores: np.ndarray) -> np.ndarray:
        """Return the confidence that a sign is known, [...], of scores [..., classes]."""
        if self.rejection == "energy":
            return logsumexp(np.asarray(scores, np.float64), axis=-1)
        return self.probabilities(scores).max(-1)

    def is_known(self, scores: np.ndarray) -> np.ndarray:
        """Whether clips show a known sign: bool [...], of scores [..., classes]."""
        confidence = self.confidence(scores)
        if self.threshold is None:
            return np.ones_like(confidence, bool)
        return confidence >= self.threshold


def calibrate(
    scores: np.ndarray,
    labels: np.ndarray,
    rejection: str = "probability",
    acceptance: float = ACCEPTANCE,
) -> Calibration:
    """Fit temperature and rejection threshold on clips of known signs.

    Args:
        scores (np.ndarray): [N, classes].
        labels (np.ndarray): int [N], the true classes.
        rejection (str): See :class:`Calibration`.
        acceptance (float): Share of the clips that the threshold accepts, in (0, 1].

    Raises:
        UserError: If the share is out of range, or there is no clip.
    """
    if not 0 < acceptance <= 1:
        raise UserError(f"the share of accepted clips must be above 0, at most 1, got {acceptance}")
    if not len(scores):
        raise UserError("there is no clip to calibrate on")
    fitted = Calibration(fit_temperature(scores, labels), rejection, acceptance=acceptance)
    threshold = rejection_threshold(fitted.confidence(scores), acceptance)
    return Calibration(fitted.temperature, rejection, threshold, acceptance)


def rejection_threshold(confidence: np.ndarray, acceptance: float) -> float:
    """Find the largest threshold that accepts a share of clips, by their confidence [N]."""
    accepted = math.ceil(acceptance * len(confidence) - 1e-9)
    return float(np.sort(confidence)[-max(accepted, 1)])


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Fit the temperature with the smallest negative log-likelihood, between 0.01 and 100.

    Without a wrong clip, the likelihood grows as the temperature falls to 0. The labels are
    therefore smoothed by the weight of one clip among N + 2, as in Platt scaling.

    Args:
        scores (np.ndarray): [N, classes].
        labels (np.ndarray): int [N].
    """
    smoothing = 1 / (len(scores) + 2)

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(scores, labels, math.exp(log_temperature), smoothing)

    bounds = (math.log(0.01), math.log(100))
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)


def negative_log_likelihood(
    scores: np.ndarray, labels: np.ndarray, temperature: float = 1.0, smoothing: float = 0.0
) -> float:
    """Average negative log-likelihood of labels [N] under scores [N, classes].

    ``smoothing`` is the share of each label that is spread over all classes.
    """
    log_probabilities = log_softmax(np.asarray(scores, np.float64) / temperature, axis=-1)
    true = np.take_along_axis(log_probabilities, labels[:, None], 1).mean()
    return float(-(1 - smoothing) * true - smoothing * log_probabilities.mean())


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, num_bins: int = 15
) -> float:
    """Compute the expected calibration error of the best class (Guo et al.).

    Clips are sorted into bins of equal width by the probability of their best class. The error is
    the mean difference between this probability and the share of correct clips in a bin.

    Args:
        probabilities (np.ndarray): [N, classes].
        labels (np.ndarray): int [N].
        num_bins (int): Number of bins.
    """
    confidence = probabilities.max(-1)
    correct = probabilities.argmax(-1) == labels
    bins = np.clip(np.ceil(confidence * num_bins).astype(np.int64) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(labels))


def cross_fitted_probabilities(scores: np.ndarray, labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Probabilities [N, classes] of each half of the clips by the temperature of the other half.

    They measure a calibration on clips that it was not fitted on.
    """
    first = np.random.default_rng(seed).permutation(len(scores)) < len(scores) / 2
    result = np.empty(scores.shape)
    for part in (first, ~first):
        temperature = fit_temperature(scores[~part], labels[~part])
        result[part] = Calibration(temperature).probabilities(scores[part])
    return result
