"""The release's loss, momentum copy and pooling, by hand and against plain loops."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.models import PartMotionLoss, ReferenceMASA
from masa_mm.models.alignment import MomentumEncoder
from masa_mm.models.reference.pretraining import OwnStatisticsEncoder

from toys.model_cases import make_module, move, random_case


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), by_coordinate=st.booleans())
def test_loss_by_part_equals_a_loop(seed, by_coordinate):
    """10 x the sum of a part's errors over its masked frames x joints + 1."""
    generator = torch.Generator().manual_seed(seed)
    predicted, motion, weight, _ = random_case(seed, clips=2, frames=3, joints=49)
    weight = weight[..., None].repeat(1, 1, 1, 1, 2)
    if by_coordinate:
        weight *= torch.rand(weight.shape, generator=generator) < 0.5
    parts = torch.rand(2, 3, 3, generator=generator) < 0.5
    masked = parts.repeat_interleave(torch.tensor([21, 21, 7]), -1)
    found = PartMotionLoss().by_part(
        predicted, motion, weight if by_coordinate else weight[..., 0], masked
    )
    start = 0
    for part, joints in enumerate((21, 21, 7)):
        total, frames_masked = 0.0, 0
        for n in range(2):
            for t in range(3):
                if not parts[n, t, part]:
                    continue
                frames_masked += 1
                gap = predicted[n, t, start : start + joints] - motion[n, t, start : start + joints]
                total += float((gap.abs() * weight[n, t, start : start + joints]).sum())
        expected = 10 * total / (frames_masked * joints + 1) / 2
        assert found[part].item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
        start += joints


def test_loss_by_part_is_the_sum_and_starts_in_crop_pixels():
    predicted, motion, weight, _ = random_case(1, joints=49)
    masked = torch.ones(2, 4, 49, dtype=torch.bool)
    loss = PartMotionLoss()
    assert (loss.norm, loss.unit, loss.loss_weight) == ("l1", 1.0, 10.0)
    case = predicted, motion, weight, masked
    torch.testing.assert_close(loss(*case), loss.by_part(*case).sum())
    nothing = torch.zeros_like(masked)
    assert loss(predicted, motion, weight, nothing).item() == 0


def test_statistics_of_its_own_as_in_the_authors_release():
    """Weights by mu; statistics neither averaged nor copied again, but those of its own batches."""
    query = make_module()
    key = OwnStatisticsEncoder(query, momentum=0.75)
    key.update_parameters(query)
    move(query)
    weights = {n: 0.75 * v + 0.25 * query.state_dict()[n] for n, v in key.module.named_parameters()}
    buffers = {n: v.clone() for n, v in key.module.named_buffers()}
    key.update_parameters(query)
    for name, value in key.module.named_parameters():
        torch.testing.assert_close(value, weights[name])
    assert all(value.equal(buffers[name]) for name, value in key.module.named_buffers())
    x = torch.randn(50, 3) + 4
    batch = key.train().module[0](x)
    torch.testing.assert_close(
        key(x),
        torch.nn.functional.batch_norm(
            batch, None, None, key.module[1].weight, key.module[1].bias, training=True
        ),
    )
    expected = 0.9 * buffers["1.running_mean"] + 0.1 * batch.mean(0)
    torch.testing.assert_close(key.module[1].running_mean, expected)
    assert not key.eval().module.training
    assert not any(parameter.requires_grad for parameter in key.parameters())


def test_the_option_that_moved_builds_the_class_that_has_it(make_masa):
    for average, kind in ((False, OwnStatisticsEncoder), (True, MomentumEncoder)):
        with pytest.warns(FutureWarning, match=r"average_statistics moved to type=.ReferenceMASA"):
            model = make_masa(average_statistics=average)
        assert type(model) is ReferenceMASA and type(model.key_encoder) is kind
