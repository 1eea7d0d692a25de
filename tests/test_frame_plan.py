"""Counts of what a batch holds, against plain loops."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.model import BaseDataPreprocessor
from torch.utils.data._utils.pin_memory import pin_memory

from masa_mm.frame_counts import (
    FrameCount,
    count_all,
    count_batch,
    count_frames,
    count_view,
    frame_positions,
    present_parts,
)
from masa_mm.pose.skeleton import PARTS


def batch(lengths, key_lengths, seed, key_mask):
    """Poses with gaps and missing parts, masks, and frame numbers that skip and repeat."""
    generator = torch.Generator().manual_seed(seed)

    def chance(share, *shape):
        return torch.rand(*shape, generator=generator) < share

    def poses(lengths):
        frames = max(lengths)
        score = torch.rand(len(lengths), frames, 49, generator=generator)
        for part in PARTS:
            score[..., part.joints] *= chance(0.7, len(lengths), frames, 1)
        for clip, length in enumerate(lengths):
            score[clip, length:] = 0
        return torch.stack([score, score, score], -1)[:, None, None]

    keypoint, key = poses(lengths), poses(key_lengths)
    steps = torch.randint(0, 3, keypoint.shape[0::3][:2], generator=generator)
    inputs = dict(
        keypoint=keypoint,
        frame_mask=chance(0.4, *steps.shape, 3),
        frame_inds=7 + steps.cumsum(1),
        key_keypoint=key,
    )
    if key_mask:
        inputs["key_frame_mask"] = chance(0.3, *key.shape[0::3][:2], 3)
    return inputs


def count_by_loop(marked):
    of_clips = [sum(clip) for clip in marked]
    return sum(of_clips), max(of_clips)


def parts_by_loop(keypoint, masked):
    """Per clip, frame and part: whether a joint shows and the mask does not hide it."""
    present = [
        [[bool((frame[p.joints, 2] > 0).any()) for p in PARTS] for frame in clip[0, 0]]
        for clip in keypoint
    ]
    seen = [
        [[p and not m for p, m in zip(*frame)] for frame in zip(*clip)]
        for clip in zip(present, masked.tolist())
    ]
    return present, seen


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 8), st.integers(1, 5)), min_size=1, max_size=4),
    seed=st.integers(0, 2**31),
    key_mask=st.booleans(),
)
def test_a_batch_is_counted_as_by_a_loop(lengths, seed, key_mask):
    inputs = batch(*zip(*lengths), seed, key_mask)
    found = count_batch(inputs)
    present, seen = parts_by_loop(inputs["keypoint"], inputs["frame_mask"])
    key_masked = inputs.get("key_frame_mask", torch.zeros(*inputs["key_keypoint"].shape[:4:3], 3))
    _, key_seen = parts_by_loop(inputs["key_keypoint"], key_masked)
    for counts, view in ((found.query, seen), (found.key, key_seen)):
        for part, count in enumerate((counts.right, counts.left, counts.body)):
            assert count == sum(frame[part] for clip in view for frame in clip)
        assert counts.sequence.frames == count_by_loop([[any(f) for f in c] for c in view])

    masked = inputs["frame_mask"].any(-1).tolist()
    shown = [[any(frame) for frame in clip] for clip in present]
    wanted = [[s and m for s, m in zip(*clip)] for clip in zip(shown, masked)]
    assert found.decoder.frames == count_by_loop(shown)
    assert found.decoder.wanted == count_by_loop(wanted)
    rows, tokens = 0, set()
    for clip, frames in enumerate(seen):
        for frame, parts in enumerate(frames):
            if any(parts):
                rows += 1
            elif shown[clip][frame]:
                inds = inputs["frame_inds"][clip]
                tokens.add(int(inds[frame] - inds[0]))
    assert found.decoder.distinct == rows + len(tokens)


def test_without_a_key_view_none_is_counted():
    inputs = batch((4, 2), (1, 1), seed=0, key_mask=False)
    del inputs["key_keypoint"]
    assert count_batch(inputs).key is None


def test_one_mask_by_hand():
    marked = torch.tensor([[True, False, True], [False, False, True]])
    assert count_frames(marked) == FrameCount(total=3, longest=2)


def test_all_is_what_counting_everything_finds():
    assert count_all(2, 5) == count_view(torch.ones(2, 5, 3, dtype=torch.bool))


def test_counts_reach_the_model_as_plain_numbers():
    """Through torch's pinning and mmengine's copying to the device."""
    found = count_batch(batch((4, 2), (1, 1), seed=0, key_mask=False))
    assert type(found.query.right) is type(found.decoder.distinct) is int
    moved = BaseDataPreprocessor().to("meta").cast_data(pin_memory(dict(counts=found)))["counts"]
    assert moved == found and type(moved.key.sequence) is type(found.key.sequence)


def test_frame_positions_by_hand():
    found = frame_positions(torch.tensor([[12, 13, 17, -1], [0, 2, 5, 6]]))
    assert found.tolist() == [[0, 1, 5, 0], [0, 2, 5, 6]]


def test_present_parts_by_hand():
    score = torch.zeros(3, 49)
    score[0, 20], score[1, 21], score[2, 48] = 0.1, 0.1, 0.1
    assert present_parts(score).tolist() == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
