"""What a clip lacks: frames without hands, joints that no frame shows."""

from __future__ import annotations

import numpy as np

from masa_mm.inference.clips import PoseClip
from masa_mm.pose.crop import MIN_VISIBLE, VISIBLE_THR
from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND, SIGN49_JOINTS, describe_joints

# Share of frames without a hand from which on a result is doubtful.
_FEW_HANDS = 0.5
# Isolated signs take one to four seconds; longer clips hold several, or long pauses.
_MANY_FRAMES = 300


def hand_frames(clip: PoseClip) -> np.ndarray:
    """Tell which frames show a hand to the model: bool [T].

    In pixels a hand needs :data:`~masa_mm.pose.crop.MIN_VISIBLE` visible joints, as the part crops
    do. In part coordinates every hand that is left counts.
    """
    landmarks = clip.in_layout("sign49").landmarks
    score = np.where(np.isfinite(landmarks).all(-1), landmarks[..., 2], 0)
    is_cropped = clip.image_size is None
    visible = score > 0 if is_cropped else score >= VISIBLE_THR
    least = 1 if is_cropped else MIN_VISIBLE
    counts = [visible[:, hand.joints].sum(1) for hand in (RIGHT_HAND, LEFT_HAND)]
    return np.maximum(*counts) >= least


def clip_warnings(clip: PoseClip, shows_hand: np.ndarray) -> list[str]:
    """Say in a sentence each what makes the result of a clip doubtful.

    Args:
        clip (PoseClip): The clip, in the layout 'sign49'.
        shows_hand (np.ndarray): Result of :func:`hand_frames`, bool [T].
    """
    warnings = []
    without = 1 - shows_hand.mean() if len(shows_hand) else 1.0
    if without >= _FEW_HANDS:
        warnings.append(f"no hand in {100 * without:.0f} % of the frames")
    seen = clip.landmarks[..., 2].max(0, initial=0) > 0
    lacking = [SIGN49_JOINTS[i] for i in range(BODY.start, len(seen)) if not seen[i]]
    if lacking:
        warnings.append(f"no frame shows {describe_joints(lacking)}")
    if len(shows_hand) > _MANY_FRAMES:
        warnings.append(
            f"{len(shows_hand)} frames are long for one sign; cut the video into isolated signs"
        )
    return warnings
