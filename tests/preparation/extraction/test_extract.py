"""Extraction of a clip: its frames, its box, pixels of the whole image.

The tests of tools/data/extract_poses.py cover the rest of the module.
"""

import numpy as np
import pytest

from masa_mm.datasets.official_clip import Box, ClipRangeError, FrameRange
from masa_mm.preparation.extraction.extract import extract_clip
from masa_mm.preparation.extraction.plan import ClipJob
from masa_mm.sources import ClipError

from toys.toy_videos import HEIGHT, WIDTH, SquareEstimator, frame_of, make_empty_video, make_video


def test_a_whole_video(tmp_path):
    job = ClipJob("a", make_video(tmp_path / "a.mp4"))
    poses = extract_clip(SquareEstimator(), job)
    assert frame_of(poses.keypoint) == list(range(20))
    assert poses.img_shape.tolist() == [HEIGHT, WIDTH] and (poses.score == np.float32(0.9)).all()
    assert poses.keypoint.dtype == poses.score.dtype == np.float32


@pytest.mark.parametrize("box", [Box(15, 30, 90, 90), Box(0.1, 0.25, 0.6, 0.8, relative=True)])
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_the_estimator_sees_only_the_clips_frames_and_box(tmp_path, box, margin):
    job = ClipJob("a", make_video(tmp_path / "a.mp4"), FrameRange(5, 9), box)
    seen = []

    class Recording(SquareEstimator):
        def persons(self, frame):
            seen.append(frame.shape[:2])
            return super().persons(frame)

    poses = extract_clip(Recording(), job, box_margin=margin)
    whole = extract_clip(SquareEstimator(), job._replace(box=None))
    assert frame_of(poses.keypoint) == [5, 6, 7, 8]
    np.testing.assert_allclose(poses.keypoint, whole.keypoint, atol=1e-4)
    rows, columns = box.within((HEIGHT, WIDTH), margin)
    assert set(seen) == {(rows.stop - rows.start, columns.stop - columns.start)} and len(seen) == 4


def test_persons_outside_the_box_are_not_seen(tmp_path):
    """The square leaves the box; frames after that have score 0."""
    video = make_video(tmp_path / "a.mp4")
    poses = extract_clip(SquareEstimator(), ClipJob("a", video, box=Box(10, 30, 45, 60)), 0.0)
    seen = poses.score.any(1)
    assert seen[:8].all() and not seen[-5:].any()
    assert (poses.keypoint[~seen] == 0).all()
    with pytest.raises(ClipError, match="in any frame"):
        extract_clip(SquareEstimator(), ClipJob("a", video, box=Box(0, 70, 90, 119)))
    with pytest.raises(ClipRangeError, match="160 x 120"):
        extract_clip(SquareEstimator(), ClipJob("a", video, box=Box(100, 30, 400, 300)))


def test_a_video_without_persons_is_refused(tmp_path):
    with pytest.raises(ClipError, match="in any frame"):
        extract_clip(SquareEstimator(), ClipJob("a", make_empty_video(tmp_path / "a.mp4")))
