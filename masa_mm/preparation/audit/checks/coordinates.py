"""Where joints lie."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.pose.skeleton import PARTS
from masa_mm.preparation.audit.clips import AuditClips

EDGES = np.linspace(-0.5, 1.5, 81)
# Fine enough for percentiles to a thousandth of a side.
_FINE = np.linspace(-2, 3, 5001)
PERCENTILES = (1, 50, 99)


def coordinate_ranges(clips: AuditClips) -> dict[str, Any]:
    """Ranges of the part coordinates of present joints.

    In a hand's crop and in the image, [0, 1] is inside; sure joints of a hand are always inside.

    Returns:
        part name -> axis 'x' and 'y' -> ``least``, ``most``, the ``percentiles`` 1, 50, 99 (to a
        thousandth), ``outside`` (share beyond [0, 1]) and a ``histogram`` (``edges``; beyond the
        last edges counts in the last bins). None for a part that no frame has.
    """
    axes = {(part.name, axis): _Range() for part in PARTS for axis in "xy"}
    for chunk in clips.chunks():
        for part in PARTS:
            joints = chunk.keypoint[:, part.joints][chunk.score[:, part.joints] > 0]
            for number, axis in enumerate("xy"):
                axes[part.name, axis].add(joints[:, number])
    parts = {part.name: {axis: axes[part.name, axis].result() for axis in "xy"} for part in PARTS}
    return dict(parts=parts, edges=EDGES.round(6).tolist())


class _Range:
    """One axis of one part, chunk by chunk."""

    def __init__(self) -> None:
        self.least, self.most = np.inf, -np.inf
        self.fine = np.zeros(len(_FINE) - 1, np.int64)
        self.outside = 0

    def add(self, values: np.ndarray) -> None:
        if not len(values):
            return
        self.least = min(self.least, float(values.min()))
        self.most = max(self.most, float(values.max()))
        self.outside += int(((values < 0) | (values > 1)).sum())
        place = (np.clip(values, _FINE[0], _FINE[-1]) - _FINE[0]) / (_FINE[1] - _FINE[0])
        bins = np.minimum(place.astype(np.int64), len(self.fine) - 1)
        self.fine += np.bincount(bins, minlength=len(self.fine))

    def result(self) -> dict[str, Any] | None:
        total = int(self.fine.sum())
        if not total:
            return None
        share = self.fine.cumsum() / total
        middle = (_FINE[1:] + _FINE[:-1]) / 2
        at = np.searchsorted(share, np.array(PERCENTILES) / 100)
        coarse = np.histogram(np.clip(middle, EDGES[0], EDGES[-1]), EDGES, weights=self.fine)[0]
        return dict(
            least=self.least,
            most=self.most,
            percentiles=middle[at].round(4).tolist(),
            outside=self.outside / total,
            histogram=coarse.astype(int).tolist(),
        )
