"""What pose stores hold and what is wrong with it, as plain data and as a page.

``checks`` looks at the clips, one question a file; ``report`` writes what they found.
"""

from masa_mm.preparation.audit.clips import AuditClips, AuditError, open_clips
from masa_mm.preparation.audit.run import audit

__all__ = ["AuditClips", "AuditError", "audit", "open_clips"]
