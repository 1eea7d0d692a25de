from .memory_bank import MemoryBank
from .momentum_encoder import MomentumEncoder
from .semantic_alignment import Projector, SemanticAlignment

__all__ = ["MemoryBank", "MomentumEncoder", "Projector", "SemanticAlignment"]
