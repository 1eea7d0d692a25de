"""The frame plan against plain loops over clips and frames."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.model import BaseDataPreprocessor
from torch.utils.data._utils.pin_memory import pin_memory

from masa_mm.frame_plan import (
    frame_positions,
    neighbour_rows,
    pack_flagged,
    pack_plan,
    plan_batch,
    plan_recognition,
    plan_view,
    present_parts,
    true_indices,
)
from masa_mm.pose.skeleton import PARTS

from toys.flag_strategies import flags


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
        key_frame_inds=torch.arange(key.shape[3]).repeat(len(key), 1),
    )
    if key_mask:
        inputs["key_frame_mask"] = chance(0.3, *key.shape[0::3][:2], 3)
    return inputs


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


def frames_where(clips, condition):
    """Indices among N * T of the frames that fulfil a condition."""
    return [n for n, frame in enumerate(f for clip in clips for f in clip) if condition(frame)]


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 8), st.integers(1, 5)), min_size=1, max_size=4),
    seed=st.integers(0, 2**31),
    key_mask=st.booleans(),
)
def test_a_batch_is_planned_as_by_a_loop(lengths, seed, key_mask):
    inputs = batch(*zip(*lengths), seed, key_mask)
    plan = plan_batch(inputs)
    present, seen = parts_by_loop(inputs["keypoint"], inputs["frame_mask"])
    key_masked = inputs.get("key_frame_mask", torch.zeros(*inputs["key_keypoint"].shape[:4:3], 3))
    _, key_seen = parts_by_loop(inputs["key_keypoint"], key_masked)
    for view, clips in ((plan.query, seen), (plan.key, key_seen)):
        for part, rows in enumerate((view.right, view.left, view.body)):
            assert rows.tolist() == frames_where(clips, lambda frame: frame[part])  # noqa: B023
        assert view.flags(view.parts).tolist() == clips
        assert view.sequence.frames.rows.tolist() == frames_where(clips, any)
    assert plan.query.flags(plan.query.masked).equal(inputs["frame_mask"])

    decoder, masked = plan.decoder, inputs["frame_mask"].any(-1).flatten().tolist()
    rows = frames_where(present, any)
    assert decoder.frames.rows.tolist() == rows
    assert decoder.queries.rows.tolist() == [row for row in rows if masked[row]]
    assert [rows[i] for i in decoder.query_rows.tolist()] == decoder.queries.rows.tolist()
    tokens = set(rows) - set(frames_where(seen, any))
    assert {rows[i] for i in decoder.token_rows.tolist()} == tokens
    # A row's stand-in is itself, or another mask token at the same position.
    position = frame_positions(inputs["frame_inds"]).flatten().tolist()
    stand_ins = [rows[i] for i in decoder.unique_rows[decoder.unique_inverse].tolist()]
    for row, stand_in in zip(rows, stand_ins):
        assert row == stand_in or (
            {row, stand_in} <= tokens and position[row] == position[stand_in]
        )
    num_different = len(rows) - len(tokens) + len({position[row] for row in tokens})
    assert len(decoder.unique_rows) == num_different


def test_without_a_key_view_none_is_planned():
    inputs = batch((4, 2), (1, 1), seed=0, key_mask=False)
    del inputs["key_keypoint"]
    assert plan_batch(inputs).key is None


@settings(max_examples=60, deadline=None)
@given(visible=flags())
def test_slots_hold_each_clips_frames_first(visible):
    packing = pack_flagged(visible)
    assert packing.rows.tolist() == visible.flatten().nonzero().flatten().tolist()
    assert packing.num_slots == max(1, int(visible.sum(1).max()))
    expected = [
        clip * packing.num_slots + number
        for clip, row in enumerate(visible)
        for number in range(int(row.sum()))
    ]
    assert packing.slots.tolist() == expected
    assert (packing.num_clips, packing.num_frames) == visible.shape


@settings(max_examples=60, deadline=None)
@given(visible=flags(), reach=st.integers(0, 3))
def test_neighbour_rows_equals_a_loop(visible, reach):
    rows, places = {}, visible.nonzero().tolist()
    for row, (clip, frame) in enumerate(places):
        rows[clip, frame] = row
    expected = [
        [rows.get((clip, frame + step), len(places)) for step in range(-reach, reach + 1)]
        for clip, frame in places
    ]
    found = neighbour_rows(visible, true_indices(visible), reach)
    assert found.dtype == torch.int64
    assert found.tolist() == expected


def test_left_hands_have_neighbours_of_their_own():
    present = torch.zeros(1, 3, 3, dtype=torch.bool)
    present[0, :2, 0] = present[0, 1:, 1] = True
    found = plan_view(present).hand_neighbours
    none = 4
    assert found.tolist() == [
        [none, none, 0, 1, none],
        [none, 0, 1, none, none],
        [none, none, 2, 3, none],
        [none, 2, 3, none, none],
    ]


def test_recognition_plans_all_views_and_persons():
    keypoint = torch.rand(2, 3, 1, 4, 49, 3)
    keypoint[1, 2, 0, 3:] = 0
    plan = plan_recognition(keypoint)
    assert plan.shape == (6, 4, 3) and plan.right.tolist() == list(range(23))
    assert plan.sequence.position.tolist() == [[0, 1, 2, 3]] * 6
    assert not len(plan.masked)


def test_a_plan_reaches_the_model_as_one_tensor(monkeypatch):
    """Through torch's pinning and mmengine's copying to the device."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor, device=None: tensor.clone())
    plan = plan_batch(batch((4, 2), (1, 1), seed=0, key_mask=False))
    moved = BaseDataPreprocessor().cast_data(pin_memory(dict(plan=pack_plan(plan))))["plan"]
    back = moved.unpack()
    assert [type(view) for view in back] == [type(view) for view in plan]
    assert_same(back, plan)
    on_device = BaseDataPreprocessor().to("meta").cast_data(pack_plan(plan)).unpack()
    assert on_device.key.body.is_meta and on_device.key.shape == plan.key.shape


def assert_same(found, expected):
    if isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        same = found.equal(expected) if isinstance(expected, torch.Tensor) else found == expected
        assert same


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
