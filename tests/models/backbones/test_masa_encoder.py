"""MASAEncoder: nothing of what is hidden reaches what is seen."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from masa_mm.frame_plan import plan_view, present_parts
from masa_mm.models import MaskTokenEncoder, ReferenceEncoder

PARTS = dict(right_hand=slice(0, 21), left_hand=slice(21, 42), body=slice(42, 49))
SLICES = tuple(PARTS.values())


def random_mask(level, shape, seed):
    """Bool [N, 1, T, 3] with each clip's first frame visible."""
    generator = torch.Generator().manual_seed(seed)
    masked = torch.rand(*shape, 3, generator=generator) < 0.6
    if level == "frame":
        masked = masked[..., :1].repeat(1, 1, 1, 3)
    masked[:, :, 0] = False
    return masked


def over_joints(parts):
    sizes = [part.stop - part.start for part in SLICES]
    return torch.cat(
        [parts[..., [i]].expand(*parts.shape[:-1], n) for i, n in enumerate(sizes)], -1
    )


def test_output_follows_mmactions_convention(make_encoder, make_poses):
    poses = make_poses((9, 6)).repeat(1, 2, 1, 1, 1)
    assert make_encoder()(poses).shape == (2, 2, 16, 9, 3)


@settings(max_examples=15, deadline=None)
@given(
    level=st.sampled_from(["frame", "part"]),
    training=st.booleans(),
    replacement=st.sampled_from([float("nan"), 1e4, 0.0, 0.3]),
    seed=st.integers(0, 1000),
)
def test_nothing_of_what_is_masked_reaches_a_visible_frame(
    make_encoder, make_poses, level, training, replacement, seed
):
    encoder = make_encoder().train(training)
    twin = deepcopy(encoder)
    poses = make_poses((9, 6), seed=seed)
    masked = random_mask(level, poses.shape[:3], seed)
    changed = torch.where(over_joints(masked)[..., None], replacement, poses)
    assert encoder(poses, masked).equal(twin(changed, masked))
    for name, value in encoder.state_dict().items():
        assert value.equal(twin.state_dict()[name]), name


@pytest.mark.parametrize("level", ["frame", "part"])
@pytest.mark.parametrize("training", [False, True])
def test_gradient_with_respect_to_masked_joints_is_exactly_zero(
    make_encoder, make_poses, level, training
):
    encoder = make_encoder().train(training)
    poses = make_poses((9, 6)).requires_grad_()
    masked = random_mask(level, poses.shape[:3], 0)
    out = encoder(poses, masked)
    (out * torch.randn_like(out)).sum().backward()
    hidden = over_joints(masked)
    assert (poses.grad[hidden] == 0).all()
    assert (poses.grad[~hidden] != 0).any()


def test_masked_frames_come_out_as_zeros(make_encoder, make_poses):
    poses = make_poses((9, 6))
    masked = random_mask("frame", poses.shape[:3], 0)
    frames = make_encoder()(poses, masked).permute(0, 1, 3, 4, 2)
    seen = present_parts(poses[..., 2]) & ~masked
    assert not frames[~seen.any(-1)].any()
    assert frames[seen.any(-1)].any(-1).all()


@pytest.mark.parametrize("training", [False, True])
def test_padding_does_not_matter(make_encoder, make_poses, training):
    encoder = make_encoder().train(training)
    twin = deepcopy(encoder)
    short, long = make_poses((9, 6)), make_poses((9, 6), padded_to=14)
    long[:, :, :9] = short
    torch.testing.assert_close(encoder(short), twin(long)[:, :, :, :9], atol=1e-5, rtol=1e-5)


