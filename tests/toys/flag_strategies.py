"""Hypothesis strategies for masks."""

from __future__ import annotations

import torch
from hypothesis import strategies as st


@st.composite
def flags(draw: st.DrawFn) -> torch.Tensor:
    """Draw a mask, bool [clips, frames]."""
    clips, frames = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    flat = draw(st.lists(st.booleans(), min_size=clips * frames, max_size=clips * frames))
    return torch.tensor(flat).view(clips, frames)
