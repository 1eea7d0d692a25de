"""Names and shapes of the tensors of our network in the authors' checkpoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

# Applied in this order, these turn our names into theirs.
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
    (r"\.proj\.hidden\.", ".proj.fc.0."),
    (r"\.proj\.out\.", ".proj.fc.2."),
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

# Layers of a part network that take no part in the forward pass.
_IDLE_LAYERS = (
    "conv2.0",
    *(f"non_local.{layer}" for layer in ("g", "W.0", "theta", "phi")),
    "fcn.1",
)
_IDLE_NORMS = ("conv2.1", "non_local.W.1")
_LAYER = ("weight", "bias")
_NORM = (*_LAYER, "running_mean", "running_var", "num_batches_tracked")


class Source(NamedTuple):
    """The tensors of the authors that one of ours is made of.

    Attributes:
        names (tuple[str, ...]): Their names, without a data-parallel prefix.
        shape (tuple[int, ...]): The shape of each of them.
        make (Callable): Makes ours of these tensors.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    make: Callable[[Sequence[Tensor]], Tensor]


def source_of(name: str, state: dict[str, Tensor]) -> Source:
    """Find the source of our tensor of that name.

    Args:
        name (str): A name in ``state``.
        state (dict): The state of the reference preset's ``MASA``; values may be on torch's 'meta'
            device.
    """
    theirs = name
    for pattern, replacement in _RENAMES:
        theirs = re.sub(pattern, replacement, theirs)
    for kind, layout in _LAYOUTS:
        if re.search(kind, name):
            return layout(theirs, name, state)
    return Source((theirs,), tuple(state[name].shape), lambda found: found[0])


def _attention(theirs: str, name: str, state: dict[str, Tensor]) -> Source:
    """Join three projections into one."""
    names = tuple(_ATTENTION.sub(rf".attn.proj_{letter}.\1", theirs) for letter in "qkv")
    rows, *columns = state[name].shape
    return Source(names, (rows // 3, *columns), lambda found: torch.cat(list(found)))


def _graph_weight(theirs: str, name: str, state: dict[str, Tensor]) -> Source:
    """Reshape a 1x1 convolution [K out, in, 1, 1] to [out, K in]."""
    num_subsets, out = state[name.removesuffix("weight") + "bias"].shape
    shape = state[name].shape

    def make(found: Sequence[Tensor]) -> Tensor:
        return found[0].reshape(num_subsets, out, -1).transpose(0, 1).reshape(shape)

    return Source((theirs,), (num_subsets * out, shape[1] // num_subsets, 1, 1), make)


def _temporal_weight(theirs: str, name: str, state: dict[str, Tensor]) -> Source:
    """Reshape a convolution [out, in, kernel] to [out, kernel in]."""
    kernel = 5 if ".wide." in name else 3
    out, columns = state[name].shape
    return Source(
        (theirs,),
        (out, columns // kernel, kernel),
        lambda found: found[0].transpose(1, 2).reshape(out, columns),
    )


def _keys(theirs: str, name: str, state: dict[str, Tensor]) -> Source:
    """Transpose the queue [channels, K] to [K, channels]."""
    length, channels = state[name].shape
    return Source((theirs,), (channels, length), lambda found: found[0].t())


def _reshaped(shape_of: Callable[[torch.Size], tuple[int, ...]]) -> Callable:
    """Reshape a tensor of a shape that follows from ours."""

    def layout(theirs: str, name: str, state: dict[str, Tensor]) -> Source:
        shape = state[name].shape
        return Source((theirs,), shape_of(shape), lambda found: found[0].reshape(shape))

    return layout


# Tensors whose layout differs, by our names.
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
    """List the other tensors of the authors' checkpoint: layers and a decoder that are never used.

    Args:
        used (Iterable[str]): All names that :func:`source_of` gives.
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
