"""An MMAction2 pose pickle as a set of clips with the same face as a :class:`PoseStore`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from masa_mm.pose.annotations import annotation_problems, read_annotations
from masa_mm.pose.clip_checks import clip_problems
from masa_mm.pose.crop import select_joints
from masa_mm.pose.skeleton import source_layout
from masa_mm.pose.store_format import BadClipsError, clip_hash


class PosePickle:
    """The annotations of a pickle, or of one of its splits, in the source's joints and pixels.

    A pickle made from a store is in part coordinates, and its clips are as a store's.

    Args:
        path (str): the ``.pkl``; nothing in it is executed.
        layout (str): a name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`, for annotations
            that do not name theirs.
        split (str, optional): one of the file's splits; None: all annotations.

    Raises:
        FileNotFoundError, UnsafePickleError, SourceError: see
            :func:`masa_mm.sources.mmaction.read_annotations`.
        BadClipsError: clips that cannot be learnt from; names them.
        KeyError: there is no such layout.
    """

    def __init__(
        self, path: str | os.PathLike, layout: str = "coco_wholebody", split: str | None = None
    ) -> None:
        source_layout(layout)
        self.path, self.split = str(path), split or ""
        self._annotations, self.glosses, self.source, self._cropped = read_annotations(path, split)
        self._layouts = [a.get("layout", layout) for a in self._annotations]
        self.ids = [a["frame_dir"] for a in self._annotations]
        self._check_annotations()
        self.label = np.array([int(a.get("label", -1)) for a in self._annotations], np.int64)
        self._check_joints()

    def __deepcopy__(self, memo: dict) -> PosePickle:
        return self  # read-only

    def __len__(self) -> int:
        return len(self._annotations)

    @property
    def num_frames(self) -> np.ndarray:
        """Frames of each clip, int64 [clips]."""
        return np.array([int(a["total_frames"]) for a in self._annotations], np.int64)

    def info(self, index: int) -> dict[str, Any]:
        """One clip as MMAction2's ``results``: see :class:`SignPoseDataset`."""
        annotation, label = self._annotations[index], int(self.label[index])
        return dict(
            annotation,
            frame_dir=self.ids[index],
            keypoint=annotation["keypoint"].astype(np.float32),
            keypoint_score=annotation["keypoint_score"].astype(np.float32),
            total_frames=int(annotation["total_frames"]),
            label=label,
            gloss=self.glosses[label] if label >= 0 else "",
            clip_id=clip_hash(self.source, self.ids[index]),
            signer=int(annotation.get("signer", -1)),
            layout=self._layouts[index],
            img_shape=tuple(annotation["img_shape"]),
        )

    def _check_annotations(self) -> None:
        bad = [
            clip
            for annotation, layout in zip(self._annotations, self._layouts)
            for clip in annotation_problems([annotation], layout)
        ]
        if bad:
            raise BadClipsError(self.path, bad)

    def _check_joints(self) -> None:
        joints, scores = zip(*map(self._sign_joints, range(len(self))))
        _, bad = clip_problems(
            np.concatenate(joints),
            np.concatenate(scores),
            np.array([len(clip) for clip in joints]),
            self.ids,
            self.label,
            len(self.glosses),
            part_coordinates=self._cropped,
        )
        if bad:
            raise BadClipsError(self.path, bad)

    def _sign_joints(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        annotation = self._annotations[index]
        keypoint, score = select_joints(
            annotation["keypoint"][0], annotation["keypoint_score"][0], self._layouts[index]
        )
        return np.where(score[..., None] == 0, 0, keypoint), score
