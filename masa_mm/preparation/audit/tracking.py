"""Check of tracking errors: parts that stand still and joints that jump."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from masa_mm.pose.skeleton import PARTS, SIGN49_JOINTS
from masa_mm.preparation.audit.check import (
    CLIP_COLUMNS,
    Check,
    Record,
    Section,
    Table,
    bar_chart,
    count,
    part_name,
    part_records,
    percent,
    percent_of,
)
from masa_mm.preparation.audit.clips import AuditClips, Chunk

# 51 crop pixels, a fifth of the side of the crop (of the image for the body). On WLASL-hands one
# joint in a thousand moves so far in a step. It is less than the distance of two fingers of an open
# hand.
JUMP = 0.2
# A part is frozen in a clip if at least this share of at least so many steps repeats.
FROZEN_SHARE = 0.5
MIN_STEPS = 8
# Clips and joints on the page.
_LISTED = 20


class Tracking(Check):
    """Parts that stand still, and joints that jump.

    A step is two consecutive frames with the joint in both. A part repeats in a step if all its
    joints keep their position exactly: the estimator or the video shows the last frame again. It is
    frozen in a clip if at least half of its steps (of at least 8) repeat. A joint jumps in a frame
    if its positions before and after are both more than 0.2 away, but less than 0.1 from each other
    (1 is the side of the crop, for the body of the image): it moved away and back within two
    frames, which hands do not.
    """

    name = "tracking"
    title = "Frozen and jumping joints"

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Count steps that repeat and frames with jumps.

        Returns:
            dict: ``parts``, for each the number of ``steps``, the share that ``repeat``, the clips
            in which it is ``frozen``, and the share of inner frames in which one of its joints
            ``jumps``. ``joints``: name -> share of its inner frames in which it jumps. ``frozen``:
            the clips with the largest ``share`` of repeating steps, with ``part``. ``jumping``: the
            clips with the most ``jumps``.
        """
        jumps, inner = np.zeros((2, len(SIGN49_JOINTS)), np.int64)
        counts = np.zeros((len(PARTS), 4, len(clips)), np.int64)
        for chunk in clips.chunks():
            distance, step = _steps(chunk)
            jump, triple = _jumps(chunk, distance, step)
            jumps += jump.sum(0)
            inner += triple.sum(0)
            repeat = (distance == 0) | ~step
            for n, part in enumerate(PARTS):
                marked = (frames[:, part.joints] for frames in (step, repeat, triple, jump))
                counts[n, :, chunk.clips] = _count_frames(chunk, *marked)
        joint_shares = (jumps / np.maximum(inner, 1)).tolist()
        clip_jumps = counts[:, 3].sum(0)
        most = np.argsort(-clip_jumps, kind="stable")[:_LISTED]
        part_steps, part_repeats, part_inner, part_jumps = counts.sum(2).T
        repeat_share = counts[:, 1] / np.maximum(counts[:, 0], 1)
        is_frozen = (counts[:, 0] >= MIN_STEPS) & (repeat_share >= FROZEN_SHARE)
        frozen = [
            clips.describe(clip) | dict(part=PARTS[n].name, share=float(repeat_share[n, clip]))
            for n, clip in np.argwhere(is_frozen).tolist()
        ]
        frozen.sort(key=lambda clip: -clip["share"])
        return dict(
            parts={
                part.name: dict(
                    steps=int(part_steps[n]),
                    repeat=float(part_repeats[n] / max(part_steps[n], 1)),
                    frozen=int(is_frozen[n].sum()),
                    jumps=float(part_jumps[n] / max(part_inner[n], 1)),
                )
                for n, part in enumerate(PARTS)
            },
            joints=dict(zip(SIGN49_JOINTS, joint_shares)),
            frozen=frozen[:_LISTED],
            jumping=[
                clips.describe(clip) | dict(jumps=int(clip_jumps[clip]))
                for clip in most.tolist()
                if clip_jumps[clip]
            ],
        )

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show shares of each part and the worst clips."""
        columns = {
            "part": "part",
            "steps": "steps",
            "repeating steps": percent_of("repeat"),
            "frozen in clips": "frozen",
            "frames with a jump": percent_of("jumps"),
        }
        parts = result["parts"]
        joints = sorted(result["joints"].items(), key=lambda joint: -joint[1])[:_LISTED]
        bars = {part_name(name): share for name, share in joints}
        jumps = CLIP_COLUMNS | {"jumps": "jumps"}
        repeats = CLIP_COLUMNS | {"part": "part", "repeating steps": percent_of("share")}
        frozen = sum(part["frozen"] for part in parts.values())
        hands = max(parts["right_hand"]["jumps"], parts["left_hand"]["jumps"])
        return Section(
            f"A part is frozen in {count(frozen, 'clip')}; a joint of a hand jumps in "
            f"{percent(hands)} of frames",
            [
                Table(part_records(parts), columns),
                bar_chart(bars, "frames with a jump of the joint", [*map(percent, bars.values())]),
                Table(result["jumping"], jumps, caption="Most jumps"),
                Table(result["frozen"], repeats, caption="Parts frozen in a clip"),
            ],
            alarm=frozen > 0 or hands > 0.02,
        )


def _steps(chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of each joint to the next frame [frames - 1, 49], and if both have it."""
    distance = np.linalg.norm(np.diff(chunk.keypoint, axis=0), axis=-1)
    present = chunk.score > 0
    return distance, present[1:] & present[:-1] & chunk.continues[:, None]


def _jumps(chunk: Chunk, distance: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which joints jump in the inner frames [frames - 2, 49], and which have both steps."""
    triple = step[1:] & step[:-1]
    frame, joint = np.nonzero(triple & (distance[1:] > JUMP) & (distance[:-1] > JUMP))
    gap = chunk.keypoint[frame + 2, joint] - chunk.keypoint[frame, joint]
    jump = np.zeros_like(triple)
    jump[frame, joint] = np.linalg.norm(gap, axis=-1) < JUMP / 2
    return jump, triple


def _count_frames(
    chunk: Chunk, step: np.ndarray, repeat: np.ndarray, triple: np.ndarray, jump: np.ndarray
) -> np.ndarray:
    """Count the steps, repeating steps, inner frames and jumps of a part in each clip, [4, clips].

    The arguments say what is true of each joint of the part, bool [frames - 1 or frames - 2, V];
    ``repeat`` is true also of absent joints.
    """
    has_step = np.any(step, axis=1)
    repeats = has_step & np.all(repeat, axis=1)
    marked = (has_step, repeats, np.any(triple, axis=1), np.any(jump, axis=1))
    # The last frames of a chunk begin no step; no step goes from one clip to the next.
    return np.stack(
        [chunk.sum(np.pad(frames, (0, len(chunk.keypoint) - len(frames)))) for frames in marked]
    )
