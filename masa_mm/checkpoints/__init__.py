from .reference import ReferenceReport, convert_reference, read_reference
from .reference_names import Source, source_of, unused_names

__all__ = [
    "ReferenceReport",
    "Source",
    "convert_reference",
    "read_reference",
    "source_of",
    "unused_names",
]
