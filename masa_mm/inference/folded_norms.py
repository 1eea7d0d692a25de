"""Trained networks whose batch norms are part of the linear layers before them.

They compute the same in fewer steps. The norm of the input stays, in centred form: where a channel
hardly varies, as the scores of some estimators, ``x * scale + shift`` would subtract two large
numbers that are nearly equal.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_linear_bn_eval

from masa_mm.models.backbones.masa_encoder import MASAEncoder
from masa_mm.models.backbones.part_network import PartNetwork
from masa_mm.models.layers.graph_conv import GraphBlock, GraphConv, Shortcut
from masa_mm.models.layers.temporal_conv import TemporalBlock


def fold_norms(encoder: MASAEncoder) -> MASAEncoder:
    """Copy a trained encoder and fold its batch norms."""
    encoder = copy.deepcopy(encoder).eval().requires_grad_(False)
    for module in encoder.modules():
        if isinstance(module, PartNetwork):
            module.register_module("data_norm", CenteredNorm(module.data_norm))
            _fold(module, "linear", "norm")
        elif isinstance(module, GraphBlock):
            convolution = FoldedGraphConv(module.graph_conv, module.norm1)
            module.register_module("graph_conv", convolution)
            module.register_module("norm1", nn.Identity())
            _fold(module, "linear", "norm2")
        elif isinstance(module, Shortcut):
            _fold(module, "linear", "norm")
        elif isinstance(module, TemporalBlock):
            _fold(module, "merge", "norm")
    return encoder


def _fold(module: nn.Module, linear: str, norm: str) -> None:
    fused = fuse_linear_bn_eval(getattr(module, linear), getattr(module, norm))
    module.register_module(linear, fused)
    module.register_module(norm, nn.Identity())


def _mean_and_scale(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    state = norm.state_dict()
    return state["running_mean"], state["weight"] / torch.sqrt(state["running_var"] + norm.eps)


class CenteredNorm(nn.Module):
    """A trained batch norm as ``(x - mean) * scale + bias``.

    Args:
        norm (nn.BatchNorm1d): The batch norm.
    """

    mean: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, norm: nn.BatchNorm1d) -> None:
        super().__init__()
        mean, scale = _mean_and_scale(norm)
        self.register_buffer("mean", mean.clone())
        self.register_buffer("scale", scale)
        self.register_buffer("bias", norm.bias.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [rows, channels]."""
        return (x - self.mean) * self.scale + self.bias


class FoldedGraphConv(nn.Module):
    """A trained graph convolution and the batch norm behind it.

    Args:
        conv (GraphConv): The graph convolution.
        norm (nn.BatchNorm1d): The batch norm.
    """

    gather: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, conv: GraphConv, norm: nn.BatchNorm1d) -> None:
        super().__init__()
        mean, scale = _mean_and_scale(norm)
        num_subsets, num_joints, _ = conv.A.shape
        gather = conv.A.permute(2, 0, 1).reshape(num_joints * num_subsets, num_joints)
        self.register_buffer("gather", gather.clone())
        self.register_buffer("weight", conv.weight * scale[:, None])
        bias = conv.A.sum(1).t() @ conv.bias
        self.register_buffer("bias", (bias - mean) * scale + norm.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [rows, V, in_channels] to [rows, V, out_channels]."""
        neighbours = torch.matmul(self.gather, x).view(*x.shape[:2], self.weight.shape[1])
        return F.linear(neighbours, self.weight) + self.bias
