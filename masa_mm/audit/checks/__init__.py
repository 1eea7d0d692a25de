"""What is looked at, one check a file; each takes the clips and returns plain data."""

from .balance import class_balance
from .coordinates import coordinate_ranges
from .coverage import OfficialPart, official_coverage, official_parts
from .duplicates import identical_clips
from .leaks import twins_of_train
from .lengths import clip_lengths
from .near_duplicates import near_duplicates
from .presence import presence_and_confidence
from .refused import refused_clips
from .samples import draw_samples
from .signers import shared_signers
from .tracking import frozen_and_jumping

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
