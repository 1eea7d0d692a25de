"""The two files of an audit."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from ...beside import written_beside
from ..clips import AuditClips
from . import copies, membership, poses
from .page import render_page
from .section import Section, Table, count


class Written(NamedTuple):
    """Where the report is, and what it says at its top."""

    page: Path
    data: Path
    sections: tuple[Section, ...]


def write_report(clips: AuditClips, found: dict[str, Any], out: str | os.PathLike) -> Written:
    """Write ``audit.html``, one page with everything in it, and ``audit.json``, the same numbers.

    Args:
        clips: what was audited.
        found: of :func:`masa_mm.audit.audit`.
        out: folder; made if it is not there.
    """
    out = Path(out)
    sections = tuple(_sections(clips, found))
    title = f"Audit of {count(len(clips), 'clip')}, {count(int(clips.num_frames.sum()), 'frame')}"
    page = render_page(title, _stores(found["stores"]), sections)
    written = Written(out / "audit.html", out / "audit.json", sections)
    with written_beside(written.page) as beside:
        beside.write_text(page, encoding="utf-8")
    with written_beside(written.data) as beside:
        beside.write_text(json.dumps(found, indent=1, allow_nan=False), encoding="utf-8")
    return written


def _sections(clips: AuditClips, found: dict[str, Any]) -> list[Section]:
    renderers = dict(
        coverage=membership.coverage_section,
        identical=copies.identical_section,
        near=copies.near_section,
        signers=membership.signers_section,
        balance=membership.balance_section,
        presence=poses.presence_section,
        lengths=poses.lengths_section,
        coordinates=poses.coordinates_section,
        tracking=poses.tracking_section,
        refused=poses.refused_section,
        samples=poses.samples_section,
    )
    # No official list, no coverage to tell.
    return [render(clips, found[name]) for name, render in renderers.items() if found[name] != []]


def _stores(stores: list[dict[str, Any]]) -> Table:
    rows = [
        [store["split"], store["path"], store["source"], f"{store['clips']:,}"]
        + [f"{store['frames']:,}", store["dtype"]]
        for store in stores
    ]
    return Table(("split", "store", "source", "clips", "frames", "stored as"), rows)
