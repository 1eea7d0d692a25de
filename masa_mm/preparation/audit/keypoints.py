"""Checks of the stored keypoints: absent hands, scores, and coordinate ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from masa_mm.pose.crop import VISIBLE_THR
from masa_mm.pose.skeleton import LEFT_HAND, PARTS, RIGHT_HAND
from masa_mm.preparation.audit.check import (
    CLIP_COLUMNS,
    Check,
    Record,
    Section,
    Table,
    histogram_chart,
    part_name,
    part_records,
    percent,
    percent_of,
)
from masa_mm.preparation.audit.clips import AuditClips
from masa_mm.visualization.style import PART_COLORS

# Of scores, and of shares of frames.
_UNIT_EDGES = np.linspace(0, 1, 21)
_COORDINATE_EDGES = np.linspace(-0.5, 1.5, 81)
# Bins of a thousandth, from which percentiles are read.
_FINE_EDGES = np.linspace(-2, 3, 5001)
_PERCENTILES = (1, 50, 99)
_NUM_WORST = 20


class Presence(Check):
    """Frames with hands, and scores of joints.

    A hand is present in a frame if one of its joints is. Cropping, masking and the loss use joints
    with a score of at least 0.4.
    """

    name = "presence"
    title = "Hands and confidence"

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Count frames with hands and sum up scores.

        Returns:
            dict: ``splits``: for each ``split`` the shares of frames with the ``right_hand``, the
            ``left_hand``, ``both`` and ``none``, ``clip_shares`` (histogram over clips of the share
            of frames with a hand) and ``below_half`` (clips with a hand in less than half of their
            frames). ``parts``: for each the share of joints that are ``present``, and of these the
            ``mean`` score, the share that is ``sure`` (at least 0.4) and a ``histogram`` of scores
            (higher ones count as 1). ``binary``: whether all scores are 0 or 1. ``worst``: clips
            with the least frames with a hand.
        """
        share = np.empty(len(clips))
        frames = np.zeros((len(clips.splits), 2, 2), np.int64)
        totals = np.zeros((len(PARTS), 5))
        histograms = np.zeros((len(PARTS), len(_UNIT_EDGES) - 1), np.int64)
        for chunk in clips.chunks():
            right, left = (
                np.any(chunk.score[:, hand.joints] > 0, axis=1) for hand in (RIGHT_HAND, LEFT_HAND)
            )
            store = clips.store[chunk.clips.start]
            np.add.at(frames[store], (right.astype(int), left.astype(int)), 1)
            share[chunk.clips] = chunk.sum(right | left) / chunk.num_frames
            for n, part in enumerate(PARTS):
                score = chunk.score[:, part.joints]
                totals[n] += _score_totals(score)
                histograms[n] += np.histogram(np.minimum(score[score > 0], 1), _UNIT_EDGES)[0]
        worst = np.argsort(share, kind="stable")[:_NUM_WORST]
        joints, present, sure, ones, sums = totals.T
        part_shares = dict(
            present=present / np.maximum(joints, 1),
            mean=sums / np.maximum(present, 1),
            sure=sure / np.maximum(present, 1),
            histogram=histograms,
        )
        return dict(
            splits=[
                dict(
                    split=split,
                    right_hand=float(table[1].sum() / table.sum()),
                    left_hand=float(table[:, 1].sum() / table.sum()),
                    both=float(table[1, 1] / table.sum()),
                    none=float(table[0, 0] / table.sum()),
                    clip_shares=np.histogram(share[mask], _UNIT_EDGES)[0].tolist(),
                    below_half=int((share[mask] < 0.5).sum()),
                )
                for (split, mask), table in zip(clips.split_masks(), frames)
            ],
            share_edges=_UNIT_EDGES.round(6).tolist(),
            parts={
                part.name: {key: values[n].tolist() for key, values in part_shares.items()}
                for n, part in enumerate(PARTS)
            },
            score_edges=_UNIT_EDGES.round(6).tolist(),
            binary=bool((ones == present).all()),
            worst=[clips.describe(n) | dict(share=float(share[n])) for n in worst.tolist()],
        )

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show shares of frames and of joints."""
        splits, parts = result["splits"], result["parts"]
        columns = {
            "split": "split",
            "right hand": percent_of("right_hand"),
            "left hand": percent_of("left_hand"),
            "both": percent_of("both"),
            "no hand": percent_of("none"),
            "clips with a hand in < half": "below_half",
        }
        histograms = {split["split"]: split["clip_shares"] for split in splits}
        charts = [histogram_chart(result["share_edges"], histograms, "share of frames with a hand")]
        if not result["binary"]:
            scores = {part_name(name): part["histogram"] for name, part in parts.items()}
            colors = [PART_COLORS[name] for name in parts]
            edges, xlabel = result["score_edges"], "score of present joints"
            charts.append(histogram_chart(edges, scores, xlabel, "share of joints", colors))
        confidence = {
            "part": "part",
            "joints present": percent_of("present"),
            "mean score": lambda part: f"{part['mean']:.2f}" if part["present"] else "",
            "score 0.4 or more": lambda part: percent(part["sure"]) if part["present"] else "",
        }
        worst = CLIP_COLUMNS | {"frames with a hand": percent_of("share")}
        summary = "; ".join(
            f"{split['split']}: no hand in {percent(split['none'])} of frames" for split in splits
        )
        if result["binary"]:
            summary += ". The source has no confidences: every score is 0 or 1"
        blocks = [
            Table(splits, columns, caption="Share of frames"),
            *charts,
            Table(part_records(parts), confidence, caption="Confidence"),
            Table(result["worst"], worst, caption="Clips with the fewest hands"),
        ]
        return Section(summary, blocks, alarm=any(split["none"] > 0.25 for split in splits))


def _score_totals(score: np.ndarray) -> np.ndarray:
    """Count joints, present, confident and full-score ones, and sum up scores, float64 [5]."""
    present = score[score > 0]
    counts = score.size, present.size, (present >= VISIBLE_THR).sum(), (present == 1).sum()
    return np.array([*counts, present.sum(dtype=np.float64)])


class Coordinates(Check):
    """Part coordinates of present joints: hands in their crops, the body in the image.

    Confident joints of a hand lie within [0, 1], because they define the crop; others and the body
    may lie outside.
    """

    name = "coordinates"
    title = "Coordinates"

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Measure the ranges of the part coordinates.

        Returns:
            dict: ``parts``: name -> axis 'x' or 'y' -> ``least``, ``most``, the ``percentiles`` 1,
            50 and 99 (to a thousandth), the share ``outside`` [0, 1] and a ``histogram`` (values
            beyond the ``edges`` count in the outer bins); None for a part that no frame has.
        """
        ranges = {(part, axis): _Range() for part in PARTS for axis in "xy"}
        for chunk in clips.chunks():
            for part in PARTS:
                joints = chunk.keypoint[:, part.joints][chunk.score[:, part.joints] > 0]
                for values, axis in zip(joints.T if len(joints) else (), "xy"):
                    ranges[part, axis].add(values)
        return dict(
            parts={
                part.name: {axis: ranges[part, axis].result() for axis in "xy"} for part in PARTS
            },
            edges=_COORDINATE_EDGES.round(6).tolist(),
        )

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show ranges and histograms."""
        absent = [name for name, axes in result["parts"].items() if axes["x"] is None]
        spans = [
            {"part": part_name(name), "axis": axis, **span}
            for name, axes in result["parts"].items()
            for axis, span in axes.items()
            if name not in absent
        ]
        columns = {
            "part": "part",
            "axis": "axis",
            "least": "{least:.3f}",
            "1 %": "{percentiles[0]:.3f}",
            "median": "{percentiles[1]:.3f}",
            "99 %": "{percentiles[2]:.3f}",
            "most": "{most:.3f}",
            "outside [0, 1]": percent_of("outside"),
        }
        outside = max((span["outside"] for span in spans), default=0)
        summary = f"At most {percent(outside)} of a part's joints lie outside [0, 1]"
        if absent:
            summary += f"; no frame has a {' or a '.join(map(part_name, absent))}"
        charts = [
            histogram_chart(
                result["edges"],
                {axis: span["histogram"] for axis, span in axes.items()},
                f"coordinates of the {part_name(name)}",
                "share of joints",
            )
            for name, axes in result["parts"].items()
            if name not in absent
        ]
        return Section(
            summary, [*charts, Table(spans, columns)], alarm=bool(absent) or outside > 0.05
        )


class _Range:
    """Range and histogram of one axis of one part."""

    def __init__(self) -> None:
        self.least, self.most = np.inf, -np.inf
        self.histogram = np.zeros(len(_FINE_EDGES) - 1, np.int64)
        self.outside = 0

    def add(self, values: np.ndarray) -> None:
        self.least = min(self.least, float(values.min()))
        self.most = max(self.most, float(values.max()))
        self.outside += int(((values < 0) | (values > 1)).sum())
        first, last, width = _FINE_EDGES[0], _FINE_EDGES[-1], _FINE_EDGES[1] - _FINE_EDGES[0]
        bins = ((np.clip(values, first, last) - first) / width).astype(np.int64)
        bins = np.minimum(bins, len(self.histogram) - 1)
        self.histogram += np.bincount(bins, minlength=len(self.histogram))

    def result(self) -> Record | None:
        total = int(self.histogram.sum())
        if not total:
            return None
        center = (_FINE_EDGES[1:] + _FINE_EDGES[:-1]) / 2
        share = self.histogram.cumsum() / total
        percentiles = center[np.searchsorted(share, np.array(_PERCENTILES) / 100)]
        clipped = np.clip(center, _COORDINATE_EDGES[0], _COORDINATE_EDGES[-1])
        histogram = np.histogram(clipped, _COORDINATE_EDGES, weights=self.histogram)[0]
        return dict(
            least=self.least,
            most=self.most,
            percentiles=percentiles.round(4).tolist(),
            outside=self.outside / total,
            histogram=histogram.astype(int).tolist(),
        )
