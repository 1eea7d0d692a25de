"""Momentum semantic alignment."""

from masa_mm.models.alignment.memory_bank import MemoryBank
from masa_mm.models.alignment.momentum_encoder import MomentumEncoder
from masa_mm.models.alignment.semantic_alignment import Projector, SemanticAlignment

__all__ = ["MemoryBank", "MomentumEncoder", "Projector", "SemanticAlignment"]
