"""Where the authors' checkpoint keeps what our network needs, and in which shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

# Our names become theirs by these, one after another.
_RENAMES = (
    # Branches and decoders.
    (r"^backbone\.", "encoder_q."),
    (r"^key_encoder\.module\.backbone\.", "encoder_k."),
    (r"^alignment\.projector\.", "encoder_q.proj."),
    (r"^key_encoder\.module\.projector\.", "encoder_k.proj."),
    (r"^decoder\.transformer\.", "reg_decoder.GCN_Tran."),
    (r"^decoder\.predictor\.(hand|body)\.", r"\1_decoder."),
    (r"^alignment\.bank\.keys$", "queue"),
    (r"^alignment\.bank\.pointer$", "queue_ptr"),
    # Pooling and projector.
    (r"\.proj\.pooling\.(hand|body)_score\.", r".proj.weight_\1."),
    (r"\.proj\.(\d)\.", r".proj.fc.\1."),
    # Part networks.
    (r"\.mask_token$", ".embed.mask_token"),
    (r"\.(hand|body)_network\.", r".embed.st_gcn_\1."),
    (r"\.data_norm\.", ".data_bn."),
    (r"\.joint_blocks\.\d+\.graph_conv\.A$", ".A"),
    (r"\.sub_part_blocks\.\d+\.graph_conv\.A$", ".A_pool"),
    (r"\.joint_blocks\.", ".st_gcn_networks."),
    (r"\.sub_part_blocks\.", ".st_gcn_pool."),
    (r"\.graph_conv\.", ".gcn.conv."),
    (r"(\.st_gcn_(?:networks|pool)\.\d+)\.norm1\.", r"\1.tcn.0."),
    (r"(\.st_gcn_(?:networks|pool)\.\d+)\.linear\.", r"\1.tcn.3."),
    (r"(\.st_gcn_(?:networks|pool)\.\d+)\.norm2\.", r"\1.tcn.4."),
    (r"\.shortcut\.linear\.", ".residual.0."),
    (r"\.shortcut\.norm\.", ".residual.1."),
    (r"(\.st_gcn_(?:hand|body))\.linear\.", r"\1.conv4.0."),
    (r"(\.st_gcn_(?:hand|body))\.norm\.", r"\1.conv4.1."),
    (r"\.temporal_blocks\.0\.", ".tcn_full_b1."),
    (r"\.temporal_blocks\.1\.", ".tcn_full_b2."),
    (r"\.wide\.linear\.", ".conv1d_5.0."),
    (r"\.narrow([12])\.linear\.", r".conv1d_3_\1.0."),
    (r"(\.tcn_full_b[12])\.merge\.", r"\1.conv1x1."),
    (r"(\.tcn_full_b[12])\.norm\.", r"\1.bn."),
    # Transformers.
    (r"^(encoder_[qk])\.transformer\.", r"\1.GCN_Tran."),
    (r"\.GCN_Tran\.input_norm\.", ".GCN_Tran.norm."),
    (r"(\.GCN_Tran\..*norm[12]?)\.weight$", r"\1.gamma"),
    (r"(\.GCN_Tran\..*norm[12]?)\.bias$", r"\1.beta"),
    (r"\.self_attn\.out_proj\.", ".proj."),
    (r"(\.GCN_Tran\.blocks\.\d+)\.linear([12])\.", r"\1.pwff.fc\2."),
)
_ATTENTION = re.compile(r"\.self_attn\.in_proj_(weight|bias)$")

# Of a part network, what takes no part in the forward pass.
_IDLE_LAYERS = (
    "conv2.0",
    *(f"non_local.{layer}" for layer in ("g", "W.0", "theta", "phi")),
    "fcn.1",
)
_IDLE_NORMS = ("conv2.1", "non_local.W.1")
_LAYER = ("weight", "bias")
_NORM = (*_LAYER, "running_mean", "running_var", "num_batches_tracked")


class Source(NamedTuple):
    """What one of our tensors is made of.

    Attributes:
        names: the authors' names, without a data-parallel prefix.
        shape: of each of them.
        make: from these tensors to ours.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    make: Callable[[Sequence[Tensor]], Tensor]


