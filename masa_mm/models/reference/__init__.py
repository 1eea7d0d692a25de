"""Everything that exists only for the authors' release: its network, its loss, its checkpoints."""

from masa_mm.models.reference.decoder import PartPredictor, ReferenceDecoder
from masa_mm.models.reference.encoder import MaskTokenEncoder, ReferenceEncoder
from masa_mm.models.reference.pretraining import PartMotionLoss, ReferenceMASA, ReferencePooling

__all__ = [
    "MaskTokenEncoder",
    "PartMotionLoss",
    "PartPredictor",
    "ReferenceDecoder",
    "ReferenceEncoder",
    "ReferenceMASA",
    "ReferencePooling",
]
