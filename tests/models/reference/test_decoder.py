"""Predictors: each joint's motion in its place. ReferenceDecoder: with MotionDecoder's tests."""

import pytest
import torch

from masa_mm.errors import UserError
from masa_mm.models import FramePredictor, PartPredictor


def moved(predictor):
    torch.manual_seed(0)
    for parameter in predictor.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    return predictor


@pytest.mark.parametrize("predictor", [FramePredictor(12, 8, 2), PartPredictor(12, 8, 2)])
def test_start_from_no_motion_and_can_leave_it(predictor):
    out = predictor(torch.randn(2, 3, 12))
    assert out.shape == (2, 3, 49 * 2 * 2)
    assert not out.any()
    out.sum().backward()
    assert sum(bool(p.grad.any()) for p in predictor.parameters()) > 0


def test_parts_by_hand():
    """One network reads both hands, each in its third of the frame, another the body."""
    predictor, frame = moved(PartPredictor(12, 8, 1)), torch.randn(12)
    found = predictor(frame).view(49, 2)
    for joints, network, third in (
        (slice(0, 21), predictor.hand, frame[:4]),
        (slice(21, 42), predictor.hand, frame[4:8]),
        (slice(42, 49), predictor.body, frame[8:]),
    ):
        first, last = network[0], network[2]
        hidden = (first.weight @ third + first.bias).clamp(min=0)
        expected = (last.weight @ hidden + last.bias).view(-1, 2)
        torch.testing.assert_close(found[joints], expected)


def test_a_rectified_one_predicts_nothing_negative_and_learns_from_the_start():
    predictor = PartPredictor(12, 8, 1, rectify=True)
    out = predictor(torch.randn(40, 12))
    assert out.min() == 0 and out.max() > 0
    out.sum().backward()
    assert all(parameter.grad.any() for parameter in predictor.parameters())
    raw = moved(PartPredictor(12, 8, 1))
    predictor.load_state_dict(raw.state_dict())
    frames = torch.randn(5, 12)
    assert raw(frames).min() < 0
    torch.testing.assert_close(predictor(frames), raw(frames).clamp(min=0))


def test_a_width_that_is_not_of_three_parts_is_refused():
    with pytest.raises(UserError, match="3 x a part's, got 13"):
        PartPredictor(13, 8, 1)
