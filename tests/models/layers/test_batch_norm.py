"""RowBatchNorm: torch's own, but at ease with an empty batch."""

import pytest
import torch
from torch import nn

from masa_mm.models.layers.batch_norm import RowBatchNorm, joint_batch_norm


def test_is_torchs_from_two_rows_on():
    torch.manual_seed(0)
    x = torch.randn(6, 3)
    ours, theirs = RowBatchNorm(3), nn.BatchNorm1d(3)
    assert ours(x).equal(theirs(x))
    for name, value in ours.state_dict().items():
        assert value.equal(theirs.state_dict()[name])


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_use_the_running_statistics_and_leave_them(rows):
    norm = RowBatchNorm(3)
    norm(torch.randn(8, 3))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    x = torch.randn(rows, 3, requires_grad=True)
    out = norm(x)
    torch.testing.assert_close(out, norm.eval()(x))
    out.sum().backward()
    assert norm.weight.grad.shape == (3,)
    for name, value in norm.state_dict().items():
        assert value.equal(before[name])


@pytest.mark.parametrize("rows", [0, 1])
def test_evaluation_takes_any_number_of_rows(rows):
    assert RowBatchNorm(3).eval()(torch.randn(rows, 3)).shape == (rows, 3)


def test_joints_share_their_channels_statistics():
    torch.manual_seed(0)
    x = torch.randn(5, 4, 3, dtype=torch.float64)
    out = joint_batch_norm(RowBatchNorm(3, affine=False, eps=1e-300).double(), x)
    mean, var = x.mean((0, 1)), x.var((0, 1), unbiased=False)
    torch.testing.assert_close(out, (x - mean) / var.sqrt())
