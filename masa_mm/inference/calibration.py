"""From class scores to probabilities that can be trusted, and the rejection of unknown signs.

The temperature is that of Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from masa_mm.errors import UserError

REJECTIONS = ("probability", "energy")


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


def negative_log_likelihood(
    scores: np.ndarray, labels: np.ndarray, temperature: float = 1.0
) -> float:
    """Average negative log-likelihood of labels [N] under scores [N, classes]."""
    log_probabilities = log_softmax(np.asarray(scores, np.float64) / temperature, axis=-1)
    return float(-np.take_along_axis(log_probabilities, labels[:, None], 1).mean())