def source_of(name: str, wanted: dict[str, Tensor]) -> Source:
    """Where our tensor of that name comes from.

    Args:
        name (str): a name in ``wanted``.
        wanted (dict): the state of the reference preset's ``MASA``; values may be on torch's
            'meta' device.
    """
    theirs = name
    for pattern, replacement in _RENAMES:
        theirs = re.sub(pattern, replacement, theirs)
    for pattern, layout in _LAYOUTS:
        if re.search(pattern, name):
            return layout(theirs, name, wanted)
    return Source((theirs,), tuple(wanted[name].shape), lambda found: found[0])


def _attention(theirs: str, name: str, wanted: dict[str, Tensor]) -> Source:
    """Three projections become one."""
    names = tuple(_ATTENTION.sub(rf".attn.proj_{letter}.\1", theirs) for letter in "qkv")
    rows, *columns = wanted[name].shape
    return Source(names, (rows // 3, *columns), lambda found: torch.cat(list(found)))


def _graph_weight(theirs: str, name: str, wanted: dict[str, Tensor]) -> Source:
    """A 1x1 convolution [K out, in, 1, 1] becomes [out, K in]."""
    num_subsets, out = wanted[name.removesuffix("weight") + "bias"].shape
    shape = wanted[name].shape

    def make(found: Sequence[Tensor]) -> Tensor:
        return found[0].reshape(num_subsets, out, -1).transpose(0, 1).reshape(shape)

    return Source((theirs,), (num_subsets * out, shape[1] // num_subsets, 1, 1), make)


def _temporal_weight(theirs: str, name: str, wanted: dict[str, Tensor]) -> Source:
    """A convolution [out, in, kernel] becomes [out, kernel in]."""
    kernel = 5 if ".wide." in name else 3
    out, columns = wanted[name].shape
    return Source(
        (theirs,),
        (out, columns // kernel, kernel),
        lambda found: found[0].transpose(1, 2).reshape(out, columns),
    )


def _keys(theirs: str, name: str, wanted: dict[str, Tensor]) -> Source:
    """The queue [channels, K] becomes [K, channels]."""
    length, channels = wanted[name].shape
    return Source((theirs,), (channels, length), lambda found: found[0].t())


def _reshaped(shape_of: Callable[[torch.Size], tuple[int, ...]]) -> Callable:
    """Same numbers in the same order, in a shape that follows from ours."""

    def layout(theirs: str, name: str, wanted: dict[str, Tensor]) -> Source:
        shape = wanted[name].shape
        return Source((theirs,), shape_of(shape), lambda found: found[0].reshape(shape))

    return layout


# What is not kept as it is, by our names.
_LAYOUTS = (
    (_ATTENTION, _attention),
    (r"graph_conv\.weight$", _graph_weight),
    (r"graph_conv\.bias$", _reshaped(lambda ours: (ours[0] * ours[1],))),
    (r"\.(wide|narrow[12])\.linear\.weight$", _temporal_weight),
    (r"\.merge\.weight$", _reshaped(lambda ours: (*ours, 1))),
    (
        r"_(network|blocks\.\d+|blocks\.\d+\.shortcut)\.linear\.weight$",
        _reshaped(lambda ours: (*ours, 1, 1)),
    ),
    (r"\.mask_token$", _reshaped(lambda ours: (1, 1, *ours))),
    (r"\.bank\.keys$", _keys),
    (r"\.bank\.pointer$", _reshaped(lambda ours: (1,))),
)


def unused_names(used: Iterable[str]) -> set[str]:
    """What else the authors' checkpoint holds: layers, and a decoder, of no forward pass.

    Args:
        used: all names that :func:`source_of` gives.
    """
    idle = {f"{layer}.{end}" for layer in _IDLE_LAYERS for end in _LAYER}
    idle |= {f"{norm}.{end}" for norm in _IDLE_NORMS for end in _NORM}
    branches = ("encoder_q.embed", "encoder_k.embed")
    names = {f"{branch}.pe.pe" for branch in branches}
    for branch, part in product(branches, ("hand", "body")):
        names |= {f"{branch}.st_gcn_{part}.{name}" for name in idle}
    return names | {
        name.replace("reg_decoder", "target_decoder")
        for name in used
        if name.startswith("reg_decoder.")
    }
