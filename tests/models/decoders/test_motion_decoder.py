"""MotionDecoder: what it predicts depends on where, not on padding."""

import pytest
import torch
from mmaction.registry import MODELS

from masa_mm.frame_plan import SequencePlan, pack_flagged, plan_decoder
from masa_mm.models import ReferenceDecoder


def latent_clip(frames=8, seed=0, channels=48):
    generator = torch.Generator().manual_seed(seed)
    latent = torch.randn(1, frames, channels, generator=generator)
    visible = torch.tensor([[True, False] * (frames // 2)])
    return latent * visible[..., None], visible, torch.ones(1, frames, dtype=torch.bool)


def plan_of(visible, present, position=None, needed=None):
    """Plan present frames, of which only visible ones are encoded, to put out the needed ones."""
    if position is None:
        position = torch.arange(visible.shape[1]).expand(visible.shape)
    parts = present[..., None].expand(-1, -1, 3)
    plan = plan_decoder(parts, (~visible)[..., None].expand(-1, -1, 3), position)
    if needed is None:
        return plan.with_all_queries()
    queries = pack_flagged(present & needed)
    return plan._replace(
        queries=queries, query_rows=torch.searchsorted(plan.frames.rows, queries.rows)
    )


def planned_clip():
    latent, visible, present = latent_clip()
    return latent, plan_of(visible, present)


def test_masked_frames_at_different_places_differ(make_decoder):
    latent, visible, present = latent_clip()
    motion = make_decoder().eval()(latent, plan_of(visible, present))[0, ~visible[0]]
    gaps = torch.cdist(motion.flatten(1), motion.flatten(1))
    assert (gaps[~torch.eye(len(gaps), dtype=torch.bool)] > 1e-3).all()


def test_without_positions_they_are_all_one_guess(make_decoder):
    latent, visible, present = latent_clip()
    decoder = make_decoder(use_position=False).eval()
    motion = decoder(latent, plan_of(visible, present))[0, ~visible[0]]
    torch.testing.assert_close(motion, motion[:1].expand_as(motion), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_padding_does_not_matter(make_decoder, training):
    decoder = make_decoder().train(training)
    latent, visible, present = latent_clip()
    expected = decoder(latent, plan_of(visible, present))
    padding = torch.zeros(1, 5, dtype=torch.bool)
    padded = decoder(
        torch.cat([latent, torch.randn(1, 5, 48)], 1),
        plan_of(torch.cat([visible, padding], 1), torch.cat([present, padding], 1)),
    )
    torch.testing.assert_close(padded[:, :8], expected, atol=1e-5, rtol=1e-5)


def test_what_lies_in_a_masked_place_is_not_read(make_decoder):
    latent, visible, present = latent_clip()
    decoder = make_decoder()
    dirty = torch.where(visible[..., None], latent, torch.nan)
    plan = plan_of(visible, present)
    assert decoder(dirty, plan).equal(decoder(latent, plan))


@pytest.mark.parametrize("intervals", [1, 3])
def test_shape_and_several_intervals(make_decoder, intervals):
    motion = make_decoder(num_intervals=intervals)(*planned_clip())
    assert motion.shape == (1, 8, 49, intervals, 2)


def test_starts_by_predicting_no_motion():
    decoder = MODELS.build(
        dict(type="MotionDecoder", in_channels=48, num_heads=4, feedforward_channels=32)
    )
    assert not decoder(*planned_clip()).any()


def test_can_predict_motion_of_either_sign(make_decoder):
    motion = make_decoder()(*planned_clip())
    assert (motion < 0).any()
    assert (motion > 0).any()


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_narrower_decoder_projects(make_decoder, norm_first):
    decoder = make_decoder(channels=16, norm_first=norm_first)
    assert decoder.mask_token.shape == (16,)
    assert decoder(*planned_clip()).isfinite().all()


def test_every_parameter_learns(make_decoder):
    decoder = make_decoder(channels=16)
    motion = decoder(*planned_clip())
    (motion * torch.randn_like(motion)).sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in decoder.parameters())


def test_without_a_token_it_reads_every_frame_and_attends_to_present_ones(make_decoder):
    """After an encoder that computes masked frames itself."""
    decoder = make_decoder(type="ReferenceDecoder", mask_token=False, use_position=False).eval()
    assert not any("mask_token" in name for name in decoder.state_dict())
    latent, visible, present = latent_clip()
    present[0, 6:] = False
    plan = plan_of(visible, present)
    motion = decoder(latent, plan)
    assert motion.equal(decoder(latent, plan_of(~visible, present)))
    hidden, absent = latent.clone(), latent.clone()
    hidden[0, 1] = absent[0, 7] = 3 * torch.linspace(-1, 1, 48)
    assert not torch.allclose(decoder(hidden, plan)[0, 0], motion[0, 0], atol=1e-3)
    torch.testing.assert_close(decoder(absent, plan)[0, :7], motion[0, :7])
    assert not torch.allclose(decoder(absent, plan)[0, 7], motion[0, 7], atol=1e-3)


def test_another_predictor(make_decoder):
    predictor = dict(type="PartPredictor", rectify=True)
    decoder = make_decoder(predictor=predictor, num_intervals=2)
    motion = decoder(*planned_clip())
    assert motion.shape == (1, 8, 49, 2, 2)
    assert motion.min() == 0 and motion.max() > 0


def test_epsilon_of_its_norms(make_decoder):
    decoder = make_decoder(type="ReferenceDecoder", norm_eps=1e-12)
    norms = [m for m in decoder.modules() if isinstance(m, torch.nn.LayerNorm)]
    assert norms and all(norm.eps == 1e-12 for norm in norms)


@pytest.mark.parametrize("option", [dict(norm_eps=1e-12), dict(mask_token=True)], ids=str)
def test_options_that_moved_build_the_decoder_that_has_them(make_decoder, option):
    with pytest.warns(FutureWarning, match=r"moved to type=.ReferenceDecoder"):
        decoder = make_decoder(**option)
    assert type(decoder) is ReferenceDecoder and decoder.mask_token is not None


@pytest.mark.parametrize("use_position", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("mask_token", [False, True])
def test_asking_for_some_frames_changes_nothing_in_them(
    make_decoder, use_position, norm_first, depth, mask_token
):
    """Nor in the gradients, in double precision, against the plain blocks over all frames."""
    kind = dict(type="ReferenceDecoder", mask_token=False) if not mask_token else {}
    decoder = make_decoder(
        use_position=use_position, norm_first=norm_first, depth=depth, **kind
    ).double()
    torch.manual_seed(0)
    latent = torch.randn(3, 8, 48, dtype=torch.float64, requires_grad=True)
    present = torch.arange(8) < torch.tensor([[8], [5], [0]])
    visible = present & (torch.rand(3, 8) < 0.4)
    position = torch.arange(8).repeat(3, 1) * 2
    needed = present & ~visible
    gradient = torch.randn(3, 8, 49, 1, 2, dtype=torch.float64) * needed[..., None, None, None]

    some = decoder(latent, plan_of(visible, present, position, needed))
    assert not some[~needed].any()
    every = plain_decoder(decoder, latent, visible, present, position)
    torch.testing.assert_close(some[needed], every[needed])
    inputs = [latent, *decoder.parameters()]
    for found, expected in zip(
        torch.autograd.grad(some, inputs, gradient),
        torch.autograd.grad(every, inputs, gradient),
        strict=True,
    ):
        # The encodings of places are single precision, and so is their strength's gradient.
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def plain_decoder(decoder, latent, visible, present, position):
    """Every frame put in place, then every block over every frame."""
    if decoder.mask_token is None:
        keys = present.flatten()
        plan = SequencePlan(pack_flagged(torch.ones_like(present)), position, keys=keys)
        frames = latent
    else:
        plan = SequencePlan(pack_flagged(present), position)
        frames = torch.where(visible[..., None], latent, decoder.mask_token)
    decoded = decoder.transformer(frames, plan)
    return decoder.predictor(decoded).unflatten(-1, (49, 1, 2))


def test_asking_for_no_frame_still_trains_every_weight(make_decoder):
    decoder = make_decoder()
    latent, visible, present = latent_clip()
    motion = decoder(latent, plan_of(visible, present, needed=torch.zeros_like(visible)))
    assert not motion.any()
    motion.sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in decoder.parameters())
