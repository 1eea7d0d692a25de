"""Two-bone arms: where the hand is asked to be in, elbow and wrist out."""

from __future__ import annotations

import numpy as np

# A right elbow points outward and drops. Chosen to lie well off every direction from the shoulder
# to a place where signs are made, because an elbow is undetermined for an arm along its pole. Axes
# of the whole package: x to the image's right, y down, z away from the camera; metres.
_ELBOW_POLE = np.array([-0.75, 0.5, 0.1])


def reach(
    shoulder: np.ndarray, target: np.ndarray, upper_arm: float, forearm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Elbow and wrist of a right arm that reaches for a target, both bones keeping their lengths.

    A target out of reach is pulled in along its direction, smoothly, so that the wrist's path
    has no corner.

    Args:
        shoulder: [T, 3].
        target: [T, 3] wanted wrist positions.
        upper_arm: length of the bone from the shoulder to the elbow.
        forearm: length of the bone from the elbow to the wrist.

    Returns:
        elbow [T, 3] and wrist [T, 3].
    """
    offset = target - shoulder
    wanted = np.linalg.norm(offset, axis=-1, keepdims=True)
    direction = offset / np.maximum(wanted, 1e-6)
    distance = _soft_clip(wanted, abs(upper_arm - forearm) + 0.06, 0.985 * (upper_arm + forearm))
    along = (upper_arm**2 - forearm**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(upper_arm**2 - along**2, 0.0))
    pole = _ELBOW_POLE - (direction @ _ELBOW_POLE)[..., None] * direction
    pole /= np.linalg.norm(pole, axis=-1, keepdims=True)
    elbow = shoulder + along * direction + aside * pole
    return elbow, shoulder + distance * direction


def _soft_clip(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Identity well inside [low, high], bending towards its ends over 4 cm."""
    bend = 0.04
    value = low + bend * np.logaddexp(0.0, (value - low) / bend)
    value = high - bend * np.logaddexp(0.0, (high - value) / bend)
    # The second bend can undershoot the first by a rounding error of the exponentials.
    return np.clip(value, low, high)
