"""From labelled videos or pose files to one pose store."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch

from masa_mm.datasets.clip_tables import number_signers
from masa_mm.pose.store_writer import WriteReport
from masa_mm.preparation.convert import convert
from masa_mm.preparation.extraction.clip_files import ClipFiles
from masa_mm.preparation.extraction.estimators import ESTIMATORS, build
from masa_mm.preparation.extraction.extract import extract_share, find_failures, write_clips
from masa_mm.preparation.extraction.plan import ClipJob, Plan
from masa_mm.preparation.extraction.workers import join
from masa_mm.preparation.new_dataset.clips import (
    FOLDER_SOURCES,
    LabelledClips,
    NewDatasetError,
    SignClip,
)
from masa_mm.sources.clip_list import ClipList, ListedClip


def extract_videos(
    clips: Sequence[SignClip],
    out: Path,
    estimator: str,
    options: Mapping[str, Any],
    skip_bad: bool = False,
) -> WriteReport:
    """Extract the poses of videos and write their store.

    An interrupted extraction resumes from the clip files in ``OUT.poses``.

    Args:
        clips (Sequence[SignClip]): The videos.
        out (Path): The ``.safetensors`` file to write.
        estimator (str): A name in :data:`masa_mm.preparation.extraction.ESTIMATORS`.
        options (Mapping): Options of the estimator.
        skip_bad (bool): Whether to leave out clips that fail, instead of an error.

    Raises:
        EstimatorError: If the estimator is not installed or does not start.
        NewDatasetError: If there is no such estimator.
        BadClipsError: If clips fail and ``skip_bad`` is False, or if all fail.
    """
    kind = ESTIMATORS.get(estimator)
    if kind is None:
        known = ", ".join(sorted(ESTIMATORS.module_dict))
        raise NewDatasetError(f"no estimator '{estimator}'; there are {known}")
    jobs = [
        ClipJob(clip.id, clip.place, label=label, signer=signer)
        for clip, label, signer in zip(clips, labels_of(clips), signer_numbers(clips))
    ]
    plan, worker = Plan(jobs, out.stem, glosses=glosses_of(clips)), join({})
    device = "cuda" if kind.on_gpu and torch.cuda.is_available() else "cpu"
    with closing(build(estimator, device, dict(options))) as model:
        settings = dict(estimator=estimator, options=dict(options), layout=model.layout)
        files = ClipFiles(out.with_suffix(".poses"), settings)
        print(f"{len(jobs)} videos, {sum(files.is_done(job.id) for job in jobs)} are done")
        extract_share(plan, files, model, worker)
    failures, _ = find_failures(plan, files, worker.run)
    return write_clips(plan, files, failures, out, model.layout, skip_bad=skip_bad)


def convert_files(
    clips: Sequence[SignClip], out: Path, args: argparse.Namespace
) -> tuple[WriteReport, list[str]]:
    """Convert pose files and write their store.

    Args:
        clips (Sequence[SignClip]): The clips, each with its entry.
        out (Path): The ``.safetensors`` file to write.
        args (argparse.Namespace): Options of the source.

    Returns:
        tuple[WriteReport, list[str]]: The report, and the source's notes for the user.

    Raises:
        SourceError: If the source lacks joints and ``args.allow_missing`` is False.
        BadClipsError: If clips are bad and ``args.skip_bad`` is False, or if all are bad.
    """
    entries = [clip.entry._replace(name=clip.id) for clip in clips if clip.entry is not None]
    numbers = zip(labels_of(clips), signer_numbers(clips))
    listed = {clip.id: ListedClip(*number) for clip, number in zip(clips, numbers)}
    clip_list = ClipList(args.input, listed, glosses_of(clips))
    source = FOLDER_SOURCES[args.source].open_entries(args, entries, clip_list)
    report = convert(source, out, skip_bad=args.skip_bad, allow_missing=args.allow_missing)
    return report, source.notes


def labelled(clips: Sequence[SignClip]) -> LabelledClips:
    """Return clips that have no store yet, as :func:`clips_in_store` returns those of a store."""
    ids, signer = [clip.id for clip in clips], [clip.signer for clip in clips]
    label = np.array(labels_of(clips), np.int64)
    return LabelledClips(ids, label, glosses_of(clips), signer, [clip.split for clip in clips])


def glosses_of(clips: Sequence[SignClip]) -> list[str]:
    """Return the names of the signs in the order of their labels, which is alphabetical."""
    return sorted({clip.gloss for clip in clips})


def labels_of(clips: Sequence[SignClip]) -> list[int]:
    """Return the label of each clip."""
    label_of = {gloss: label for label, gloss in enumerate(glosses_of(clips))}
    return [label_of[clip.gloss] for clip in clips]


def signer_numbers(clips: Sequence[SignClip]) -> list[int]:
    """Return the number of each clip's signer, -1 = unknown, as ``CSVPose`` numbers them."""
    number_of = number_signers({clip.signer for clip in clips} - {""})
    return [number_of.get(clip.signer, -1) for clip in clips]
