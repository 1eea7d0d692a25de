"""Measure what a wrong image size costs: errors of part coordinates, and a probe's accuracy.

    python tools/benchmark/image_size.py                        # five seeds, 40 signs
    python tools/benchmark/image_size.py --classes 20 --seeds 0

Demo clips, whose image sizes are known and differ between signers, are cropped with other sizes. A
linear probe then reads 12 frames of their part coordinates; its test signers are not in training.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from masa_mm.option_checks import count, seed
from masa_mm.pose.crop import CROP_PIXELS, VISIBLE_THR, crop_parts
from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND
from masa_mm.preparation.demo import DemoConfig, demo_annotations
from masa_mm.sources.image_size import guess_size

Clip = dict[str, Any]
Size = tuple[float, float]
PROBE_FRAMES = 12
# Regularisation of the probe: it has thousands of inputs and hundreds of clips.
PROBE_C = 0.02
_HANDS = slice(RIGHT_HAND.start, LEFT_HAND.start + LEFT_HAND.num_joints)


class Rule(NamedTuple):
    """A way to choose the image's (h, w), and whether x and y are divided by the right one."""

    size: Callable[[Clip, Size], Size]
    normalized: bool = False


def _visible(clip: Clip) -> np.ndarray:
    return clip["keypoint"][0][clip["keypoint_score"][0] >= VISIBLE_THR]


def _extent(clip: Clip) -> Size:
    width, height = _visible(clip).max(axis=0).tolist()
    return height, width


# Of a clip and the extent of the whole source.
RULES = {
    "right": Rule(lambda clip, source: clip["img_shape"]),
    "guessed": Rule(lambda clip, source: guess_size(_visible(clip))),
    "extent of the clip": Rule(lambda clip, source: _extent(clip)),
    "extent of the source": Rule(lambda clip, source: source),
    "twice too large": Rule(lambda clip, source: tuple(2 * side for side in clip["img_shape"])),
    "640 x 480": Rule(lambda clip, source: (480, 640)),
    "swapped": Rule(lambda clip, source: clip["img_shape"][::-1]),
    "normalised, square": Rule(lambda clip, source: (1, 1), normalized=True),
}


def crop(clip: Clip, size: Size, normalized: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the part coordinates [T, 49, 2] and scores [T, 49] of a clip, given an image size."""
    keypoint = clip["keypoint"][0]
    if normalized:
        keypoint = keypoint / np.array(clip["img_shape"][::-1], np.float32)
    return crop_parts(keypoint, clip["keypoint_score"][0], size)


def measure(num_classes: int, seed: int) -> dict[str, np.ndarray]:
    """Return the figures of each rule: three errors and the probe's accuracy in %."""
    config = DemoConfig(num_classes, signers=(10, 1, 6), repetitions=(2, 1, 2), seed=seed)
    splits = [list(demo_annotations(split, config)) for split in ("train", "test")]
    clips = [clip for split in splits for clip in split]
    label = np.array([clip["label"] for clip in clips])
    source = tuple(np.max([_extent(clip) for clip in clips], axis=0).tolist())
    figures, right = {}, None
    for name, rule in RULES.items():
        cropped = [crop(clip, rule.size(clip, source), rule.normalized) for clip in clips]
        right = right or cropped
        accuracy = _probe(cropped, label, len(splits[0]))
        figures[name] = np.array([*_errors(cropped, right), accuracy])
    return figures


def _errors(cropped: Sequence, right: Sequence) -> tuple[float, float, float]:
    """Median and 95th percentile of the body's error in %, mean error of the hands in pixels."""
    score = np.concatenate([score for _, score in right])
    distance = np.concatenate(
        [np.abs(keypoint - exact).max(-1) for (keypoint, _), (exact, _) in zip(cropped, right)]
    )
    body = distance[:, BODY.joints][score[:, BODY.joints] > 0]
    hands = distance[:, _HANDS][score[:, _HANDS] > 0]
    return 100 * np.median(body), 100 * np.quantile(body, 0.95), CROP_PIXELS * hands.mean()


def _probe(cropped: Sequence, label: np.ndarray, num_train: int) -> float:
    rows = []
    for keypoint, score in cropped:
        frames = np.linspace(0, len(keypoint) - 1, PROBE_FRAMES).round().astype(int)
        hands = score[frames][:, [RIGHT_HAND.start, LEFT_HAND.start]] > 0
        rows.append(np.concatenate([keypoint[frames].ravel(), hands.ravel()]))
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=PROBE_C, max_iter=300))
    probe.fit(rows[:num_train], label[:num_train])
    return 100 * probe.score(rows[num_train:], label[num_train:])


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description="Measure what a wrong image size costs")
    parser.add_argument("--classes", type=count, default=40, help="signs")
    parser.add_argument("--seeds", type=seed, nargs="+", default=[0, 1, 2, 3, 4])
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row for each rule: the mean over the seeds, and the difference to the right size."""
    args = parse_args(argv)
    runs = [measure(args.classes, seed) for seed in args.seeds]
    for name in RULES:
        figures = np.array([run[name] for run in runs])
        change = figures[:, -1] - [run["right"][-1] for run in runs]
        spread = change.std(ddof=1) if len(runs) > 1 else np.nan
        median, high, pixels, accuracy = figures.mean(axis=0)
        print(
            f"{name:22}body {median:4.1f} % ({high:4.1f} %)   hands {pixels:4.1f} pixels   "
            f"probe {accuracy:4.1f} % ({change.mean():+.1f}, standard deviation {spread:.1f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
