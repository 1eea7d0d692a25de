"""The two files of an audit."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from masa_mm.atomic_write import atomic_write
from masa_mm.preparation.audit.clips import AuditClips
from masa_mm.preparation.audit.report import copies, membership, poses
from masa_mm.preparation.audit.report.page import render_page
from masa_mm.preparation.audit.report.section import Section, Table, count


class Written(NamedTuple):
    """Where the report is, and what it says at its top."""

    page: Path
    data: Path
    lists: tuple[Path, ...]
    sections: tuple[Section, ...]


def write_report(clips: AuditClips, found: dict[str, Any], out: str | os.PathLike) -> Written:
    """Write ``audit.html``, one page with everything in it, and ``audit.json``, the same numbers.

    Beside them ``exclude_val.txt`` and so on: of each other split the clips that have a twin in
    train, an id a line, as :class:`~masa_mm.datasets.SignPoseDataset` reads them (``exclude``).

    Args:
        clips: what was audited.
        found: of :func:`masa_mm.preparation.audit.audit`.
        out: folder; made if it is not there.
    """
    out = Path(out)
    sections = tuple(_sections(clips, found))
    title = f"Audit of {count(len(clips), 'clip')}, {count(int(clips.num_frames.sum()), 'frame')}"
    page = render_page(title, _stores(found["stores"]), sections)
    lists = {out / copies.exclude_name(leak["split"]): leak["ids"] for leak in found["leaks"]}
    written = Written(out / "audit.html", out / "audit.json", tuple(lists), sections)
    _write(written.page, page)
    _write(written.data, json.dumps(found, indent=1, allow_nan=False))
    for path, ids in lists.items():
        _write(path, "".join(f"{name}\n" for name in ids))
    return written


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _sections(clips: AuditClips, found: dict[str, Any]) -> list[Section]:
    renderers = dict(
        coverage=membership.coverage_section,
        identical=copies.identical_section,
        near=copies.near_section,
        leaks=copies.leaks_section,
        signers=membership.signers_section,
        balance=membership.balance_section,
        presence=poses.presence_section,
        lengths=poses.lengths_section,
        coordinates=poses.coordinates_section,
        tracking=poses.tracking_section,
        refused=poses.refused_section,
        samples=poses.samples_section,
    )
    # No official list, no coverage to tell; no train, no twins in it.
    return [render(clips, found[name]) for name, render in renderers.items() if found[name] != []]


def _stores(stores: list[dict[str, Any]]) -> Table:
    rows = [
        [store["split"], store["path"], store["source"], f"{store['clips']:,}"]
        + [f"{store['frames']:,}", store["dtype"]]
        for store in stores
    ]
    return Table(("split", "store", "source", "clips", "frames", "stored as"), rows)
