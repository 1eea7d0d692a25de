"""An encoder that needs no network, and clips for dictionaries."""

import numpy as np

from masa_mm.inference.clips import PoseClip, Recognition
from masa_mm.inference.model_info import ModelInfo
from masa_mm.inference.stored_pose import part_clip

DIM = 6


class ToyEncoder:
    """Embeds a clip by a random projection of the averages of its joints."""

    def __init__(self, seed=0, dim=DIM):
        self.info = ModelInfo()
        self.projection = np.random.default_rng(seed).normal(size=(98, dim))

    def recognize(self, clips):
        for clip in clips:
            keypoint = part_clip(clip).keypoint
            average = keypoint.reshape(len(keypoint), -1).mean(0)
            yield Recognition(None, (average @ self.projection).astype(np.float32))


def toy_clip(seed=0, name=None, num_frames=5):
    """A clip in part coordinates, whose right hand is there in all frames."""
    rng = np.random.default_rng(seed)
    landmarks = rng.random((num_frames, 49, 3)).astype(np.float32)
    landmarks[..., 2] = rng.random((num_frames, 49)) < 0.8
    landmarks[:, 0, 2] = 1
    landmarks[landmarks[..., 2] == 0] = 0
    return PoseClip(name or f"clip{seed}", landmarks, None)


def blank_clip():
    """A clip without hands."""
    landmarks = np.zeros((4, 49, 3), np.float32)
    landmarks[:, 42:] = 0.5
    return PoseClip("blank", landmarks, None)
