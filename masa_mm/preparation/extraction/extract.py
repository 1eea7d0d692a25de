"""Poses of videos: every clip once, whatever stops the run, and then one pose store."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.crop import crop_parts, select_joints
from masa_mm.pose.store_writer import PoseStoreWriter, WriteReport
from masa_mm.preparation.extraction.clip_files import ClipFiles, ExtractedClip
from masa_mm.preparation.extraction.estimators import PoseEstimator
from masa_mm.preparation.extraction.plan import ClipJob, Plan
from masa_mm.preparation.extraction.video import read_frames
from masa_mm.preparation.extraction.workers import Worker

BOX_MARGIN = 0.1


class Failure(NamedTuple):
    """A clip without poses, and why."""

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
    """The signer's poses in one clip.

    Args:
        estimator: what finds them.
        job: the clip; of its frames only its box is looked at, and what is found there is put back
            to its place in the whole image.
        box_margin: widens the box on each side by this share of its longer side: boxes were drawn
            around persons at rest.
        fps: of folders of images.

    Raises:
        VideoError, ClipRangeError: the video cannot be read, or does not hold the clip.
        ClipError: nobody is in it.
    """
    frames = read_frames(job.video, job.frames, fps)
    first = next(frames)
    img_shape = first.shape[:2]
    rows, columns = (slice(0, side) for side in img_shape)
    if job.box is not None:
        rows, columns = job.box.within(img_shape, box_margin)
    keypoint, score = estimator.estimate(frame[rows, columns] for frame in chain([first], frames))
    in_image = keypoint + np.array([columns.start, rows.start], np.float32)
    return ExtractedClip(
        np.where(score[..., None] > 0, in_image, 0).astype(np.float32),
        score.astype(np.float32),
        np.array(img_shape, np.int32),
    )


def extract_share(
    plan: Plan,
    files: ClipFiles,
    estimator: PoseEstimator,
    worker: Worker,
    box_margin: float = BOX_MARGIN,
    fps: float | None = None,
) -> None:
    """Extract this process's share of the clips, without those that are done."""
    jobs = [job for job in plan.jobs[worker.index :: worker.count] if not files.is_done(job.id)]
    with _progress(worker) as progress:
        for job in progress.track(jobs, description="extracting"):
            try:
                files.save(job.id, extract_clip(estimator, job, box_margin, fps))
            # One video must not stop the rest, whatever a decoder or a network makes of it.
            except Exception as error:
                files.fail(job.id, _reason(error), worker.run)


def unfinished(plan: Plan, files: ClipFiles, worker: Worker) -> int:
    """How many clips nobody has tried yet in this run."""
    return sum(
        not files.is_done(job.id) and files.failure(job.id, worker.run) is None for job in plan.jobs
    )


def failures(plan: Plan, files: ClipFiles, worker: Worker) -> list[Failure]:
    """The clips without poses, and why."""
    found = ((job, files.failure(job.id, worker.run)) for job in plan.jobs)
    return [
        Failure(job, reason)
        for job, reason in found
        if reason is not None and not files.is_done(job.id)
    ]


def write_failures(path: str | os.PathLike, failed: Sequence[Failure]) -> None:
    """A line a failed clip: its id, its video and the reason, tabs between; no file if none is."""
    path = Path(path)
    if not failed:
        path.unlink(missing_ok=True)
        return
    lines = [f"{failure.job.id}\t{failure.job.video}\t{failure.reason}\n" for failure in failed]
    with atomic_write(path) as beside:
        beside.write_text("".join(lines), encoding="utf-8")


def write_clips(
    plan: Plan,
    files: ClipFiles,
    failed: Sequence[Failure],
    out: str | os.PathLike,
    layout: str,
    dtype: str = "float16",
    skip_bad: bool = False,
    crop: Mapping[str, Any] | None = None,
) -> WriteReport:
    """Make the pose store of all extracted clips.

    Args:
        plan, files, failed: what was to be extracted, and what came of it.
        out: the ``.safetensors`` file to make.
        layout: the estimator's joints.
        dtype, skip_bad: see :func:`masa_mm.pose.store.write_store`; failed clips are bad ones.
        crop: keywords of :func:`masa_mm.pose.crop.crop_parts` that differ from its own.

    Raises:
        BadClipsError: clips failed or are bad, and ``skip_bad`` is off; nothing is written.
    """
    reasons = {failure.job.id: failure.reason for failure in failed}
    with PoseStoreWriter(
        out,
        source=plan.source,
        split=plan.split,
        glosses=plan.glosses,
        dtype=dtype,
        skip_bad=skip_bad,
    ) as writer:
        for job in plan.jobs:
            if job.id in reasons:
                problem, _, remedy = reasons[job.id].rpartition("; ")
                writer.refuse(BadClip(job.id, problem or remedy, remedy if problem else "mend it"))
                continue
            poses = files.load(job.id)
            joints, score = select_joints(poses.keypoint, poses.score, layout)
            joints, score = crop_parts(joints, score, poses.img_shape, **(crop or {}))
            writer.add(job.id, joints, score, job.label, job.signer, poses.img_shape)
    return writer.report


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no reason given"
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def _progress(worker: Worker) -> Progress:
    """A bar for the first process of each machine; the others work quietly."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        disable=worker.local != 0,
    )
