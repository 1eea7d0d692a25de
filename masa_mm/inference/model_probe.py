"""Whether two models compute the same embeddings: by a fixed clip, not by the bytes of their files.

A checkpoint and its exported file hold one network, and a calibration changes a file but no
embedding. So a dictionary keeps the embedding of one artificial clip, and fits every model that
gives the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from masa_mm.inference.clips import PoseClip, Recognition
from masa_mm.inference.model_info import ModelInfo
from masa_mm.pose.skeleton import LEFT_HAND, NUM_JOINTS, RIGHT_HAND, WRIST_LINKS, source_layout

_NUM_FRAMES = 40
_IMAGE_SIZE = (640.0, 480.0)
# Relative difference of embeddings; that of a checkpoint and its exported file is about 1e-6.
_TOLERANCE = 0.01


class Encoder(Protocol):
    """A model that embeds clips: an ``ExportedModel`` or a ``TrainedModel``."""

    info: ModelInfo

    def recognize(self, clips: Sequence[PoseClip]) -> Iterator[Recognition]:
        """Recognise clips."""


def probe_clip(layout: str) -> PoseClip:
    """Make the clip in a joint layout: two moving hands, whose wrists are also the body's."""
    time = np.linspace(0, 1, _NUM_FRAMES)[:, None]
    joint = np.arange(RIGHT_HAND.num_joints)
    joints = np.zeros((_NUM_FRAMES, NUM_JOINTS, 3), np.float32)
    for hand, (start, speed) in zip((RIGHT_HAND, LEFT_HAND), ((200, 5), (440, 3))):
        x = start + 60 * np.sin(speed * time) + 30 * np.sin(2.4 * joint + speed * time)
        y = 240 + 80 * np.cos(speed * time) - 30 * np.cos(1.7 * joint)
        joints[:, hand.joints] = np.stack(np.broadcast_arrays(x, y, 1.0), -1)
    for hand_wrist, body_wrist in WRIST_LINKS:
        joints[:, body_wrist] = joints[:, hand_wrist]
    source = source_layout(layout)
    indices = np.array(source.indices)
    landmarks = np.zeros((_NUM_FRAMES, source.num_joints, 3), np.float32)
    landmarks[:, indices[indices >= 0]] = joints[:, indices >= 0]
    return PoseClip("probe", landmarks, _IMAGE_SIZE, layout)


def probe_embedding(model: Encoder) -> np.ndarray:
    """Return a model's embedding of the clip, float32 [D]."""
    (recognition,) = model.recognize([probe_clip(model.info.layout)])
    return np.asarray(recognition.embedding, np.float32)


def same_model(probe: np.ndarray, other: np.ndarray) -> bool:
    """Whether two models gave the same embedding of the clip."""
    if probe.shape != other.shape:
        return False
    return bool(np.linalg.norm(probe - other) <= _TOLERANCE * np.linalg.norm(probe))
