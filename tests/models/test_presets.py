"""The three presets: one network each, told apart by values of the same components."""

import inspect
from itertools import pairwise

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from toys import reference_network as plain
from toys.paths import ROOT

PRESETS = ("paper", "reference", "default")

# Each difference of docs/method.md that is a value of the model: path, then by preset.
CHOICES = {
    "backbone.type": ("MASAEncoder", "MaskTokenEncoder", "MASAEncoder"),
    "backbone.use_score": (False, False, True),
    "backbone.coordinate_offset": (None, 0.0, None),
    "backbone.graph_mode": (None, "lateral", None),
    "backbone.use_position": (True, False, True),
    "backbone.position_gain": (1.0, 0.1, 0.1),  # without positions it has no say
    "backbone.data_norm_eps": (None, 0.1, None),
    "backbone.norm_eps": (None, 1e-12, None),
    "backbone.norm_first": (False, False, False),
    "backbone.temporal_branch_channels": (None, 512, None),
    "decoder.type": ("MotionDecoder", "ReferenceDecoder", "MotionDecoder"),
    "decoder.mask_token": (None, False, None),
    "decoder.use_position": (True, False, True),
    "decoder.norm_eps": (None, 1e-12, None),
    "decoder.predictor.type": ("FramePredictor", "PartPredictor", "FramePredictor"),
    "decoder.predictor.rectify": (None, True, None),
    "motion_loss.type": ("MotionLoss", "PartMotionLoss", "MotionLoss"),
    "motion_loss.norm": ("l2", "l1", "l2"),
    "motion_loss.unit": (1.0, 1.0, 256.0),
    "motion_loss.loss_weight": (1.0, 10.0, 1.0),
    "alignment.pooling.type": ("AveragePooling", "ReferencePooling", "AveragePooling"),
    "alignment.exclude_own": (False, False, True),
    "alignment.queue_len": (6144, 6912, 6144),
    "alignment.temperature": (0.07, 0.07, 0.07),
    "alignment.loss_weight": (0.05, 0.05, 0.05),
    "momentum": (0.996, 0.999, 0.996),
    "type": ("MASA", "ReferenceMASA", "MASA"),
}


def load(name):
    return Config.fromfile(ROOT / f"configs/_base_/models/{name}.py").model


def value_of(config, path):
    """The value in the config, or the component's default; None where it has no such choice."""
    *above, name = path.split(".")
    for step in above:
        config = config.get(step, {})
    if name in config:
        return config[name]
    if "type" not in config:
        return None
    kinds = inspect.getmro(MODELS.get(config["type"]))
    found = [inspect.signature(kind.__init__).parameters.get(name) for kind in kinds]
    return next((p.default for p in found if p is not None), None)


@pytest.mark.parametrize("path", CHOICES)
def test_each_choice(path):
    found = [value_of(load(f"masa_{preset}"), path) for preset in PRESETS]
    assert found == list(CHOICES[path])


def test_the_docs_name_each_choice():
    table = (ROOT / "docs/method.md").read_text()
    missing = {path for path in CHOICES if path.split(".")[-1] not in table}
    assert not missing


@pytest.mark.parametrize("preset", PRESETS)
def test_is_made_of_registered_components_and_has_the_papers_size(preset):
    config = load(f"masa_{preset}")
    with torch.device("meta"):
        model = MODELS.build(config)
    assert 3 * config.backbone.embed_dims == config.decoder.in_channels == 1536
    assert (config.backbone.depth, config.decoder.depth) == (3, 2)
    assert sum(parameter.numel() for parameter in model.parameters()) > 50e6


def test_the_default_is_what_is_trained():
    """masa_default.py writes out what masa_base.py leaves to the components' defaults."""
    base, written = load("masa_base"), load("masa_default")

    def compare(ours, theirs, path=""):
        for name, value in theirs.items():
            here = f"{path}.{name}".lstrip(".")
            if isinstance(value, dict) and name in ours:
                compare(ours[name], value, here)
            elif name == "predictor":
                assert value == dict(type="FramePredictor")
            elif name == "pooling":
                assert value == dict(type="AveragePooling")
            else:
                assert value == value_of(base, here), here

    compare(base, written)
    with torch.device("meta"):
        first, second = (MODELS.build(config).state_dict() for config in (base, written))
    assert {n: v.shape for n, v in first.items()} == {n: v.shape for n, v in second.items()}


@pytest.mark.parametrize("preset", ["paper", "reference"])
def test_its_recognizer_takes_its_encoder_and_pooling(preset):
    pretraining, recognizer = load(f"masa_{preset}"), load(f"recognizer_{preset}")
    assert recognizer.backbone == pretraining.backbone
    assert recognizer.cls_head.pooling == pretraining.alignment.pooling
    with torch.device("meta"):
        model = MODELS.build(recognizer)
    width = 512 if preset == "reference" else 1536
    assert model.cls_head.fc.in_features == width


def test_the_reference_preset_trains(make_batch):
    torch.manual_seed(0)
    model = MODELS.build(plain.tiny_config(load("masa_reference"))).train()
    model.update_key_encoder()
    inputs, samples = make_batch((9, 6))
    optimizer = torch.optim.AdamW(trained(model), lr=3e-3)
    values = []
    for _ in range(20):
        total, logged = model.parse_losses(model(inputs, samples, mode="loss"))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        model.update_key_encoder()
        values.append(logged["loss_motion"].item())
    assert values[-1] < values[0]
    assert logged["loss_align"] > 0


def test_the_reference_preset_runs_under_bfloat16_autocast(make_batch):
    model = MODELS.build(plain.tiny_config(load("masa_reference"))).train()
    model.update_key_encoder()
    with torch.autocast("cpu", torch.bfloat16):
        losses = model(*make_batch((9, 6)), mode="loss")
    model.parse_losses(losses)[0].backward()
    assert losses["loss_motion"].dtype == losses["loss_align"].dtype == torch.float32
    # DistributedDataParallel waits for the gradient of every parameter.
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained(model))


def trained(model):
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def test_two_subsets_of_the_reference_bodys_sub_part_graph_never_learn(make_batch):
    """0.8 M of its parameters: the weights of the empty subsets get no gradient."""
    model = MODELS.build(plain.tiny_config(load("masa_reference"))).train()
    model.update_key_encoder()
    total, _ = model.parse_losses(model(*make_batch((9, 6)), mode="loss"))
    total.backward()
    for block in model.backbone.body_network.sub_part_blocks:
        subsets = block.graph_conv.weight.grad.chunk(4, 1)
        assert [bool(subset.any()) for subset in subsets] == [True, False, False, True]
    full = load("masa_reference").backbone
    widths = [full.channels[-1], *full.sub_part_channels]
    dead = sum(2 * (a * b + b) for a, b in pairwise(widths))
    assert 0.75e6 < dead < 0.85e6
