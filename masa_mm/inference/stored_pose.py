"""Small copies of clips, as a sign dictionary keeps them: to show them and to compare them.

A copy has 32 frames with hands, spread over the clip, in part coordinates of 8 bits: 3 KB.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from masa_mm.inference.clips import PoseClip
from masa_mm.pose.crop import crop_parts
from masa_mm.pose.skeleton import BODY, NUM_JOINTS

NUM_FRAMES = 32
_ABSENT = 255
_STEPS = 254  # of a crop's side


class PartClip(NamedTuple):
    """A clip in part coordinates.

    Attributes:
        keypoint (np.ndarray): float32 [T, 49, 2]; 0 if absent.
        score (np.ndarray): float32 [T, 49]; 0 is absent.
    """

    keypoint: np.ndarray
    score: np.ndarray

    @property
    def hand_frames(self) -> np.ndarray:
        """Numbers of the frames that show a hand."""
        return np.flatnonzero((self.score[:, : BODY.start] > 0).any(1))


def part_clip(clip: PoseClip) -> PartClip:
    """Convert a clip to part coordinates.

    Raises:
        UserError: If the clip does not fit its layout.
    """
    clip = clip.in_layout("sign49")
    landmarks = clip.landmarks
    present = (landmarks[..., 2] > 0) & np.isfinite(landmarks).all(-1)
    landmarks = np.where(present[..., None], landmarks, np.float32(0))
    keypoint, score = landmarks[..., :2], landmarks[..., 2]
    if clip.image_size is not None and len(landmarks):
        keypoint, score = crop_parts(keypoint, score, clip.image_size[::-1])
    return PartClip(keypoint, score)


def halves(clip: PoseClip, parts: PartClip) -> list[PoseClip]:
    """Divide a clip that shows a hand where half of its frames with a hand are over.

    A clip with a hand in one frame only is both halves.
    """
    shown = parts.hand_frames
    middle = shown[len(shown) // 2]
    if len(shown) == 1:
        return [clip, clip]
    return [
        clip._replace(landmarks=clip.landmarks[:middle]),
        clip._replace(landmarks=clip.landmarks[middle:]),
    ]


def store_pose(clip: PartClip) -> np.ndarray:
    """Make the small copy, uint8 [NUM_FRAMES, 49, 2], of a clip that shows a hand."""
    shown = clip.hand_frames
    frames = shown[np.linspace(0, len(shown) - 1, NUM_FRAMES).round().astype(int)]
    places = (clip.keypoint[frames].clip(0, 1) * _STEPS).round().astype(np.uint8)
    return np.where(clip.score[frames, :, None] > 0, places, np.uint8(_ABSENT))


def restore_pose(stored: np.ndarray) -> PartClip:
    """Return the clip of a small copy; scores are 0 or 1."""
    present = stored[..., 0] != _ABSENT
    keypoint = np.where(present[..., None], stored / np.float32(_STEPS), 0)
    return PartClip(keypoint.astype(np.float32), present.astype(np.float32))


def is_stored_pose(shape: tuple[int, ...]) -> bool:
    """Whether a shape is that of small copies, [clips, NUM_FRAMES, 49, 2]."""
    return len(shape) == 4 and shape[1:] == (NUM_FRAMES, NUM_JOINTS, 2)