def test_batch_mates_do_not_matter_in_evaluation(make_encoder, make_poses):
    encoder = make_encoder().eval()
    poses = make_poses((9, 6, 2))
    for clip, length in enumerate((9, 6, 2)):
        alone = encoder(poses[clip : clip + 1, :, :length])
        torch.testing.assert_close(
            encoder(poses)[clip : clip + 1, :, :, :length], alone, atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "missing",
    [
        ("body",),
        ("left_hand",),
        ("right_hand",),
        ("left_hand", "body"),
        ("right_hand", "left_hand"),
        ("right_hand", "left_hand", "body"),
    ],
    ids="+".join,
)
def test_a_batch_without_a_part_trains(make_encoder, make_poses, missing, training):
    encoder = make_encoder().train(training)
    out = encoder(make_poses((9, 6), missing=missing))
    assert out.isfinite().all()
    if len(missing) == 3:
        assert not out.any()
    out.square().sum().backward()
    # DistributedDataParallel waits for the gradient of every parameter.
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_a_clip_without_anything_leaves_its_mates_alone(make_encoder, make_poses):
    encoder = make_encoder().eval()
    poses = make_poses((9, 6))
    with_blank = torch.cat([poses, torch.zeros_like(poses[:1])])
    out = encoder(with_blank)
    assert not out[2].any()
    torch.testing.assert_close(out[:2], encoder(poses), atol=1e-5, rtol=1e-5)


def test_left_hand_passes_the_network_of_the_right(make_encoder, make_poses):
    encoder = make_encoder().eval()
    right_only = make_poses((9,), missing=("left_hand", "body"))[:, 0]
    left_only = torch.zeros_like(right_only)
    left_only[:, :, PARTS["left_hand"]] = right_only[:, :, PARTS["right_hand"]]
    as_right, as_left = (
        encoder.embed(clip, plan_view(present_parts(clip[..., 2])))
        for clip in (right_only, left_only)
    )
    assert as_right[:, :, 0].any()
    torch.testing.assert_close(as_left[:, :, 1], as_right[:, :, 0])
    assert not as_left[:, :, 0].any()


def test_each_part_lands_in_its_place(make_encoder, make_poses):
    """Rows of both hands run through one batch: the right and the left must not be mixed up."""
    encoder = make_encoder().eval()
    clip = make_poses((9, 6))[:, 0]
    visible = present_parts(clip[..., 2]) & ~random_mask("part", (2, 1, 9), 3)[:, 0]
    together = encoder.embed(clip, plan_view(visible))
    for part in range(3):
        only = torch.zeros_like(visible)
        only[..., part] = visible[..., part]
        found = encoder.embed(clip, plan_view(only))
        torch.testing.assert_close(found[..., part, :], together[..., part, :])


@pytest.mark.parametrize(
    "type_, offset, use_score, expected",
    [
        ("MASAEncoder", None, True, [0.2, -0.1, 0.8]),
        ("MASAEncoder", None, False, [0.2, -0.1]),
        ("ReferenceEncoder", 0.0, True, [0.7, 0.4, 0.8]),
    ],
)
def test_joint_channels_by_hand(make_encoder, type_, offset, use_score, expected):
    options = {} if offset is None else dict(coordinate_offset=offset)
    encoder = make_encoder(type=type_, use_score=use_score, **options)
    clip = torch.tensor([[0.7, 0.4, 0.8], [0.0, 0.0, 0.0]])
    channels = encoder.joint_channels(clip)
    torch.testing.assert_close(channels[0], torch.tensor(expected))
    assert not channels[1].any()
    poses = torch.rand(1, 1, 4, 49, 3)
    assert encoder(poses).isfinite().all()


@pytest.mark.parametrize("head", ["GCNHead", "MASAHead"])
@pytest.mark.parametrize("recognizer", ["RecognizerGCN", "SignRecognizer"])
def test_serves_mmactions_recogniser_and_heads(make_poses, head, recognizer):
    """MASAEncoder stands where ST-GCN would, built from a config."""
    encoder = dict(type="MASAEncoder", embed_dims=16, channels=(8,), sub_part_channels=(16,))
    encoder.update(depth=1, num_heads=4, feedforward_channels=32)
    model = MODELS.build(
        dict(
            type=recognizer,
            backbone=encoder,
            cls_head=dict(type=head, num_classes=7, in_channels=16),
        )
    )
    inputs = make_poses((9, 6, 4, 4)).unflatten(0, (2, 2))
    samples = [ActionDataSample().set_gt_label(label) for label in (2, 5)]
    model.eval()
    with torch.no_grad():
        predictions = model(inputs, samples, mode="predict")
    assert all(sample.pred_score.shape == (7,) for sample in predictions)
    assert predictions[0].pred_score.sum().item() == pytest.approx(1, abs=1e-5)
    losses = model(inputs[:, :1], samples, mode="loss")
    assert losses["loss_cls"].isfinite()


