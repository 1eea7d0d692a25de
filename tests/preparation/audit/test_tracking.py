"""Frozen parts and jumping joints: built by hand, and against a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.preparation.audit.clips import Chunk
from masa_mm.preparation.audit.tracking import Tracking, _jumps, _steps

from toys.audit_toys import clips_of, smooth_clip


def test_a_joint_that_leaves_and_comes_back_jumps(tmp_path):
    keypoint, score = smooth_clip(0, 20)
    keypoint[8, 4, 0] += 0.3  # and comes back
    keypoint[12:, 30, 1] += 0.3  # and stays
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(1, 20), (keypoint, score)]))
    found = Tracking().compute(clips, {})
    jumping = {name: share for name, share in found["joints"].items() if share}
    assert jumping == {"right_hand_thumb_4": pytest.approx(1 / 36)}
    assert found["parts"]["right_hand"]["jumps"] == pytest.approx(1 / 36)
    (clip,) = found["jumping"]
    assert (clip["id"], clip["jumps"]) == ("train1", 1)


def test_a_part_that_repeats_is_frozen(tmp_path):
    keypoint, score = smooth_clip(0, 21)
    keypoint[5:18, :21] = keypoint[5, :21]  # 12 of 20 steps of the right hand
    keypoint[5:9, 42:] = keypoint[5, 42:]  # 3 of 20 of the body
    short = np.repeat(smooth_clip(1, 1)[0], 8, 0), score[:8]  # 7 steps: too few to tell
    clips = clips_of(tmp_path, dict(clips=[(keypoint, score), short, smooth_clip(2, 21)]))
    found = Tracking().compute(clips, {})
    right, body = found["parts"]["right_hand"], found["parts"]["body"]
    assert (right["steps"], right["frozen"], body["frozen"]) == (47, 1, 0)
    assert right["repeat"] == pytest.approx(19 / 47)
    assert body["repeat"] == pytest.approx(10 / 47)
    (frozen,) = found["frozen"]
    assert (frozen["id"], frozen["part"], frozen["share"]) == ("train0", "right_hand", 0.6)


def test_what_lies_between_clips_is_no_step(tmp_path):
    """The same clip over and over: its end and its beginning are far apart."""
    clip = smooth_clip(0, 9)
    clips = clips_of(tmp_path, dict(clips=[clip] * 5))
    found = Tracking().compute(clips, {})
    assert found["parts"]["body"]["steps"] == 5 * 8 and not found["jumping"]
    one = Tracking().compute(clips_of(tmp_path, dict(clips=[clip] * 1)), {})
    assert found["joints"] == one["joints"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_steps_and_jumps_against_loops(lengths, seed):
    rng = np.random.default_rng(seed)
    frames = sum(lengths)
    keypoint = rng.choice([0.1, 0.25, 0.5], (frames, 49, 2)).astype(np.float32)
    score = (rng.random((frames, 49)) < 0.8).astype(np.float32)
    chunk = Chunk(slice(0, len(lengths)), np.array(lengths), keypoint, score)
    distance, step = _steps(chunk)
    jump, triple = _jumps(chunk, distance, step)
    clip = [n for n, length in enumerate(lengths) for _ in range(length)]
    far = lambda a, b, joint: np.hypot(*(keypoint[a, joint] - keypoint[b, joint]).tolist())  # noqa: E731
    for t in range(frames - 1):
        for joint in (0, 20, 21, 48):
            joined = clip[t] == clip[t + 1] and score[t, joint] > 0 and score[t + 1, joint] > 0
            assert step[t, joint] == joined
            assert distance[t, joint] == pytest.approx(far(t, t + 1, joint), abs=1e-6)
    for t in range(1, frames - 1):
        for joint in (0, 20, 21, 48):
            inner = clip[t - 1] == clip[t + 1] and (score[t - 1 : t + 2, joint] > 0).all()
            assert triple[t - 1, joint] == inner
            leaves = far(t, t - 1, joint) > 0.2 and far(t, t + 1, joint) > 0.2
            assert jump[t - 1, joint] == (inner and leaves and far(t - 1, t + 1, joint) < 0.1)
