"""The one way from a source to a pose store and, on request, to a pose pickle."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.crop import crop_parts, select_joints
from masa_mm.pose.files import SourceError
from masa_mm.pose.pose_pickle import PosePickleWriter
from masa_mm.pose.skeleton import describe_joints, source_layout
from masa_mm.pose.store_writer import PoseStoreWriter, WriteReport
from masa_mm.sources.base import PoseSource, SourceClips

# Frames converted at a time: small enough to stay in the processor's cache and out of memory's way.
_CHUNK = 16384


def convert(
    source: PoseSource,
    out: str | os.PathLike,
    dtype: str = "float16",
    skip_bad: bool = False,
    crop: Mapping[str, Any] | None = None,
    allow_missing: bool = False,
    pickle: str | os.PathLike | None = None,
) -> WriteReport:
    """Bring a source's clips into part coordinates and write them as a pose store.

    Args:
        source: what a reader of this package returned.
        out: the ``.safetensors`` file to make.
        dtype: 'float16' or 'float32'.
        skip_bad: leave bad clips out and report them instead of refusing.
        crop: keywords of :func:`masa_mm.pose.crop.crop_parts`, where its own rules are not
            wanted: ``fallback``, ``clamp``, ...
        allow_missing: mark the joints that the source lacks as absent, instead of refusing.
        pickle: also write the same clips here, as MMAction2's pose annotations of the 49 joints,
            not cropped.

    Raises:
        SourceError: the source lacks joints and ``allow_missing`` is off; names them.
        PoseStoreError: as :func:`masa_mm.pose.store.write_store`; nothing is written then.
    """
    check_joints(source, allow_missing)
    pickles = None if pickle is None else PosePickleWriter(pickle, **_identity(source))
    with (
        PoseStoreWriter(out, dtype=dtype, skip_bad=skip_bad, **_identity(source)) as store,
        # What is not finite, or too large, is named by the writer.
        np.errstate(over="ignore", invalid="ignore"),
    ):
        for block in _pieces(source, store):
            joints, score = joints_in_image(block, source.layout)
            keep = _store(store, block, joints, score, source.cropped, crop or {})
            if pickles is not None:
                _pickle(pickles, block, joints, score, source.cropped, keep)
    if pickles is not None:
        pickles.close()
    return store.report


def check_joints(source: PoseSource, allow_missing: bool) -> None:
    """Refuse a source that lacks some of the 49 joints unless that is known and wanted.

    Raises:
        SourceError: names the joints and the option.
    """
    missing = source_layout(source.layout).missing
    if missing and not (allow_missing or source.partial):
        raise SourceError(
            f"the layout '{source.layout}' lacks {describe_joints(missing)} of the 49 joints; give "
            "--allow-missing to mark them absent in every frame, or poses of a fuller estimator"
        )


def joints_in_image(clips: SourceClips, layout: str) -> tuple[np.ndarray, np.ndarray]:
    """The 49 joints of clips, in the units of their ``img_shape``.

    Returns:
        float32 ``keypoint`` [F, 49, 2] and ``score`` [F, 49].
    """
    raw = clips.keypoint
    keypoint = raw * np.array(clips.scale, np.float32)
    if clips.absent is not None:
        keypoint[raw == clips.absent] = np.nan
    return select_joints(keypoint, clips.score.astype(np.float32), layout)


def _identity(source: PoseSource) -> dict:
    return dict(source=source.name, split=source.split, glosses=source.glosses)


def _pieces(source: PoseSource, store: PoseStoreWriter) -> Iterator[SourceClips]:
    for block in source.blocks:
        if isinstance(block, BadClip):
            store.refuse(block)
        else:
            yield from pieces(block)


def pieces(clips: SourceClips) -> Iterator[SourceClips]:
    """Whole clips in blocks of about :data:`_CHUNK` frames, in order."""
    ends = np.asarray(clips.num_frames).cumsum()
    cuts = np.flatnonzero(np.diff(ends // _CHUNK)) + 1
    starts = np.concatenate([[0], ends])
    for first, last in zip([0, *cuts], [*cuts, len(ends)]):
        frames, some = slice(starts[first], starts[last]), slice(first, last)
        per_clip = {
            name: None if getattr(clips, name) is None else getattr(clips, name)[some]
            for name in ("num_frames", "ids", "img_shape", "label", "signer", "size")
        }
        yield SourceClips(
            keypoint=clips.keypoint[frames],
            score=clips.score[frames],
            scale=clips.scale,
            absent=clips.absent,
            **per_clip,
        )


def _store(
    store: PoseStoreWriter,
    clips: SourceClips,
    joints: np.ndarray,
    score: np.ndarray,
    cropped: bool,
    crop: Mapping[str, Any],
) -> np.ndarray:
    """Crop a block's parts and give it to the store; returns which clips are good."""
    if not cropped:
        img_shape = np.repeat(np.asarray(clips.img_shape, np.float32), clips.num_frames, axis=0)
        joints, score = crop_parts(joints, score, img_shape, **crop)
    return store.add_clips(
        joints, score, clips.num_frames, clips.ids, clips.label, clips.signer, clips.size
    )


def _pickle(
    pickles: PosePickleWriter,
    clips: SourceClips,
    joints: np.ndarray,
    score: np.ndarray,
    cropped: bool,
    keep: np.ndarray,
) -> None:
    joints = np.where(score[..., None] == 0, 0, joints)
    ends = np.asarray(clips.num_frames).cumsum()
    for index in np.flatnonzero(keep).tolist():
        frames = slice(ends[index] - clips.num_frames[index], ends[index])
        size = None if clips.size is None else clips.size[index]
        pickles.add(
            clips.ids[index],
            joints[frames],
            score[frames],
            img_shape=clips.img_shape[index],
            label=-1 if clips.label is None else clips.label[index],
            signer=-1 if clips.signer is None else clips.signer[index],
            **(dict(normalization="part_crop", original_shape=size) if cropped else {}),
        )
