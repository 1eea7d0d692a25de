"""Checks of the stored keypoints: absent hands, scores, and coordinate ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from masa_mm.pose.crop import VISIBLE_THR
from masa_mm.pose.skeleton import LEFT_HAND, PARTS, RIGHT_HAND
from masa_mm.preparation.audit.check import (
    CLIP_COLUMNS,
    WIDE,
    Check,
    Picture,
    Record,
    Section,
    Table,
    entries_of,
    histogram_chart,
    part_name,
    part_records,
    percent,
    percent_of,
)
from masa_mm.preparation.audit.clips import AuditClips
from masa_mm.visualization.style import INK, PART_COLORS, new_figure, plain

# Of scores, and of shares of frames.
_UNIT_EDGES = np.linspace(0, 1, 21)
_COORDINATE_EDGES = np.linspace(-0.5, 1.5, 81)
# Bins of a thousandth, from which percentiles are read.
_FINE_EDGES = np.linspace(-2, 3, 5001)
_PERCENTILES = (1, 50, 99)


@dataclass(frozen=True)
class Presence(Check):
    """Frames with hands, and scores of joints.

    A hand is present in a frame if one of its joints is. Cropping, masking and the loss use joints
    with a score of at least 0.4.
    """

    name = "presence"
    title = "Hands and confidence"
    num_worst: int = 20  # clips to name

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Count frames with hands and sum up scores.

        Returns:
            dict: ``splits``, for each ``split`` the shares of frames with the ``right_hand``, the
            ``left_hand``, ``both`` and ``none``, ``clip_shares`` (histogram over clips of the share
            of frames with a hand, with ``share_edges``) and ``below_half`` (clips with a hand in
            less than half of their frames). ``parts``, for each the share of joints that are
            ``present``, and of these the ``mean`` score, the share that is ``sure`` (at least 0.4)
            and a ``histogram`` of scores (with ``score_edges``; higher scores count as 1).
            ``binary``: whether all scores are 0 or 1. ``worst``: clips with the least frames with
            a hand.
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
        worst = np.argsort(share, kind="stable")[: self.num_worst]
        joints, present, sure, ones, sums = totals.T
        part_shares = zip(
            (present / np.maximum(joints, 1)).tolist(),
            (sums / np.maximum(present, 1)).tolist(),
            (sure / np.maximum(present, 1)).tolist(),
            histograms.tolist(),
        )
        keys = ("present", "mean", "sure", "histogram")
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
            parts={part.name: dict(zip(keys, row)) for part, row in zip(PARTS, part_shares)},
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
        charts = [
            histogram_chart(result["share_edges"], histograms, "frames with a hand", shares=True)
        ]
        if not result["binary"]:
            charts.append(
                histogram_chart(
                    result["score_edges"],
                    {part_name(name): part["histogram"] for name, part in parts.items()},
                    "score of present joints",
                    "share of joints",
                    [PART_COLORS[name] for name in parts],
                )
            )
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
        ranges = {part.name: {axis: _Range() for axis in "xy"} for part in PARTS}
        for chunk in clips.chunks():
            for part in PARTS:
                joints = chunk.keypoint[:, part.joints][chunk.score[:, part.joints] > 0]
                for values, axis in zip(joints.T, "xy"):
                    ranges[part.name][axis].add(values)
        return dict(
            parts={
                name: {axis: values.result() for axis, values in axes.items()}
                for name, axes in ranges.items()
            },
            edges=_COORDINATE_EDGES.round(6).tolist(),
        )

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show ranges and histograms."""
        spans = [
            {"part": part_name(name), "axis": axis, **span}
            for name, axes in result["parts"].items()
            for axis, span in axes.items()
            if span is not None
        ]
        columns = {
            "part": "part",
            "axis": "axis",
            "least": lambda span: f"{span['least']:.3f}",
            **entries_of("percentiles", ("1 %", "median", "99 %"), ".3f"),
            "most": lambda span: f"{span['most']:.3f}",
            "outside [0, 1]": percent_of("outside"),
        }
        absent = [part_name(name) for name, axes in result["parts"].items() if axes["x"] is None]
        outside = max((span["outside"] for span in spans), default=0)
        summary = f"At most {percent(outside)} of a part's joints lie outside [0, 1]"
        if absent:
            summary += f"; no frame has a {' or a '.join(absent)}"
        return Section(
            summary,
            [_coordinate_chart(result["edges"], result["parts"]), Table(spans, columns)],
            alarm=bool(absent) or outside > 0.05,
        )


class _Range:
    """Range and histogram of one axis of one part."""

    def __init__(self) -> None:
        self.least, self.most = np.inf, -np.inf
        self.histogram = np.zeros(len(_FINE_EDGES) - 1, np.int64)
        self.outside = 0

    def add(self, values: np.ndarray) -> None:
        if not len(values):
            return
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
        edges = _COORDINATE_EDGES
        clipped = np.clip(center, edges[0], edges[-1])
        return dict(
            least=self.least,
            most=self.most,
            percentiles=percentiles.round(4).tolist(),
            outside=self.outside / total,
            histogram=np.histogram(clipped, edges, weights=self.histogram)[0].astype(int).tolist(),
        )


def _coordinate_chart(edges: Sequence[float], parts: Mapping[str, Record]) -> Picture:
    """Draw the distribution along x and y, one panel for each part."""
    figure = new_figure(WIDE[0], 2.7)
    for panel, (name, axes) in zip(figure.subplots(1, len(parts)), parts.items()):
        plain(panel)
        panel.set_title(part_name(name), fontsize=10, color=INK, loc="left")
        panel.axvspan(0, 1, color="#f3f5f9", zorder=0)
        for axis, style in (("x", "-"), ("y", "--")):
            if axes[axis] is not None:
                values = np.array(axes[axis]["histogram"]) / max(sum(axes[axis]["histogram"]), 1)
                panel.stairs(values, edges, color=PART_COLORS[name], ls=style, lw=1.5, label=axis)
        panel.set_yticks([])
        panel.set_xlim(edges[0], edges[-1])
        if axes["x"] is not None:
            panel.legend(frameon=False, fontsize=8)
    return Picture(figure)
