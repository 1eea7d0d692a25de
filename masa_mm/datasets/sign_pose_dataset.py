"""Dataset of sign clips for MMAction2, from pose stores or pose pickles."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mmaction.datasets import BaseActionDataset
from mmaction.registry import DATASETS
from mmengine.logging import print_log

from masa_mm.datasets.clip_selection import (
    DatasetError,
    common_class_list,
    leave_out,
    stratified_share,
)
from masa_mm.option_checks import SEED, NumberCheck, checked_options, whole
from masa_mm.pose.pose_pickle import PosePickle
from masa_mm.pose.store import PoseStore


@DATASETS.register_module()
@checked_options(
    num_classes=whole(1, optional=True),
    label_ratio=NumberCheck("must be a number in (0, 1]", 0, 1, above=True, optional=True),
    label_seed=SEED,
)
class SignPoseDataset(BaseActionDataset):
    """Isolated signs as MMAction2 pose clips.

    ``dataset.get_data_info(i)`` is a dict of ``keypoint`` float32 [1, T, V, 2], ``keypoint_score``
    float32 [1, T, V] (0 = absent), ``total_frames``, ``label`` (-1 = none), ``gloss``,
    ``frame_dir`` (the clip's id), ``clip_id`` (a stable 63-bit hash of it), ``signer``
    (-1 = unknown), ``layout``, ``img_shape``, ``modality`` and ``start_index``. Clips of a store
    (V = 49), or of a pickle made from one, have part coordinates in [0, 1], ``img_shape`` (1, 1)
    and ``normalization`` 'part_crop'. Other pickles give the source's joints in pixels of
    ``img_shape`` (h, w), for ``SelectSignJoints`` and ``CropSignParts``.

    Args:
        ann_file (str | Sequence[str]): Pose stores ``.safetensors`` or pose pickles ``.pkl``,
            relative to ``data_root``. Several are concatenated.
        pipeline (list): The transforms.
        split (str, optional): A split of a pickle, or the split that a store must have; 'trainval'
            accepts stores of both. None takes all clips.
        subset (int, optional): For benchmarks only, see :class:`WLASLPose`.
        num_classes (int, optional): Labels must be smaller. Default: length of the class list.
        layout (str): Joint layout of pickles whose annotations do not name theirs.
        exclude (str, optional): Text file of clip ids to leave out, one per line, such as the
            audit's ``exclude_val.txt``; relative to ``data_root``. Unknown ids are ignored.
        label_ratio (float, optional): Share of the labelled clips to keep, drawn per class (at
            least one), for experiments with few labels. Unlabelled clips are left out.
        label_seed (int): Seed of that draw. A larger ratio includes the clips of a smaller one.
        data_prefix (dict, optional): See ``mmengine.dataset.BaseDataset``.
        **kwargs (Any): Options of ``mmengine.dataset.BaseDataset`` (``data_root``, ``test_mode``,
            ``indices``, ``metainfo``, ...). ``metainfo['classes']`` overrides the class names.

    Raises:
        FileNotFoundError: If a file does not exist.
        PoseStoreError: If a store cannot be read; for pickles see :class:`PosePickle`.
        UserError: If a number is out of range.
        DatasetError: If split, subset, class list or labels do not fit.

    Example:
        >>> dataset = SignPoseDataset('wlasl_train.safetensors', pipeline=[])
        >>> dataset[0]['keypoint'].shape  # (1, T, 49, 2)
    """

    # The stores' splits that each split accepts, if not its own.
    SPLITS: dict[str, tuple[str, ...]] = dict(trainval=("train", "val"))
    SUBSETS: tuple[int, ...] = ()
    # Attributes that are paths, or None, relative to ``data_root``.
    PATHS: tuple[str, ...] = ("exclude",)

    # Attributes of the base classes, which have no types.
    ann_file: str | Sequence[str]
    num_classes: int | None

    def __init__(
        self,
        ann_file: str | Sequence[str],
        pipeline: list[dict | Callable],
        split: str | None = None,
        subset: int | None = None,
        num_classes: int | None = None,
        layout: str = "coco_wholebody",
        exclude: str | None = None,
        label_ratio: float | None = None,
        label_seed: int = 0,
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if subset is not None and subset not in self.SUBSETS:
            subsets = ", ".join(map(str, self.SUBSETS)) or "none: those of benchmarks (WLASLPose)"
            raise DatasetError(f"{type(self).__name__} has no subset {subset!r}; it has {subsets}")
        self.split, self.subset, self.layout = split, subset, layout
        self.exclude, self.label_ratio, self.label_seed = exclude, label_ratio, label_seed
        # Stores pickle as their paths, so there is nothing to serialise for the workers.
        super().__init__(
            ann_file,
            pipeline=pipeline,
            data_prefix=data_prefix or {},
            num_classes=num_classes,
            modality="Pose",
            **{**kwargs, "serialize_data": False},
        )

    @property
    def files(self) -> list[str]:
        """The files of the clips."""
        return [self.ann_file] if isinstance(self.ann_file, str) else list(self.ann_file)

    @property
    def labels(self) -> np.ndarray:
        """Label of each clip, int64 [len(self)]; -1 = none."""
        self.full_init()
        return self._label[self.data_list]

    @property
    def num_frames(self) -> np.ndarray:
        """Frames of each clip in the files, int64 [len(self)]."""
        self.full_init()
        numbers = np.asarray(self.data_list)
        frames = np.empty(len(numbers), np.int64)
        for file, poses in enumerate(self._poses):
            of_file = self._file[numbers] == file
            frames[of_file] = poses.num_frames[self._clip[numbers[of_file]]]
        return frames

    def load_data_list(self) -> np.ndarray:
        """Open the files and return the indices of the chosen clips, int64 [clips]."""
        self._poses = [self._open(path) for path in self.files]
        sizes = [len(poses) for poses in self._poses]
        self._file = np.repeat(np.arange(len(sizes)), sizes)
        self._clip = np.concatenate([np.arange(size) for size in sizes])
        ids = self._all_ids()
        self._label = np.concatenate([poses.label for poses in self._poses])
        classes = self._class_list()
        ids = self._add_cuts(ids)
        chosen, self._label = self._choose(ids, self._label, classes)
        if self.exclude is not None:
            total, chosen = len(chosen), leave_out(chosen, ids, self.exclude)
            self._log(f"{self._name()}: {total - len(chosen)} clips of {self.exclude} left out")
        self._set_classes(classes, ids, chosen)
        if self.label_ratio is not None:
            chosen = stratified_share(chosen, self._label, self.label_ratio, self.label_seed)
        if not len(chosen):
            raise DatasetError(f"{self._name()}: has no clip in {', '.join(self.files)}")
        return chosen

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Return a clip's ``results`` (see the class); its arrays are not shared."""
        self.full_init()
        if not -len(self) <= idx < len(self):
            raise IndexError(f"no clip {idx}: the dataset has {len(self)}")
        number = int(self.data_list[idx])
        info = self._poses[self._file[number]].info(int(self._clip[number]))
        label = int(self._label[number])
        if label >= 0:
            info["gloss"] = self._metainfo["classes"][label]
        info.update(
            label=label,
            modality=self.modality,
            start_index=self.start_index,
            sample_idx=idx % len(self),
        )
        return info

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the clip's class, for mmengine's ``ClassBalancedDataset``."""
        return [int(self.labels[idx])]

    # ---- overridden by benchmarks --------------------------------------------------------------

    def _class_list(self) -> list[str]:
        """Return the files' class names; several files must agree."""
        return common_class_list(self.files, [poses.glosses for poses in self._poses])

    def _add_cuts(self, ids: Sequence[str]) -> Sequence[str]:
        """Return the ids of all clips, including those that are cut out of longer ones."""
        return ids

    def _choose(
        self, ids: Sequence[str], label: np.ndarray, classes: list[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of the chosen clips, and the label of every clip."""
        self._check_split()
        return np.arange(len(ids)), label

    # ---- files, ids and classes ----------------------------------------------------------------

    def _name(self) -> str:
        return f"{type(self).__name__} split '{self.split}'" if self.split else type(self).__name__

    def _open(self, path: str) -> PoseStore | PosePickle:
        if path.endswith(".pkl"):
            return PosePickle(path, self.layout, self._split_of_pickle())
        if path.endswith(".safetensors"):
            return PoseStore(path)
        raise DatasetError(f"{path}: neither a pose store (.safetensors) nor a pose pickle (.pkl)")

    def _split_of_pickle(self) -> str | None:
        return self.split

    def _check_split(self) -> None:
        """Refuse stores of another split; pickles were read by split."""
        if self.split is None:
            return
        accepted = self.SPLITS.get(self.split, (self.split,))
        for path, poses in zip(self.files, self._poses):
            if isinstance(poses, PoseStore) and poses.split not in accepted:
                has = f"split '{poses.split}'" if poses.split else "a split without a name"
                raise DatasetError(
                    f"{path}: holds {has}, not '{self.split}'; give that split's store, or "
                    "split=None"
                )

    def _all_ids(self) -> Sequence[str]:
        """Return the ids of the files' clips, which must be unique."""
        if len(self._poses) == 1:  # unique within a file
            return self._poses[0].ids
        file_of: dict[str, str] = {}
        for path, poses in zip(self.files, self._poses):
            for name in poses.ids:
                if name in file_of:
                    raise DatasetError(
                        f"{path}: clip '{name}' is also in {file_of[name]}; give each clip once"
                    )
                file_of[name] = path
        return list(file_of)

    def _set_classes(self, classes: list[str], ids: Sequence[str], chosen: np.ndarray) -> None:
        """Set the number of classes and their names, and check the labels against them."""
        names = list(self._metainfo.get("classes", classes))
        self._metainfo["classes"] = names
        if self.num_classes is None:
            self.num_classes = len(names)
        limit = min(self.num_classes, len(names))
        outside = self._label[chosen] >= limit
        if outside.any():
            number = int(chosen[outside.argmax()])
            raise DatasetError(
                f"{self.files[self._file[number]]}: clip '{ids[number]}' has label "
                f"{self._label[number]}, outside the class list of {limit}; give the class list "
                "and num_classes that the clips were labelled with"
            )

    def _join_prefix(self) -> None:
        names = self.ann_file if isinstance(self.ann_file, list | tuple) else [self.ann_file]
        if not all(isinstance(name, str | os.PathLike) and str(name) for name in names):
            raise DatasetError(
                f"{type(self).__name__}: ann_file must be a path or a list of paths, got "
                f"{self.ann_file!r}"
            )
        self.ann_file = (
            self._under_root(self.ann_file)
            if isinstance(self.ann_file, (str, os.PathLike))
            else [self._under_root(path) for path in self.ann_file]
        )
        if not self.files:
            raise DatasetError(f"{type(self).__name__}: ann_file names no file")
        for option in self.PATHS:
            path = getattr(self, option)
            if path is None:
                continue
            if not isinstance(path, (str, os.PathLike)):
                raise DatasetError(
                    f"{type(self).__name__}: {option.replace('class_file', 'class_list')} must be "
                    f"a path or None, got {path!r}"
                )
            setattr(self, option, self._under_root(path))

    def _under_root(self, path: str | os.PathLike) -> str:
        return os.path.join(self.data_root or "", os.path.expanduser(path))

    def _log(self, message: str) -> None:
        print_log(message, logger="current")