@pytest.mark.parametrize("shape", [(2, 1, 9, 17, 3), (2, 1, 9, 49, 2), (2, 9, 49, 3)])
def test_another_shape_is_refused_with_the_remedy(make_encoder, shape):
    with pytest.raises(ValueError, match=r"\[N, M, T, 49, 3\].*SelectSignJoints") as error:
        make_encoder()(torch.zeros(shape))
    assert str(shape) in str(error.value)


def test_frozen_stays_as_it_is(make_encoder, make_poses):
    encoder = make_encoder(frozen=True).train()
    before = deepcopy(encoder.state_dict())
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not encoder(make_poses()).requires_grad
    for name, value in encoder.state_dict().items():
        assert value.equal(before[name])


def test_runs_in_double_precision(make_encoder, make_poses):
    encoder = make_encoder().eval()
    single = encoder(make_poses())
    double = encoder.double()(make_poses().double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("missing", [(), ("body",), ("right_hand", "left_hand")])
def test_runs_under_bfloat16_autocast(make_encoder, make_poses, missing):
    encoder = make_encoder()
    poses = make_poses(missing=missing)
    with torch.autocast("cpu", torch.bfloat16):
        out = encoder(poses, random_mask("part", poses.shape[:3], 0))
    out.float().square().sum().backward()
    assert out.isfinite().all()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_bfloat16_is_near_single_precision(make_encoder, make_poses):
    encoder = make_encoder().eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = encoder(make_poses()).float()
    with torch.no_grad():
        single = encoder(make_poses())
    assert (half - single).norm() < 0.05 * single.norm()


def test_state_dict_round_trip(make_encoder, make_poses):
    encoder, other = make_encoder().eval(), make_encoder().eval()
    for parameter in other.parameters():
        parameter.data.zero_()
    other.load_state_dict(encoder.state_dict())
    assert other(make_poses()).equal(encoder(make_poses()))


def test_frame_positions_move_the_result(make_encoder, make_poses):
    encoder = make_encoder().eval()
    poses = make_poses((4,))
    spread = torch.tensor([0, 7, 8, 30]).view(1, 1, 4)
    assert encoder(poses, position=torch.arange(4).view(1, 1, 4)).equal(encoder(poses))
    assert not torch.allclose(encoder(poses, position=spread), encoder(poses), atol=1e-3)


def test_a_plan_replaces_mask_and_positions(make_encoder, make_poses):
    encoder, poses = make_encoder().eval(), make_poses((9, 6))
    masked, position = random_mask("part", poses.shape[:3], 0), 2 * torch.arange(9).repeat(2, 1, 1)
    plan = plan_view(present_parts(poses[:, 0, ..., 2]), masked[:, 0], position[:, 0])
    assert encoder(poses, plan=plan).equal(encoder(poses, masked, position))


@pytest.mark.parametrize(
    "option",
    [
        dict(coordinate_offset=0.0),
        dict(graph_mode="stgcn_spatial"),
        dict(graph_mode="sideways", body_sub_part_graph=dict(inward=(), sideways=((0, 1),))),
        dict(temporal_branch_channels=16),
        dict(graph_dropout=0.1),
        dict(data_norm_eps=0.1),
        dict(norm_eps=1e-12),
    ],
    ids=lambda option: "+".join(option),
)
def test_options_that_moved_build_the_encoder_that_has_them(make_encoder, option):
    with pytest.warns(
        FutureWarning, match=rf"{next(iter(option))}.* moved to type=.ReferenceEncoder"
    ):
        encoder = make_encoder(**option)
    assert type(encoder) is ReferenceEncoder
    renamed = {name: "lateral" if value == "sideways" else value for name, value in option.items()}
    if "body_sub_part_graph" in renamed:
        renamed["body_sub_part_graph"] = dict(inward=(), lateral=((0, 1),))
    expected = make_encoder(type="ReferenceEncoder", **renamed).state_dict()
    assert all(value.equal(expected[name]) for name, value in encoder.state_dict().items())
    assert type(make_encoder(type="MaskTokenEncoder", **renamed)) is MaskTokenEncoder
