"""MaskTokenEncoder: computes what it masks, as the authors' release does."""

import pytest
import torch

from masa_mm.frame_plan import plan_view, present_parts
from masa_mm.models.reference.encoder import plan_every_frame

PARTS = dict(right_hand=slice(0, 21), left_hand=slice(21, 42), body=slice(42, 49))


@pytest.fixture(scope="module")
def make_token_encoder(make_encoder):
    def make(**changes):
        return make_encoder(**{**dict(type="MaskTokenEncoder", use_position=False), **changes})

    return make


def encode(encoder, clip, masked):
    return encoder.encode_clip(clip, plan_view(present_parts(clip[..., 2]), masked))


def mask(*places, frames=9):
    """Bool [1, T, 3] with these (frame, part) True."""
    masked = torch.zeros(1, frames, 3, dtype=torch.bool)
    for frame, part in places:
        masked[0, frame, part] = True
    return masked


def test_a_masked_part_becomes_the_token_after_its_embedding(make_token_encoder, make_poses):
    encoder, clip = make_token_encoder().eval(), make_poses((9,))[:, 0]
    masked = mask((3, 0), (3, 1), (5, 2))
    keys = torch.ones(1, 9, dtype=torch.bool)
    keys[0, [3, 5]] = False
    plan = plan_every_frame(torch.arange(9)[None], keys.flatten())
    parts = encoder.embed(clip, plan)
    assert parts.any(-1).all()
    parts[masked] = encoder.mask_token
    expected = encoder.transformer(parts.flatten(2), plan.sequence)
    found, seen = encode(encoder, clip, masked)
    torch.testing.assert_close(found, expected)
    assert seen[0].all(-1).tolist() == keys[0].tolist()
    assert seen[0].any(-1).tolist() == keys[0].tolist()


def test_temporal_blocks_carry_masked_frames_to_their_neighbours(make_token_encoder, make_poses):
    """What masking before the embedding rules out, and the release does not."""
    encoder, clip = make_token_encoder().eval(), make_poses((9,))[:, 0]
    masked, moved = mask((4, 0)), clip.clone()
    moved[0, 4, PARTS["right_hand"], :2] += 0.3
    before, after = (encode(encoder, each, masked)[0] for each in (clip, moved))
    assert not torch.allclose(before[0, 3], after[0, 3], atol=1e-4)
    without = make_token_encoder(num_temporal_blocks=0).eval()
    before, after = (encode(without, each, masked)[0] for each in (clip, moved))
    torch.testing.assert_close(before, after)


def test_a_frame_with_a_masked_part_is_no_key_but_is_computed(make_token_encoder, make_poses):
    encoder = make_token_encoder(num_temporal_blocks=0).eval()
    clip, masked = make_poses((9,))[:, 0], mask((4, 0))
    moved = clip.clone()
    moved[0, 4, PARTS["body"], :2] += 0.3
    before, after = (encode(encoder, each, masked)[0] for each in (clip, moved))
    others = [frame for frame in range(9) if frame != 4]
    torch.testing.assert_close(before[:, others], after[:, others])
    assert not torch.allclose(before[:, 4], after[:, 4], atol=1e-4)


def test_masked_frames_alike_get_one_vector(make_token_encoder, make_poses):
    """There are no positions, and all their parts are the token."""
    encoder, clip = make_token_encoder().eval(), make_poses((9,))[:, 0]
    whole = [(frame, part) for frame in (2, 6) for part in range(3)]
    found, _ = encode(encoder, clip, mask(*whole))
    torch.testing.assert_close(found[0, 2], found[0, 6])


def test_padding_is_attended_to(make_token_encoder, make_poses):
    encoder = make_token_encoder().eval()
    short, long = make_poses((9,)), make_poses((9,), padded_to=12)
    assert not torch.allclose(encoder(short), encoder(long)[:, :, :, :9], atol=1e-4)
    _, seen = encode(encoder, long[:, 0], mask(frames=12))
    assert seen[0].any(-1).tolist() == [True] * 9 + [False] * 3


def test_joints_of_score_0_enter_as_they_are_stored(make_token_encoder):
    encoder = make_token_encoder(use_score=False, coordinate_offset=0.5)
    joints = torch.tensor([[0.7, 0.4, 0.8], [0.2, 0.1, 0.0]])
    expected = torch.tensor([[0.2, -0.1], [0.2, 0.1]])
    torch.testing.assert_close(encoder.joint_channels(joints), expected)
    with_score = make_token_encoder(coordinate_offset=0.0).joint_channels(joints)
    torch.testing.assert_close(with_score, joints)


def test_a_clip_masked_everywhere_or_without_a_joint_stays_finite(make_token_encoder, make_poses):
    encoder = make_token_encoder().train()
    clip = torch.cat([make_poses((9,))[:, 0], torch.zeros(1, 9, 49, 3)])
    found, seen = encode(encoder, clip, torch.ones(2, 9, 3, dtype=torch.bool))
    assert found.isfinite().all() and not seen.any()
    found.sum().backward()
    assert encoder.mask_token.grad.isfinite().all()


def test_the_token_learns_unless_the_encoder_is_frozen(make_token_encoder):
    assert make_token_encoder().mask_token.requires_grad
    frozen = make_token_encoder(frozen=True)
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_keeps_the_convention_of_mmactions_backbones(make_token_encoder, make_poses):
    poses = make_poses((9, 6)).repeat(1, 2, 1, 1, 1)
    assert make_token_encoder()(poses).shape == (2, 2, 16, 9, 3)
