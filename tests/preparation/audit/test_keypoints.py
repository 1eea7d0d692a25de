"""Absent hands and confidences, counted by hand; coordinate ranges against numpy."""

import numpy as np
import pytest

from masa_mm.pose.skeleton import PARTS
from masa_mm.preparation.audit.keypoints import Coordinates, Presence

from toys.audit_toys import clips_of, smooth_clip

RIGHT, LEFT, BODY = slice(0, 21), slice(21, 42), slice(42, 49)


def clip(right, left, value=0.9):
    """A clip with the hands in these frames; one joint makes a hand."""
    keypoint, score = smooth_clip(0, len(right))
    score[:] = value
    score[~np.array(right, bool), RIGHT] = 0
    score[~np.array(left, bool), LEFT] = 0
    score[:, 1:21] = 0
    return keypoint, score


def test_shares_of_frames_and_clips(tmp_path):
    clips = clips_of(
        tmp_path,
        dict(clips=[clip([1, 1, 0, 0], [1, 0, 0, 0]), clip([1, 1], [1, 1])]),
        dict(clips=[clip([0, 0, 0], [0, 0, 1])]),
    )
    found = Presence().compute(clips, {})
    train, val = found["splits"]
    shares = [train[key] for key in ("right_hand", "left_hand", "both", "none")]
    assert shares == pytest.approx([4 / 6, 3 / 6, 3 / 6, 2 / 6])
    assert (train["below_half"], val["below_half"]) == (0, 1)
    assert sum(train["clip_shares"]) == 2 and train["clip_shares"][10] == 1
    worst = [(entry["id"], entry["share"]) for entry in found["worst"]]
    assert worst == [("val0", pytest.approx(1 / 3)), ("train0", 0.5), ("train1", 1)]


def test_confidences_of_present_joints(tmp_path):
    keypoint, score = clip([1, 1], [1, 1], 1.0)
    score[0, BODY] = 0.3
    score[1, 42:46] = 0
    found = Presence().compute(clips_of(tmp_path, dict(clips=[(keypoint, score)])), {})
    body = found["parts"]["body"]
    assert body["present"] == pytest.approx(10 / 14) and body["sure"] == pytest.approx(3 / 10)
    assert body["mean"] == pytest.approx((7 * 0.3 + 3) / 10)
    assert body["histogram"][6] + body["histogram"][5] == 7 and body["histogram"][-1] == 3
    assert found["parts"]["right_hand"]["present"] == pytest.approx(1 / 21)
    assert not found["binary"]


def test_a_source_without_confidences_is_told(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[clip([1, 0], [0, 1], 1.0)]))
    assert Presence().compute(clips, {})["binary"]


def test_ranges_are_those_of_present_joints(tmp_path):
    rng = np.random.default_rng(0)
    keypoint, score = smooth_clip(0, 200)
    keypoint = rng.normal(0.5, 0.3, keypoint.shape).astype(np.float32)
    score *= rng.random(score.shape) < 0.7
    clips = clips_of(
        tmp_path, dict(clips=[(keypoint[:90], score[:90]), (keypoint[90:], score[90:])])
    )
    found = Coordinates().compute(clips, {})
    for part in PARTS:
        for number, axis in enumerate("xy"):
            seen = keypoint[:, part.joints, number][score[:, part.joints] > 0].astype(np.float64)
            span = found["parts"][part.name][axis]
            assert (span["least"], span["most"]) == (seen.min(), seen.max())
            assert span["outside"] == pytest.approx(((seen < 0) | (seen > 1)).mean())
            exact = np.percentile(seen, [1, 50, 99], method="inverted_cdf")
            np.testing.assert_allclose(span["percentiles"], exact, atol=1e-3)
            assert sum(span["histogram"]) == len(seen)
            inner = np.histogram(seen, found["edges"])[0][1:-1]
            # Values on an edge may fall on either side of it.
            np.testing.assert_allclose(span["histogram"][1:-1], inner, atol=3)


def test_a_part_that_no_frame_has(tmp_path):
    keypoint, score = smooth_clip(0, 5)
    score[:, 42:] = 0
    found = Coordinates().compute(clips_of(tmp_path, dict(clips=[(keypoint, score)])), {})
    assert found["parts"]["body"] == dict(x=None, y=None)
