"""Conversion of a source to a pose store and, on request, to a pose pickle."""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.atomic_write import atomic_write
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.crop import CLAMPS, FALLBACKS, crop_parts, rescale_scores, select_joints
from masa_mm.pose.files import SourceError
from masa_mm.pose.pose_pickle import PosePickleWriter
from masa_mm.pose.skeleton import describe_joints, source_layout
from masa_mm.pose.store_writer import PoseStoreWriter, WriteReport
from masa_mm.preparation.part_counts import PartCounts
from masa_mm.sources.base import PoseSource, SourceClips

# Frames converted at a time: they fit into the CPU's cache.
_CHUNK = 16384
_PER_CLIP = ("num_frames", "ids", "img_shape", "label", "signer", "size")


def convert(
    source: PoseSource,
    out: str | os.PathLike,
    dtype: str = "float16",
    skip_bad: bool = False,
    crop: Mapping[str, Any] | None = None,
    allow_missing: bool = False,
    pickle: str | os.PathLike | None = None,
    min_score: float | None = None,
    report: str | os.PathLike | None = None,
) -> WriteReport:
    """Crop the parts of a source's clips and write them as a pose store.

    Args:
        source (PoseSource): The source, from a reader of :mod:`masa_mm.sources`.
        out (str | os.PathLike): The ``.safetensors`` file to write.
        dtype (str): 'float16' or 'float32'.
        skip_bad (bool): Whether to leave out bad clips and report them, instead of an error.
        crop (Mapping | None): Keyword arguments of :func:`masa_mm.pose.crop.crop_parts`.
        allow_missing (bool): Whether joints that the source lacks are absent, instead of an error.
        pickle (str | os.PathLike | None): If given, write the same clips here too, as MMAction2's
            pose annotations of the 49 joints, not cropped.
        min_score (float | None): Joints are visible from this score on. None: the source's own
            choice, 0.4 for most.
        report (str | os.PathLike | None): If given, write the clips that were left out here, see
            :func:`write_report`.

    Returns:
        WriteReport: What was written and which clips were left out.

    Raises:
        SourceError: If the source lacks joints and ``allow_missing`` is False, or if it is in part
            coordinates, whose hands were chosen before, and ``min_score`` is given.
        PoseStoreError: If there are bad clips, see :func:`masa_mm.pose.store.write_store`.
        WriteError: If a file cannot be written. None of them is then replaced.
    """
    check_joints(source, allow_missing)
    if source.cropped and min_score is not None:
        raise SourceError("its hands are cropped already; leave --min-score out")
    counts = PartCounts()
    identity: dict[str, Any] = dict(source=source.name, split=source.split, glosses=source.glosses)
    pickles = None if pickle is None else PosePickleWriter(pickle, **identity)
    store = PoseStoreWriter(out, dtype=dtype, skip_bad=skip_bad, **identity)
    # The writer names clips with values that are not finite or too large.
    with np.errstate(over="ignore", invalid="ignore"):
        for clips in _read_chunks(source, store):
            joints = joints_in_image(clips, source.layout, min_score)
            parts = joints if source.cropped else _crop(clips, *joints, crop or {})
            good = store.add_clips(
                *parts, clips.num_frames, clips.ids, clips.label, clips.signer, clips.size
            )
            counts.add(joints[1], parts[1], np.repeat(good, clips.num_frames))
            if pickles is not None:
                _add_to_pickle(pickles, clips, *joints, source.cropped, good)
    others: dict[str | os.PathLike, Callable[[Path], object]] = {}
    if pickles is not None:
        others[pickles.path] = pickles.write
    if report is not None:
        others[report] = lambda temporary: _write_skipped(temporary, store.bad)
    return store.close(others)._replace(parts=counts.result())


def check_joints(source: PoseSource, allow_missing: bool) -> None:
    """Refuse a source that lacks some of the 49 joints unless that is expected or allowed.

    Raises:
        SourceError: If joints are missing; the message names them and the option.
    """
    missing = source_layout(source.layout).missing
    if missing and not (allow_missing or source.partial):
        raise SourceError(
            f"the layout '{source.layout}' lacks {describe_joints(missing)} of the 49 joints; give "
            "--allow-missing to mark them absent in every frame, or use a more complete estimator"
        )


