"""Audit of pose stores: what they hold and what is wrong with it, as JSON and as a page.

A :class:`Check` answers one question about the clips. ``report.py`` lists and runs all checks and
writes the page; the other modules define them.
"""

from masa_mm.preparation.audit.check import Check, Picture, Section, Table
from masa_mm.preparation.audit.clips import AuditClips, AuditError, open_clips
from masa_mm.preparation.audit.coverage import OfficialPart, official_parts
from masa_mm.preparation.audit.report import all_checks, audit, write_report

__all__ = [
    "AuditClips",
    "AuditError",
    "Check",
    "OfficialPart",
    "Picture",
    "Section",
    "Table",
    "all_checks",
    "audit",
    "official_parts",
    "open_clips",
    "write_report",
]
