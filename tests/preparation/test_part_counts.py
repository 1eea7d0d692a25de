"""Counts of the frames with each part, against a loop."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.pose.crop import crop_parts
from masa_mm.pose.store_writer import PartFrames, WriteReport
from masa_mm.preparation.convert import convert
from masa_mm.preparation.part_counts import PartCounts, part_lines
from masa_mm.sources import PoseSource, SourceClips

from toys.source_toys import SIZE, pose

PARTS = {"right hand": slice(0, 21), "left hand": slice(21, 42), "body": slice(42, 49)}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_counts_are_those_of_a_loop(num_frames, seed):
    rng = np.random.default_rng(seed)
    before = rng.random((num_frames, 49)) * (rng.random((num_frames, 49)) < 0.1)
    after = before * (rng.random((num_frames, 1)) < 0.5)
    frames = rng.random(num_frames) < 0.7
    counts = PartCounts()
    half = num_frames // 2
    counts.add(before[:half], after[:half], frames[:half])
    counts.add(before[half:], after[half:], frames[half:])
    for name, in_source, kept in counts.result():
        for score, got in ((before, in_source), (after, kept)):
            selected = [row[PARTS[name]] for row, taken in zip(score, frames) if taken]
            assert got == sum(any(value > 0 for value in row) for row in selected)


def test_a_conversion_counts_the_clips_that_it_writes(tmp_path):
    keypoint, score = pose(6)
    score[4:, :12] = 0.1  # 9 visible joints are left
    clips = [
        SourceClips(keypoint, score, np.array([6]), ["good"], np.array([SIZE])),
        SourceClips(keypoint * np.nan, score, np.array([6]), ["bad"], np.array([SIZE])),
    ]
    source = PoseSource("toy", "sign49", clips)
    report = convert(source, tmp_path / "a.safetensors", skip_bad=True)
    kept = (crop_parts(keypoint, score, SIZE)[1][:, :21] > 0).any(1).sum()
    assert kept == 4
    assert report.parts == (
        PartFrames("right hand", 6, kept),
        PartFrames("left hand", 5, 5),
        PartFrames("body", 6, 6),
    )


def report(*counts):
    return WriteReport(1, 200, (), tuple(map(PartFrames, PARTS, *zip(*counts))))


def test_few_dropped_hands_need_no_explanation():
    assert list(part_lines(report((120, 118), (100, 96), (200, 200)), "do this")) == [
        "right hand: 120 of 200 frames in the source, 118 kept",
        "left hand: 100 of 200 frames in the source, 96 kept",
        "body: 200 of 200 frames in the source, 200 kept",
    ]
    assert len(list(part_lines(report((0, 0), (0, 0), (200, 200)), "do this"))) == 3


def test_many_dropped_hands_are_explained():
    *_, line = part_lines(report((120, 80), (80, 70), (200, 200)), "do this")
    assert line == (
        "25% of the source's hands were dropped, because fewer than 10 of their joints are "
        "visible; do this"
    )
