"""All checks, and the files of an audit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader

from masa_mm.atomic_write import atomic_write
from masa_mm.preparation.audit.check import Check, Section, Table, count
from masa_mm.preparation.audit.clips import AuditClips
from masa_mm.preparation.audit.coverage import OfficialLists, OfficialPart
from masa_mm.preparation.audit.duplicates import IdenticalClips, TrainTwins, exclude_name
from masa_mm.preparation.audit.examples import BadClips, Samples
from masa_mm.preparation.audit.keypoints import Coordinates, Presence
from masa_mm.preparation.audit.near_duplicates import CERTAIN, NearDuplicates
from masa_mm.preparation.audit.splits import ClassBalance, ClipLengths, Signers
from masa_mm.preparation.audit.tracking import Tracking

_STORE_COLUMNS = {
    "split": "split",
    "store": "path",
    "source": "source",
    "clips": "clips",
    "frames": "frames",
    "stored as": "dtype",
}


def all_checks(
    official: Sequence[OfficialPart] = (),
    near: float = CERTAIN,
    num_samples: int = 20,
    seed: int = 0,
) -> list[Check]:
    """Return every check, in the order in which they run and are shown; see :func:`audit`."""
    return [
        OfficialLists(official),
        IdenticalClips(),
        NearDuplicates(near),
        TrainTwins(),
        Signers(),
        Presence(),
        ClipLengths(),
        ClassBalance(),
        Coordinates(),
        Tracking(),
        BadClips(),
        Samples(num_samples, seed),
    ]


def audit(
    clips: AuditClips,
    official: Sequence[OfficialPart] = (),
    near: float = CERTAIN,
    num_samples: int = 20,
    seed: int = 0,
    progress: Callable[[str], object] = lambda name: None,
) -> dict[str, Any]:
    """Run every check.

    Args:
        clips (AuditClips): Result of :func:`open_clips`.
        official (Sequence[OfficialPart]): Result of :func:`official_parts`; empty for no coverage.
        near (float): Difference below which two clips are one recording, in hand radii.
        num_samples (int): Clips to draw.
        seed (int): Seed of the draw.
        progress (Callable): Called with the name of each check before it runs.

    Returns:
        dict: Data that JSON can hold: ``stores``, and the result of each check under its name.

    Example:
        >>> results = audit(open_clips(['wlasl_train.safetensors', 'wlasl_val.safetensors']))
        >>> results['identical']['across_splits']
    """
    stores = [
        dict(
            split=split,
            path=store.path,
            source=store.source,
            clips=len(store),
            frames=len(store.keypoint),
            dtype=store.keypoint.dtype.name,
        )
        for split, store in zip(clips.splits, clips.stores)
    ]
    results: dict[str, Any] = dict(stores=stores)
    for check in all_checks(official, near, num_samples, seed):
        progress(check.name)
        results[check.name] = check.compute(clips, results)
    return results


class Report(NamedTuple):
    """Files of an audit, and its sections with their checks."""

    page: Path
    data: Path
    lists: tuple[Path, ...]
    sections: tuple[tuple[Check, Section], ...]


def write_report(clips: AuditClips, results: dict[str, Any], out: str | os.PathLike) -> Report:
    """Write ``audit.html``, one page with embedded pictures, and ``audit.json``, the same numbers.

    Also write ``exclude_val.txt`` and so on: the clips of each other split that have a twin in
    train, one id a line, for the option ``exclude`` of :class:`~masa_mm.datasets.SignPoseDataset`.

    Args:
        clips (AuditClips): The audited clips.
        results (dict[str, Any]): Result of :func:`audit`.
        out (str | os.PathLike): Folder; it is created if it is missing.
    """
    out = Path(out)
    # An empty list means that there is no official list or no split 'train'.
    sections = tuple(
        (check, check.show(clips, results[check.name]))
        for check in all_checks()
        if results[check.name] != []
    )
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    num_frames = int(clips.num_frames.sum())
    page = templates.get_template("page.html.jinja").render(
        title=f"Audit of {count(len(clips), 'clip')}, {count(num_frames, 'frame')}",
        stores=Table(results["stores"], _STORE_COLUMNS),
        sections=sections,
    )
    files = {
        out / "audit.html": page,
        out / "audit.json": json.dumps(results, indent=1, allow_nan=False),
    }
    for leak in results["leaks"]:
        files[out / exclude_name(leak["split"])] = "".join(f"{name}\n" for name in leak["ids"])
    for path, text in files.items():
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    html, data, *lists = files
    return Report(html, data, tuple(lists), sections)
