"""Batch normalisation over packed rows."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class RowBatchNorm(nn.BatchNorm1d):
    """:class:`torch.nn.BatchNorm1d` that accepts 0 or 1 of its rows [rows, channels] in training.

    Packed batches hold only what is visible, so a part that no clip of the batch shows leaves
    nothing to normalise: such a batch is normalised by the running statistics and leaves them as
    they are.
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.training and input.shape[0] < 2:
            return F.batch_norm(
                input,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                False,
                0.0,
                self.eps,
            )
        return super().forward(input)


def joint_batch_norm(norm: nn.Module, x: Tensor) -> Tensor:
    """Apply a channel-wise batch norm to x [rows, joints, channels]."""
    return norm(x.flatten(0, 1)).view_as(x)
