"""Extraction of clips from videos into clip files, and of clip files into a pose store."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError, in_one_line
from masa_mm.pose.clip_checks import BadClip, is_unwritable_id
from masa_mm.pose.crop import crop_parts, select_joints
from masa_mm.pose.store_writer import PoseStoreWriter, WriteReport
from masa_mm.preparation.extraction.clip_files import ClipFiles, ExtractedClip
from masa_mm.preparation.extraction.estimators import PoseEstimator
from masa_mm.preparation.extraction.plan import ClipJob, Plan
from masa_mm.preparation.extraction.video import read_frames
from masa_mm.preparation.extraction.workers import Worker
from masa_mm.preparation.part_counts import PartCounts

BOX_MARGIN = 0.1


class Failure(NamedTuple):
    """A clip without poses, and the reason."""

    job: ClipJob
    reason: str

    def __str__(self) -> str:
        return f"clip '{self.job.id}' ({self.job.video}): {self.reason}"


def extract_clip(
    estimator: PoseEstimator,
    job: ClipJob,
    box_margin: float = BOX_MARGIN,
    fps: float | None = None,
) -> ExtractedClip:
    """Extract the signer's poses from one clip.

    Args:
        estimator (PoseEstimator): Estimates the poses. It sees only the clip's box.
        job (ClipJob): The clip.
        box_margin (float): Widens the box on each side by this share of its longer side, because
            the benchmarks' boxes were drawn around persons at rest.
        fps (float | None): Frame rate of folders of images.

    Returns:
        ExtractedClip: Poses in pixels of the whole image.

    Raises:
        UserError: If the video cannot be read, the clip's frames or box do not lie within it, or no
            frame shows a person.
    """
    frames = read_frames(job.video, job.frames, fps)
    first = next(frames)
    height, width = first.shape[:2]
    rows, columns = slice(0, height), slice(0, width)
    if job.box is not None:
        rows, columns = job.box.within((height, width), box_margin)
    keypoint, score = estimator.estimate(frame[rows, columns] for frame in chain([first], frames))
    in_image = keypoint + np.array([columns.start, rows.start], np.float32)
    return ExtractedClip(
        np.where(score[..., None] > 0, in_image, 0).astype(np.float32),
        score.astype(np.float32),
        np.array([height, width], np.int32),
    )


def extract_share(
    plan: Plan,
    files: ClipFiles,
    estimator: PoseEstimator,
    worker: Worker,
    box_margin: float = BOX_MARGIN,
    fps: float | None = None,
) -> None:
    """Extract this process's share of the clips, except those already done."""
    jobs = [job for job in plan.jobs[worker.index :: worker.count] if not files.is_done(job.id)]
    for job in track(
        jobs,
        f"extracting {len(jobs)} clips",
        console=Console(file=sys.stderr),
        disable=worker.local_rank != 0,  # one progress bar on each machine
    ):
        try:
            _check_id(job.id)
            poses = extract_clip(estimator, job, box_margin, fps)
        # A decoder or a network may raise anything; one video must not stop the others.
        except Exception as error:
            is_ours = isinstance(error, UserError)
            reason = str(error) if is_ours else in_one_line(error, 300)
            files.fail(job.id, reason, worker.run)
        else:
            files.save(job.id, poses)  # a full disk stops the run


def _check_id(clip: str) -> None:
    """Refuse, before the work, an id that the store would refuse after it."""
    if is_unwritable_id(clip):
        raise UserError("its name is not UTF-8, or has control characters; rename it")


def find_failures(plan: Plan, files: ClipFiles, run: str) -> tuple[list[Failure], int]:
    """Collect the clips that failed in a run.

    Returns:
        tuple[list[Failure], int]: The failures, and the number of clips that no process of the run
            has tried yet.
    """
    left = [job for job in plan.jobs if not files.is_done(job.id)]
    reasons = [files.failure(job.id, run) for job in left]
    failures = [Failure(job, reason) for job, reason in zip(left, reasons) if reason is not None]
    return failures, len(left) - len(failures)


def write_failures(path: str | os.PathLike, failures: Sequence[Failure]) -> None:
    """Write id, video and reason of each failure, separated by tabs; without failures, no file."""
    if not failures:
        Path(path).unlink(missing_ok=True)
        return
    columns = ((failure.job.id, failure.job.video, failure.reason) for failure in failures)
    # A tab or a line break within a column would look like another clip.
    lines = ["\t".join(" ".join(str(text).split()) for text in row) + "\n" for row in columns]
    with atomic_write(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8", errors="backslashreplace")


def write_clips(
    plan: Plan,
    files: ClipFiles,
    failures: Sequence[Failure],
    out: str | os.PathLike,
    layout: str,
    crop: Mapping[str, Any] | None = None,
    **options: Any,
) -> WriteReport:
    """Write the pose store of all extracted clips.

    Args:
        plan (Plan): The clips.
        files (ClipFiles): Their poses.
        failures (Sequence[Failure]): The clips without poses. They count as bad clips.
        out (str | os.PathLike): The ``.safetensors`` file to write.
        layout (str): The estimator's layout.
        crop (Mapping | None): Further arguments of :func:`masa_mm.pose.crop.crop_parts`.
        **options (Any): Options of :class:`masa_mm.pose.store_writer.PoseStoreWriter`.

    Raises:
        BadClipsError: If there are bad clips and ``skip_bad`` is False. Nothing is written.
    """
    reasons = {failure.job.id: failure.reason for failure in failures}
    writer = PoseStoreWriter(
        out, source=plan.source, split=plan.split, glosses=plan.glosses, **options
    )
    counts = PartCounts()
    for job in plan.jobs:
        if job.id in reasons:
            writer.refuse(_bad_clip(job.id, reasons[job.id]))
            continue
        poses = files.load(job.id)
        joints, in_image = select_joints(poses.keypoint, poses.score, layout)
        joints, score = crop_parts(joints, in_image, poses.img_shape, **(crop or {}))
        size = poses.img_shape.tolist()
        good = writer.add(job.id, joints, score, job.label, job.signer, size)
        counts.add(in_image, score, np.full(len(score), good))
    return writer.close()._replace(parts=counts.result())


def _bad_clip(clip: str, reason: str) -> BadClip:
    # Our own messages end with the remedy after a semicolon.
    problem, semicolon, remedy = reason.rpartition("; ")
    return BadClip(clip, problem, remedy) if semicolon else BadClip(clip, reason, "correct it")
