"""What a model recognises, a clip of landmarks, and what it computes of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.crop import select_joints
from masa_mm.pose.skeleton import source_layout


class PoseClip(NamedTuple):
    """One clip, to be recognised.

    Attributes:
        name (str): What results and errors call it, such as its file.
        landmarks (np.ndarray): [T, V, 3], x and y in pixels and score, in the layout's order. From
            a score of 0.4 on a joint is visible. It is absent where the score is 0 or a number is
            not finite.
        image_size (tuple[float, float], optional): Width and height in pixels. None: the landmarks
            are the 49 joints in part coordinates, as in a pose store.
        layout (str): Name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`.
    """

    name: str
    landmarks: np.ndarray
    image_size: tuple[float, float] | None
    layout: str = "sign49"

    def checked(self) -> PoseClip:
        """Return the clip in float32.

        Raises:
            UserError: If the shape does not fit the layout, or the image size is not positive.
        """
        landmarks = np.asarray(self.landmarks)
        num_joints = source_layout(self.layout).num_joints
        if landmarks.ndim != 3 or landmarks.shape[1:] != (num_joints, 3):
            raise UserError(
                f"{self.name}: landmarks of the layout '{self.layout}' are [frames, {num_joints}, "
                f"3] (x, y, score), got {list(landmarks.shape)}"
            )
        if landmarks.dtype.kind not in "fiu":
            raise UserError(f"{self.name}: landmarks are numbers, got {landmarks.dtype}")
        size = self.image_size
        if size is not None and not (np.isfinite(size).all() and len(size) == 2 and min(size) > 0):
            raise UserError(
                f"{self.name}: the image size is (width, height) in pixels, above 0, got {size}"
            )
        return self._replace(landmarks=landmarks.astype(np.float32, copy=False))

    def in_layout(self, layout: str) -> PoseClip:
        """Return the checked clip in another layout; joints that this one lacks are absent.

        Where the other layout uses one joint as two of the 49 (the wrists of 'mediapipe_hands'), it
        is the hand's.

        Raises:
            UserError: If the other layout does, and the clip is in part coordinates, in which these
                two are different.
        """
        clip = self.checked()
        if layout == self.layout:
            return clip
        keypoint, score = select_joints(
            clip.landmarks[..., :2], clip.landmarks[..., 2], self.layout
        )
        joints = np.concatenate([keypoint, score[..., None]], -1)
        if layout == "sign49":
            return clip._replace(landmarks=joints, layout=layout)
        target = source_layout(layout)
        indices = np.array(target.indices)
        given = np.flatnonzero(indices >= 0)[::-1]  # hands after the body
        if clip.image_size is None and len(np.unique(indices[given])) < len(given):
            raise UserError(
                f"{self.name}: is in part coordinates, but the model takes '{layout}', in which a "
                "joint has two places; export the model with --layout sign49"
            )
        landmarks = np.zeros((len(joints), target.num_joints, 3), np.float32)
        landmarks[:, indices[given]] = joints[:, given]
        return clip._replace(landmarks=landmarks, layout=layout)

    def with_joints_of(self, layout: str) -> PoseClip:
        """Return the clip in 'sign49' with the joints alone that a clip of the layout has.

        A network that was trained on hands alone is lost where it sees a body.
        """
        clip = self.in_layout("sign49")
        if clip.image_size is not None:
            return clip.in_layout(layout).in_layout("sign49")
        given = np.array(source_layout(layout).indices) >= 0
        return clip._replace(landmarks=clip.landmarks * given[:, None])


class Recognition(NamedTuple):
    """What a model computes of one clip.

    Attributes:
        scores (np.ndarray, optional): float32 [classes]. None from an encoder without classes.
        embedding (np.ndarray): float32 [D].
    """

    scores: np.ndarray | None
    embedding: np.ndarray
