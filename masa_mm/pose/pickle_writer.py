"""Writing MMAction2's pose pickles: what its tools read, and ours read back."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError
from masa_mm.pose.store import PoseStore
from masa_mm.pose.store_format import LAYOUT, NORMALIZATION


class PosePickleWriter:
    """Gathers clips of the 49 joints and writes them as MMAction2's pose annotations.

    The pickle is a dict of ``annotations``, ``split`` (one split, 'all' if it has no name),
    ``classes`` (names in the order of the labels) and ``source``. A pickle is one object: unlike a
    store it lies in memory as a whole, here and wherever it is read.

    Args:
        path: the ``.pkl`` file to make.
        source: name of the data set.
        split: name of the split.
        glosses: class names; their index is the label.

    Raises:
        UserError: the file's name does not end in ``.pkl``.
    """

    def __init__(
        self, path: str | os.PathLike, source: str, split: str = "", glosses: Sequence[str] = ()
    ) -> None:
        if Path(path).suffix != ".pkl":
            raise UserError(f"{path}: a pose pickle's name ends in .pkl; name it so")
        self.path, self.source, self.split = path, source, split
        self.glosses = [str(gloss) for gloss in glosses]
        self._annotations: list[dict[str, Any]] = []

    def add(
        self,
        clip: str,
        keypoint: np.ndarray,
        score: np.ndarray,
        img_shape: Sequence[float],
        label: int = -1,
        signer: int = -1,
        original_shape: Sequence[int] | None = None,
        **extra: Any,
    ) -> None:
        """Take a clip: the 49 joints [T, 49, 2], in units of ``img_shape`` (h, w), and [T, 49].

        Args:
            original_shape: (h, w) of the video in pixels, where ``img_shape`` is another.
            **extra: further keys of the annotation.
        """
        label = int(label)
        annotation = dict(
            frame_dir=str(clip),
            total_frames=len(keypoint),
            img_shape=_plain(img_shape),
            label=label,
            gloss=self.glosses[label] if label >= 0 else "",
            signer=int(signer),
            layout=LAYOUT,
            keypoint=np.array(keypoint[None], np.float32),
            keypoint_score=np.array(score[None], np.float32),
            **extra,
        )
        if original_shape is not None:
            annotation["original_shape"] = _plain(original_shape)
        self._annotations.append(annotation)

    def close(self) -> None:
        """Write the pickle."""
        content = dict(
            split={self.split or "all": [a["frame_dir"] for a in self._annotations]},
            annotations=self._annotations,
            classes=self.glosses,
            source=self.source,
        )
        with atomic_write(self.path) as beside, open(beside, "wb") as file:
            pickle.dump(content, file, protocol=4)


def _plain(shape: Sequence[float]) -> tuple[int | float, ...]:
    """A size as plain numbers, whole ones as such."""
    return tuple(int(side) if float(side).is_integer() else float(side) for side in shape)


def store_to_pickle(store: PoseStore, path: str | os.PathLike) -> int:
    """Write a store's clips as a pose pickle; returns how many.

    A store knows the parts' coordinates, not where in the image the hands were. So the annotations
    are in part coordinates: ``layout`` 'sign49', ``normalization`` 'part_crop', ``img_shape``
    (1, 1), the unit being a crop's side. Readers of this package take them as they are; converted
    back they make the same store.

    Args:
        store: the open store.
        path: the ``.pkl`` file to make.

    Raises:
        UserError: the file's name does not end in ``.pkl``.
        PoseStoreError: a clip of the store has joints that are not finite.
    """
    writer = PosePickleWriter(path, store.source, store.split, store.glosses)
    for index in range(len(store)):
        clip = store.info(index)
        writer.add(
            clip["frame_dir"],
            clip["keypoint"][0],
            clip["keypoint_score"][0],
            img_shape=clip["img_shape"],
            label=clip["label"],
            signer=clip["signer"],
            original_shape=None if store.img_shape is None else store.img_shape[index],
            normalization=NORMALIZATION,
        )
    writer.close()
    return len(store)
