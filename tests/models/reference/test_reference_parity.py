"""The reference preset gives the authors' numbers, from their weights through the converter.

Against their own outputs where the data is there; everywhere against a small fixture made by
``reference_network.py``, which the first test holds against the same data.
"""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from torch.nn import functional as F

from masa_mm.frame_plan import plan_batch, plan_view, present_parts
from masa_mm.models.reference.checkpoint import convert_reference
from masa_mm.models.reference.encoder import plan_every_frame

from toys import reference_network as plain
from toys.paths import ROOT

DATA = ROOT.parent / "shared" / "parity"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/parity is not here")


def preset(name):
    return Config.fromfile(ROOT / f"configs/_base_/models/{name}_reference.py").model


def assert_near(found, expected, tolerance):
    found, expected = found.detach().double(), torch.as_tensor(expected).double()
    assert found.shape == expected.shape
    assert (found - expected).norm() <= tolerance * expected.norm()


def build(config, weights):
    """The preset with the authors' weights, converted, every one of them."""
    model = MODELS.build(config)
    converted, report = convert_reference(weights, model.state_dict())
    assert not report.problem
    model.load_state_dict(converted, assign=True)
    return model.eval()


@pytest.fixture(scope="module", params=["tiny", pytest.param("authors", marks=needs_data)])
def case(request):
    """The converted network, a batch, and what the authors' network makes of it."""
    config = preset("masa")
    if request.param == "tiny":
        weights = plain.official_weights(plain.official_shapes(plain.TINY))
        model = build(plain.tiny_config(config), weights)
        given, expected = plain.tiny_inputs(), np.load(plain.FIXTURE)
    else:
        arrays = np.load(DATA / "official_forward.npz")
        known = {n.removeprefix("buffer/"): arrays[n] for n in arrays if n.startswith("buffer/")}
        model = build(config, plain.official_weights(listed_shapes(), known))
        given = expected = arrays
    given = {name: given[name] for name in given if name.startswith("in/")}
    inputs, samples = plain.batch_of(given)
    with torch.no_grad():
        yield SimpleNamespace(model=model, inputs=inputs, samples=samples, expected=expected)


def listed_shapes():
    entries = json.loads((DATA / "official_state_dict.json").read_text())
    return {e["name"].removeprefix("module."): tuple(e["shape"]) for e in entries}


@needs_data
def test_the_fixture_is_of_the_authors_network():
    """What made it knows every name and shape of their checkpoint, and their graphs."""
    assert plain.official_shapes() == listed_shapes()
    arrays = np.load(DATA / "official_forward.npz")
    for name, graph in plain.buffers().items():
        np.testing.assert_array_equal(graph, arrays[f"buffer/{name}"])


def test_the_fixture_is_what_its_script_makes():
    network = plain.PlainNetwork(
        plain.official_weights(plain.official_shapes(plain.TINY)), plain.TINY
    )
    stored = np.load(plain.FIXTURE)
    found = network(plain.tiny_inputs())
    assert set(found) == set(stored.files)
    for name, value in found.items():
        np.testing.assert_allclose(value, stored[name], rtol=1e-5, atol=1e-6, err_msg=name)


@torch.no_grad()
def test_features(case):
    """Nothing masked: embedding, encoder, both poolings and the projection, to 1e-4."""
    backbone, projector = case.model.backbone, case.model.alignment.projector
    clip, expected = case.inputs["keypoint"][:, 0], case.expected
    plan = plan_view(present_parts(clip[:, 0, ..., 2]))
    position = plan.sequence.position
    every = plan_every_frame(position, torch.ones(position.numel(), dtype=torch.bool))
    embedded = backbone.embed(clip[:, 0], every)
    assert_near(embedded.flatten(2), expected["out/embed"], 1e-4)
    latent, seen = backbone.encode_clip(clip[:, 0], plan)
    assert_near(latent, expected["out/encoder"], 1e-4)
    features = backbone(clip)[:, 0].permute(0, 2, 3, 1)
    assert_near(features.flatten(2), expected["out/encoder"], 1e-4)
    assert_near(projector.pooling.pool_hands(features, seen), expected["out/pooled_hand"], 1e-4)
    assert_near(projector.pooling.pool_body(features, seen), expected["out/pooled_body"], 1e-4)
    assert_near(projector.project(latent, seen), expected["out/projection"], 1e-4)


@torch.no_grad()
def test_masked_frames_predictions_and_views(case):
    model, inputs, expected = case.model, case.inputs, case.expected
    plan = plan_batch(inputs)
    latent, seen = model.forward_encoder(inputs, plan)
    present = present_parts(inputs["keypoint"][:, 0, 0, ..., 2])
    keys = torch.from_numpy(expected["out/enc_mask"])[..., None] > 0
    assert seen.equal(present & keys)
    assert_near(latent, expected["out/masked_encoder"], 1e-3)
    assert_near(model.alignment.projector(latent, seen), expected["out/query"], 1e-3)
    assert_near(model.forward_key(inputs, plan), expected["out/key"], 1e-3)
    predicted = model.decoder(latent, plan.decoder.with_all_queries())[..., 0, :]
    for part, found in zip(("right", "left", "body"), predicted.split([21, 21, 7], 2)):
        assert_near(found, expected[f"out/pred_{part}"], 1e-3)


@torch.no_grad()
def test_the_four_losses(case):
    model, inputs, expected = case.model, case.inputs, case.expected
    losses = model(inputs, case.samples, mode="loss")
    parts = [expected[f"out/loss_{part}"].item() for part in ("right", "left", "body")]
    assert losses["loss_motion"].item() == pytest.approx(sum(parts), rel=1e-3)
    contrast = losses["loss_align"].item() / model.alignment.loss_weight
    assert contrast == pytest.approx(expected["out/loss_contrast"].item(), rel=1e-3)
    plan = plan_batch(inputs)
    latent, _ = model.forward_encoder(inputs, plan)
    predicted = model.forward_decoder(latent, plan)
    masked = inputs["frame_mask"].repeat_interleave(torch.tensor([21, 21, 7]), -1)
    found = model.motion_loss.by_part(predicted, inputs["motion"], inputs["motion_weight"], masked)
    assert found.tolist() == pytest.approx(parts, rel=1e-3)


@torch.no_grad()
def test_class_scores(case):
    """The recogniser on the converted encoder and pooling: their pooled features, classified."""
    config = preset("recognizer")
    width = case.model.backbone.embed_dims
    if width == plain.TINY.embed:
        config.backbone = plain.tiny_config(preset("masa")).backbone
    config.cls_head.update(num_classes=5, in_channels=width)
    torch.manual_seed(0)
    recognizer = MODELS.build(config).eval()
    recognizer.backbone.load_state_dict(case.model.backbone.state_dict())
    head = recognizer.cls_head
    head.pooling.load_state_dict(case.model.alignment.projector.pooling.state_dict())
    scores, _ = recognizer.extract_feat(case.inputs["keypoint"], stage="head")
    pooled = case.expected["out/pooled_hand"] + case.expected["out/pooled_body"]
    expected = F.linear(torch.from_numpy(pooled), head.fc.weight, head.fc.bias)
    assert_near(scores, expected, 1e-4)
