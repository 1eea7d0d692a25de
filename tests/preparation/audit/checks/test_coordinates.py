"""Ranges of coordinates against numpy over whole arrays."""

import numpy as np
import pytest

from masa_mm.pose.skeleton import PARTS
from masa_mm.preparation.audit.checks import coordinate_ranges

from toys.audit_toys import clips_of, smooth_clip


def test_ranges_are_those_of_present_joints(tmp_path):
    rng = np.random.default_rng(0)
    keypoint, score = smooth_clip(0, 200)
    keypoint = rng.normal(0.5, 0.3, keypoint.shape).astype(np.float32)
    score *= rng.random(score.shape) < 0.7
    clips = clips_of(
        tmp_path, dict(clips=[(keypoint[:90], score[:90]), (keypoint[90:], score[90:])])
    )
    found = coordinate_ranges(clips)
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
    found = coordinate_ranges(clips_of(tmp_path, dict(clips=[(keypoint, score)])))
    assert found["parts"]["body"] == dict(x=None, y=None)