def joints_in_image(
    clips: SourceClips, layout: str, min_score: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 49 joints in units of ``img_shape``: float32 [F, 49, 2] and scores [F, 49].

    The scores are rescaled, see :func:`masa_mm.pose.crop.rescale_scores`; ``min_score`` replaces
    the source's own.
    """
    keypoint = clips.keypoint * np.array(clips.scale, np.float32)
    if clips.absent is not None:
        keypoint[clips.keypoint == clips.absent] = np.nan
    min_score = clips.min_score if min_score is None else min_score
    score = rescale_scores(clips.score.astype(np.float32), min_score)
    return select_joints(keypoint, score, layout)


def split_clips(clips: SourceClips) -> Iterator[SourceClips]:
    """Split a block into blocks of whole clips of about :data:`_CHUNK` frames, in order."""
    ends = np.asarray(clips.num_frames).cumsum()
    cuts = np.flatnonzero(np.diff(ends // _CHUNK)) + 1
    starts = np.concatenate([[0], ends])
    for first, last in zip([0, *cuts], [*cuts, len(ends)]):
        frames = slice(starts[first], starts[last])
        per_clip = {name: getattr(clips, name) for name in _PER_CLIP}
        selected = {
            name: values[first:last] for name, values in per_clip.items() if values is not None
        }
        yield replace(clips, keypoint=clips.keypoint[frames], score=clips.score[frames], **selected)


def _read_chunks(source: PoseSource, store: PoseStoreWriter) -> Iterator[SourceClips]:
    for block in source.blocks:
        if isinstance(block, BadClip):
            store.refuse(block)
        else:
            yield from split_clips(block)


def _crop(
    clips: SourceClips, keypoint: np.ndarray, score: np.ndarray, crop: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    img_shape = np.repeat(np.asarray(clips.img_shape, np.float32), clips.num_frames, axis=0)
    return crop_parts(keypoint, score, img_shape, **crop)


def _add_to_pickle(
    pickles: PosePickleWriter,
    clips: SourceClips,
    keypoint: np.ndarray,
    score: np.ndarray,
    cropped: bool,
    good: np.ndarray,
) -> None:
    keypoint = np.where(score[..., None] == 0, 0, keypoint)
    ends = np.asarray(clips.num_frames).cumsum()
    for index in np.flatnonzero(good).tolist():
        frames = slice(ends[index] - clips.num_frames[index], ends[index])
        extra: dict[str, Any] = {}
        if cropped:
            size = None if clips.size is None else clips.size[index]
            extra = dict(normalization="part_crop", original_shape=size)
        pickles.add(
            clips.ids[index],
            keypoint[frames],
            score[frames],
            img_shape=clips.img_shape[index],
            label=-1 if clips.label is None else clips.label[index],
            signer=-1 if clips.signer is None else clips.signer[index],
            **extra,
        )


def report_path(out: str | os.PathLike) -> Path:
    """Return the path of a store's report: ``train.skipped.csv`` for ``train.safetensors``."""
    return Path(out).with_suffix(".skipped.csv")


def write_report(path: str | os.PathLike, skipped: Sequence[BadClip]) -> None:
    """Write the clips that were left out as CSV with the columns id, problem and remedy."""
    with atomic_write(path) as temporary:
        _write_skipped(temporary, skipped)


def _write_skipped(path: Path, skipped: Sequence[BadClip]) -> None:
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(BadClip._fields)
        writer.writerows(skipped)


def add_crop_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--few-joints``, ``--clamp`` and ``--zero-left-above`` to a command that crops."""
    parser.add_argument(
        "--few-joints",
        choices=FALLBACKS,
        default="absent",
        help="a hand with fewer than 10 visible joints is absent, or its box is derived from elbow "
        "and wrist",
    )
    parser.add_argument(
        "--clamp",
        choices=CLAMPS,
        default="joints",
        help="a hand's box ends at the image border but contains its visible joints; 'image': it "
        "always ends there",
    )
    parser.add_argument(
        "--zero-left-above",
        type=float,
        metavar="PIXELS",
        help="set left-hand values above this to 0, as the reference code does with 255",
    )


def crop_rules(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments of ``crop_parts`` that the options ask for."""
    return dict(fallback=args.few_joints, clamp=args.clamp, zero_left_above=args.zero_left_above)
