"""What is looked at, one check a file; each takes the clips and returns plain data."""

from masa_mm.preparation.audit.checks.balance import class_balance
from masa_mm.preparation.audit.checks.coordinates import coordinate_ranges
from masa_mm.preparation.audit.checks.coverage import (
    OfficialPart,
    official_coverage,
    official_parts,
)
from masa_mm.preparation.audit.checks.duplicates import identical_clips
from masa_mm.preparation.audit.checks.leaks import twins_of_train
from masa_mm.preparation.audit.checks.lengths import clip_lengths
from masa_mm.preparation.audit.checks.near_duplicates import near_duplicates
from masa_mm.preparation.audit.checks.presence import presence_and_confidence
from masa_mm.preparation.audit.checks.refused import refused_clips
from masa_mm.preparation.audit.checks.samples import draw_samples
from masa_mm.preparation.audit.checks.signers import shared_signers
from masa_mm.preparation.audit.checks.tracking import frozen_and_jumping

__all__ = [
    "OfficialPart",
    "class_balance",
    "clip_lengths",
    "coordinate_ranges",
    "draw_samples",
    "frozen_and_jumping",
    "identical_clips",
    "near_duplicates",
    "official_coverage",
    "official_parts",
    "presence_and_confidence",
    "refused_clips",
    "shared_signers",
    "twins_of_train",
]
