"""Part crops as a plain loop over frames, which crop_parts must equal."""

from __future__ import annotations

import numpy as np

from masa_mm.pose.crop import MIN_SIDE

HANDS = dict(right=(slice(0, 21), 47, 48), left=(slice(21, 42), 44, 45))


def loop_crop(keypoint, score, size, box_scale, min_visible, visible_thr, fallback):
    """Crop frame by frame in float64; arguments of ``crop_parts``, ``size`` is (h, w)."""
    out, out_score = np.zeros(keypoint.shape), score.astype(np.float64).copy()
    height, width = size
    least_side = MIN_SIDE * max(height, width)
    for t, (points, scores) in enumerate(zip(keypoint.astype(np.float64), score)):
        out[t, 42:] = points[42:] / [width, height]
        for side, (joints, elbow, wrist) in HANDS.items():
            hand, seen = points[joints], (scores[joints] >= visible_thr) & (scores[joints] > 0)
            if seen.sum() >= min_visible:
                low, high = hand[seen].min(0), hand[seen].max(0)
                center, length = (low + high) / 2, max(box_scale * (high - low).max(), least_side)
            elif fallback == "elbow_wrist" and (
                min(scores[elbow], scores[wrist]) >= max(visible_thr, 1e-9)
            ):
                arm = points[wrist] - points[elbow]
                if not np.hypot(*arm):
                    out_score[t, joints] = 0
                    continue
                center = points[wrist] + arm / 3
                low = high = np.clip(center, 0, [width, height])
                length = max(1.5 * np.hypot(*arm), least_side)
            else:
                out_score[t, joints] = 0
                continue
            for axis, limit in enumerate((width, height)):
                start = min(max(center[axis] - length / 2, 0), low[axis])
                stop = max(min(center[axis] + length / 2, limit), high[axis])
                if stop - start < least_side:
                    middle = (start + stop) / 2
                    start, stop = middle - least_side / 2, middle + least_side / 2
                out[t, joints, axis] = (hand[:, axis] - start) / (stop - start)
            if side == "left":
                out[t, joints, 0] = 1 - out[t, joints, 0]
    out[out_score == 0] = 0
    return out, out_score
