"""How often hands are there, and how sure the estimator was."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.pose.crop import VISIBLE_THR
from masa_mm.pose.skeleton import LEFT_HAND, PARTS, RIGHT_HAND
from masa_mm.preparation.audit.clips import AuditClips

SCORE_EDGES = np.linspace(0, 1, 21)
SHARE_EDGES = np.linspace(0, 1, 21)


def presence_and_confidence(clips: AuditClips, num_worst: int = 20) -> dict[str, Any]:
    """Rates of present hands and of sure joints.

    A hand is present in a frame if one of its joints is; a joint is sure if its score is 0.4 or
    more (what cropping and masking count as visible).

    Returns:
        ``splits``: for each ``split`` the shares of its frames with the ``right_hand``, the
        ``left_hand``, ``both``, ``none``; ``clip_shares`` (a histogram over clips of the share of
        frames with a hand; ``share_edges``) and ``below_half`` (clips with a hand in less than half
        of their frames). ``parts``: for each the share of its joints that are ``present``, of the
        present ones the ``mean`` score, the share ``sure`` and a histogram (``score_edges``; scores
        above 1 count as 1). ``binary``: all scores are 0 or 1, the source has no confidences.
        ``worst``: the clips with the lowest share of frames with a hand.
    """
    hands = (RIGHT_HAND.joints, LEFT_HAND.joints)
    share = np.empty(len(clips))
    frames = np.zeros((len(clips.splits), 2, 2), np.int64)
    parts = {part.name: _Scores() for part in PARTS}
    for chunk in clips.chunks():
        right, left = ((chunk.score[:, hand] > 0).any(1) for hand in hands)
        store = clips.store[chunk.clips.start]
        np.add.at(frames[store], (right.astype(int), left.astype(int)), 1)
        share[chunk.clips] = chunk.sum(right | left) / chunk.num_frames
        for part in PARTS:
            parts[part.name].add(chunk.score[:, part.joints])
    worst = np.argsort(share, kind="stable")[:num_worst]
    return dict(
        splits=[
            _of_split(split, frames[store], share[clips.store == store])
            for store, split in enumerate(clips.splits)
        ],
        share_edges=SHARE_EDGES.round(6).tolist(),
        parts={name: scores.result() for name, scores in parts.items()},
        score_edges=SCORE_EDGES.round(6).tolist(),
        binary=all(scores.all_one for scores in parts.values()),
        worst=[clips.describe(n) | dict(share=float(share[n])) for n in worst.tolist()],
    )


def _of_split(split: str, frames: np.ndarray, share: np.ndarray) -> dict[str, Any]:
    """Shares of frames from their counts [right, left]."""
    total = frames.sum()
    return dict(
        split=split,
        right_hand=float(frames[1].sum() / total),
        left_hand=float(frames[:, 1].sum() / total),
        both=float(frames[1, 1] / total),
        none=float(frames[0, 0] / total),
        clip_shares=np.histogram(share, SHARE_EDGES)[0].tolist(),
        below_half=int((share < 0.5).sum()),
    )


class _Scores:
    """Counts of one part's scores, chunk by chunk."""

    def __init__(self) -> None:
        self.joints = self.present = self.sure = 0
        self.total = 0.0
        self.all_one = True
        self.histogram = np.zeros(len(SCORE_EDGES) - 1, np.int64)

    def add(self, score: np.ndarray) -> None:
        present = score[score > 0]
        self.joints += score.size
        self.present += present.size
        self.sure += int((present >= VISIBLE_THR).sum())
        self.total += float(present.sum(dtype=np.float64))
        self.all_one &= bool((present == 1).all())
        self.histogram += np.histogram(np.minimum(present, 1), SCORE_EDGES)[0]

    def result(self) -> dict[str, Any]:
        some = max(self.present, 1)
        return dict(
            present=self.present / max(self.joints, 1),
            mean=self.total / some,
            sure=self.sure / some,
            histogram=self.histogram.tolist(),
        )
