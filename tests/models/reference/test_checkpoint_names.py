"""Names and shapes of the authors' checkpoint, at its full size; no weights are made."""

import json

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import masa_mm  # noqa: F401  (registers what the config names)
from masa_mm.models.reference.checkpoint_names import source_of, unused_names

from toys.paths import ROOT

LISTED = ROOT.parent / "shared" / "parity" / "official_state_dict.json"
ADDED = {"key_encoder.steps", "alignment.bank.clip_ids"}


@pytest.fixture(scope="module")
def wanted():
    init_default_scope("mmaction")
    config = Config.fromfile(ROOT / "configs/_base_/models/masa_reference.py").model
    with torch.device("meta"):
        return MODELS.build(config).state_dict()


@pytest.mark.parametrize(
    "ours, theirs, shape",
    [
        ("backbone.mask_token", "encoder_q.embed.mask_token", (1, 1, 512)),
        (
            "key_encoder.module.backbone.hand_network.joint_blocks.2.shortcut.norm.running_var",
            "encoder_k.embed.st_gcn_hand.st_gcn_networks.2.residual.1.running_var",
            (256,),
        ),
        (
            "backbone.body_network.sub_part_blocks.0.graph_conv.weight",
            "encoder_q.embed.st_gcn_body.st_gcn_pool.0.gcn.conv.weight",
            (2048, 256, 1, 1),
        ),
        (
            "backbone.hand_network.temporal_blocks.0.narrow2.linear.weight",
            "encoder_q.embed.st_gcn_hand.tcn_full_b1.conv1d_3_2.0.weight",
            (512, 512, 3),
        ),
        (
            "decoder.transformer.blocks.1.linear2.weight",
            "reg_decoder.GCN_Tran.blocks.1.pwff.fc2.weight",
            (1536, 2048),
        ),
        ("backbone.transformer.input_norm.bias", "encoder_q.GCN_Tran.norm.beta", (1536,)),
        ("alignment.projector.pooling.body_score.bias", "encoder_q.proj.weight_body.bias", (1,)),
        ("decoder.predictor.hand.2.weight", "hand_decoder.2.weight", (42, 256)),
        ("alignment.bank.keys", "queue", (128, 6912)),
        ("alignment.bank.pointer", "queue_ptr", (1,)),
    ],
)
def test_where_it_comes_from(wanted, ours, theirs, shape):
    source = source_of(ours, wanted)
    assert source.names == (theirs,)
    assert source.shape == shape


def test_attention_comes_from_three(wanted):
    source = source_of("backbone.transformer.blocks.0.self_attn.in_proj_weight", wanted)
    block = "encoder_q.GCN_Tran.blocks.0.attn"
    assert source.names == tuple(f"{block}.proj_{letter}.weight" for letter in "qkv")
    assert source.shape == (1536, 1536)


@pytest.mark.skipif(not LISTED.exists(), reason="../shared/parity is not here")
def test_every_name_of_a_real_checkpoint_is_accounted_for(wanted):
    listed = {
        entry["name"].removeprefix("module."): tuple(entry["shape"])
        for entry in json.loads(LISTED.read_text())
    }
    used = {}
    for ours in set(wanted) - ADDED:
        source = source_of(ours, wanted)
        used.update(dict.fromkeys(source.names, source.shape))
    assert used == {name: shape for name, shape in listed.items() if name in used}
    assert unused_names(used) == set(listed) - set(used)
