"""Frame ranges and boxes of official lists, and clips cut out of a video's poses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masa_mm.datasets.official_clip import Box, ClipRangeError, FrameRange, cut_clips


def refused(call, match):
    with pytest.raises(ClipRangeError, match=match) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


# ---- frames ------------------------------------------------------------------------------------


def test_frames_count_in_the_lists_rate():
    clip = FrameRange(50, 75, fps=25)
    assert clip.within(300) == slice(50, 75)
    assert clip.within(300, fps=50) == slice(100, 150)
    assert clip.within(300, fps=12.5) == slice(25, 38)
    assert FrameRange(10).within(40) == slice(10, 40)
    assert FrameRange(10, 20).within(40, fps=50) == slice(10, 20)  # the video's own frames


@given(st.integers(0, 500), st.integers(1, 200), st.sampled_from([15, 24, 25, 29.97, 30]))
def test_a_clip_lasts_as_long_at_any_rate(start, length, fps):
    part = FrameRange(start, start + length, fps=25).within(10_000, fps)
    assert part.start / fps == pytest.approx(start / 25, abs=0.5 / fps + 1e-9)
    off_by = 0.5 if length * fps >= 25 else 1.5  # at least one frame
    assert part.stop > part.start
    assert part.stop / fps == pytest.approx((start + length) / 25, abs=off_by / fps + 1e-9)


def test_a_video_may_end_a_little_early_but_not_much():
    assert FrameRange(0, 100).within(91) == slice(0, 91)
    refused(lambda: FrameRange(0, 100).within(89), "frames 0 to 100, the video has 89")
    refused(lambda: FrameRange(200, 210).within(100), "frames 200 to 210, the video has 100")
    refused(lambda: FrameRange(200).within(100), "no clip")
    refused(lambda: FrameRange(5, 5).within(100), "no clip")
    refused(lambda: FrameRange(-1, 5).within(100), "no clip")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=5))
def test_clips_are_cut_frame_by_frame(spans):
    keypoint = np.random.default_rng(0).random((40, 49, 2))
    score = np.arange(40)[:, None] * np.ones((1, 49))
    clips = cut_clips((keypoint, score), [FrameRange(a, a + n) for a, n in spans])
    assert len(clips) == len(spans)
    for (a, n), (joints, scores) in zip(spans, clips):
        assert scores[:, 0].tolist() == list(range(a, a + n))
        for i in range(n):
            np.testing.assert_array_equal(joints[i], keypoint[a + i])


def test_cutting_takes_the_whole_video_where_no_range_is_given():
    array = np.arange(6)
    (whole,), (rest,) = cut_clips((array,), [None, FrameRange(2, 3, fps=10)], fps=20)
    assert whole.tolist() == list(range(6)) and rest.tolist() == [4, 5]
    refused(lambda: cut_clips((array, array[:3]), [None]), r"have \[3, 6\] frames")


# ---- boxes -------------------------------------------------------------------------------------


def test_boxes_in_pixels_and_in_shares_of_the_image():
    assert Box(10, 20, 30, 60).within((100, 200)) == (slice(20, 60), slice(10, 30))
    relative = Box(0.1, 0.25, 0.5, 1.0, relative=True)
    assert relative.within((100, 200)) == (slice(25, 100), slice(20, 100))


def test_a_margin_is_a_share_of_the_longer_side_and_ends_at_the_border():
    rows, columns = Box(10, 20, 30, 60).within((100, 200), margin=0.25)
    assert (rows, columns) == (slice(10, 70), slice(0, 40))


def test_a_box_of_another_video_size_is_refused():
    refused(lambda: Box(385, 37, 885, 720).within((360, 640)), "not lie in an image of 640 x 360")
    refused(lambda: Box(10, 10, 10, 20).within((360, 640)), "does not lie in")
    rows, columns = Box(-2, 0, 640, 361).within((360, 640))  # a pixel beyond the border is none
    assert (rows, columns) == (slice(0, 360), slice(0, 640))
