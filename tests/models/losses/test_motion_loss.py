"""MotionLoss against the paper's formula, one frame after another."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.models import MotionLoss

from toys.model_cases import random_case


def loop_loss(predicted, motion, weight, masked, norm, unit, per):
    """1/|M| sum over masked frames of || (y - m) c_t c_{t+k} ||^2, averaged over the intervals."""
    clips, frames, joints, intervals, _ = predicted.shape
    total, frames_masked, joints_supervised = 0.0, 0, 0
    for n in range(clips):
        for t in range(frames):
            frames_masked += bool(masked[n, t].any())
            for v in range(joints):
                if not masked[n, t, v]:
                    continue
                joints_supervised += any(float(weight[n, t, v, k]) > 0 for k in range(intervals))
                for k in range(intervals):
                    c = float(weight[n, t, v, k])
                    for axis in range(2):
                        y = float(predicted[n, t, v, k, axis])
                        m = float(motion[n, t, v, k, axis]) / unit
                        gap = (y - m) * c
                        total += gap * gap if norm == "l2" else abs(gap)
    count = frames_masked if per == "frame" else joints_supervised
    return total / max(count, 1) / intervals


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    norm=st.sampled_from(["l2", "l1"]),
    per=st.sampled_from(["frame", "joint"]),
    unit=st.sampled_from([256.0, 1.0]),
    level=st.sampled_from(["frame", "part"]),
)
def test_equals_the_formula_in_a_loop(seed, norm, per, unit, level):
    case = random_case(seed, level=level)
    found = MotionLoss(norm=norm, unit=unit, per=per)(*case)
    assert found.item() == pytest.approx(loop_loss(*case, norm, unit, per), rel=1e-5, abs=1e-9)


def test_by_hand():
    """One masked joint, 0.5 of a side too far in x at confidence 0.8 * 0.5."""
    predicted = torch.tensor([0.5, 0.0]).view(1, 1, 1, 1, 2)
    motion = torch.zeros(1, 1, 1, 1, 2)
    weight = torch.full((1, 1, 1, 1), 0.8 * 0.5)
    masked = torch.ones(1, 1, 1, dtype=torch.bool)
    case = predicted, motion, weight, masked
    assert MotionLoss()(*case).item() == pytest.approx(0.2**2)
    assert MotionLoss(norm="l1")(*case).item() == pytest.approx(0.2)
    assert MotionLoss(loss_weight=10)(*case).item() == pytest.approx(10 * 0.2**2)
    assert MotionLoss().mean_error(*case).item() == pytest.approx(128)


def test_the_default_is_the_papers():
    case = random_case(3)
    assert MotionLoss()(*case).item() == pytest.approx(loop_loss(*case, "l2", 256.0, "frame"))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), norm=st.sampled_from(["l1", "l2"]))
def test_motion_to_the_left_counts_as_much_as_to_the_right(seed, norm):
    predicted, motion, weight, masked = random_case(seed)
    loss = MotionLoss(norm=norm)
    mirrored = loss(-predicted, -motion, weight, masked)
    assert mirrored.equal(loss(predicted, motion, weight, masked))


def test_unit_scales_the_target():
    predicted, motion, weight, masked = random_case(0)
    fine = MotionLoss(unit=1.0)(predicted * 256, motion, weight, masked)
    coarse = MotionLoss(unit=256.0)(predicted, motion, weight, masked)
    torch.testing.assert_close(fine, coarse * 256**2)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("per", ["frame", "joint"])
@pytest.mark.parametrize("empty", ["nothing masked", "nothing confident"])
def test_nothing_to_supervise_is_zero_with_gradient_zero(norm, per, empty):
    predicted, motion, weight, masked = random_case(0)
    predicted.requires_grad_()
    if empty == "nothing masked":
        masked = torch.zeros_like(masked)
    else:
        weight = torch.zeros_like(weight)
    loss = MotionLoss(norm=norm, per=per)
    value = loss(predicted, motion, weight, masked)
    value.backward()
    assert value.item() == 0
    assert not predicted.grad.any()
    assert loss.mean_error(predicted, motion, weight, masked).item() == 0


def test_only_masked_and_confident_joints_get_a_gradient():
    predicted, motion, weight, masked = random_case(1, level="part")
    predicted.requires_grad_()
    MotionLoss()(predicted, motion, weight, masked).backward()
    supervised = (masked[..., None] & (weight > 0))[..., None].expand_as(predicted)
    assert (predicted.grad != 0).equal(supervised)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_mean_error_is_a_mean_distance_in_crop_pixels(seed):
    predicted, motion, weight, masked = random_case(seed)
    distances = [
        math.dist((256 * predicted[n, t, v, k]).tolist(), motion[n, t, v, k].tolist())
        for n, t, v, k in (weight > 0).nonzero().tolist()
        if masked[n, t, v]
    ]
    expected = sum(distances) / max(len(distances), 1)
    found = MotionLoss().mean_error(predicted, motion, weight, masked).item()
    assert found == pytest.approx(expected, rel=1e-4)


def test_half_precision_predictions_are_scored_in_single():
    predicted, motion, weight, masked = random_case(0)
    assert MotionLoss()(predicted.bfloat16(), motion, weight, masked).dtype == torch.float32


@pytest.mark.parametrize("wrong", [dict(norm="l3"), dict(per="clip")])
def test_an_unknown_option_is_named(wrong):
    with pytest.raises(ValueError, match=repr(*wrong.values())):
        MotionLoss(**wrong)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("per", ["frame", "joint"])
def test_coordinates_may_have_weights_of_their_own(norm, per):
    predicted, motion, weight, masked = random_case(5)
    loss = MotionLoss(norm=norm, per=per, unit=1.0)
    both = weight[..., None].expand(*weight.shape, 2)
    case = predicted, motion, weight, masked
    torch.testing.assert_close(loss(predicted, motion, both, masked), loss(*case))
    torch.testing.assert_close(
        loss.mean_error(predicted, motion, both, masked), loss.mean_error(*case)
    )
    only_x = both * torch.tensor([1.0, 0.0])
    on_x = predicted * torch.tensor([1.0, 0.0]), motion * torch.tensor([1.0, 0.0])
    torch.testing.assert_close(loss(predicted, motion, only_x, masked), loss(*on_x, weight, masked))
