"""A web page of the signs of a dictionary: one file, a card with a moving skeleton for each."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader

from masa_mm.atomic_write import atomic_write
from masa_mm.pose.skeleton import BODY, PARTS
from masa_mm.visualization.skeleton import BODY_LINES, assemble
from masa_mm.visualization.style import PART_COLORS

_ABSENT = 255
_STEPS = 254  # of a card's side
_MARGIN = 0.06  # of a card's side


class Card(NamedTuple):
    """A sign of the page.

    Attributes:
        gloss (str): The sign.
        keypoint (np.ndarray): An example of it in part coordinates [T, 49, 2].
        score (np.ndarray): [T, 49]; 0 is absent.
        aspect (float): Width over height of the image.
        num_examples (int): Examples in the dictionary.
    """

    gloss: str
    keypoint: np.ndarray
    score: np.ndarray
    aspect: float
    num_examples: int


def write_page(path: str | os.PathLike, title: str, cards: Sequence[Card]) -> None:
    """Write the page, which needs no other file and no network.

    Args:
        path (str | os.PathLike): The ``.html`` file.
        title (str): Heading of the page.
        cards (Sequence[Card]): The signs, in the order of the page.

    Raises:
        WriteError: If the file cannot be written.
    """
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    page = templates.get_template("dictionary_page.html.jinja").render(
        title=title,
        cards=[dict(gloss=card.gloss, num=card.num_examples) for card in cards],
        data=dict(frames=[_encode(card) for card in cards], lines=_lines()),
    )
    with atomic_write(path) as temporary:
        # Names may hold bytes that are not UTF-8.
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")


def _lines() -> list[dict]:
    """Return the bones of each part, as pairs of joints among the 49."""
    edges = {part.name: BODY_LINES if part is BODY else part.edges for part in PARTS}
    return [
        dict(
            color=PART_COLORS[part.name],
            pairs=[[part.start + i, part.start + j] for i, j in edges[part.name]],
        )
        for part in reversed(PARTS)  # hands over the body
    ]


def _encode(card: Card) -> str:
    """Encode the joints in a square, uint8 [T, 49, 2], as base64; 255 is absent."""
    points, shown = assemble(card.keypoint, card.score, card.aspect)
    present = shown > 0
    if not present.any():
        # Without wrists on a body the hands have no place: show them side by side.
        points, present = card.keypoint * [0.5, 0.5], card.score > 0
        points[:, 21:42, 0] = 1 - points[:, 21:42, 0]
    low, high = points[present].min(0), points[present].max(0)
    side = max(float((high - low).max()), 1e-6) / (1 - 2 * _MARGIN)
    places = (points - (low + high) / 2) / side + 0.5
    steps = (places.clip(0, 1) * _STEPS).round().astype(np.uint8)
    return base64.b64encode(np.where(present[..., None], steps, np.uint8(_ABSENT))).decode()
