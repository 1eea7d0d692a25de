"""The unit of a clip's coordinates, as far as the clip shows it."""

from __future__ import annotations

import numpy as np

# Estimators place a few joints far outside of the image.
_QUANTILE = 0.9
# The width of the largest videos, 16K, in pixels.
WIDEST = 16384


def reach(results: dict, keypoint: np.ndarray, score: np.ndarray, score_thr: float = 0.0) -> float:
    """Measure how far from 0 the coordinates of a clip reach.

    MMAction2's ``results`` name no unit, but the numbers tell units apart: pixels reach hundreds,
    part coordinates 1, ``PreNormalize2D`` 1, ``PreNormalize3D`` some metres.

    Args:
        results (dict): The clip. With ``normalization='part_crop'`` it is in part coordinates by
            declaration, which need not be measured.
        keypoint (np.ndarray): Coordinates [..., C].
        score (np.ndarray): Scores [...]; absent joints do not count.
        score_thr (float): Joints with lower scores do not count either.

    Returns:
        float: The 0.9 quantile of the absolute coordinates; 0 if no joint counts.
    """
    if results.get("normalization") == "part_crop":
        return 1.0
    counts = (score > 0) & (score >= score_thr)
    values = np.abs(keypoint[counts].astype(np.float32)).ravel()
    if not values.size:
        return 0.0
    rank = int(_QUANTILE * (values.size - 1))
    return float(np.partition(values, rank)[rank])
