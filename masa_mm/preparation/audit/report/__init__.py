"""What the checks found as a page and as JSON."""

from masa_mm.preparation.audit.report.write import write_report

__all__ = ["write_report"]
