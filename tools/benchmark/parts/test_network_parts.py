"""The parts of a pretraining step and of a recogniser, on a batch of real lengths."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from masa_mm.structures import SignDataSamples

FORWARD_ONLY, WITH_BACKWARD = False, True
passes = pytest.mark.parametrize("backward", [FORWARD_ONLY, WITH_BACKWARD], ids=["forward", "both"])


def run(module, backward, *args):
    """A forward pass, or a forward and a backward one, from ones."""
    with torch.set_grad_enabled(backward):
        out = module(*args)
        if backward:
            out.backward(torch.ones_like(out))


@passes
def test_product(benchmark, backward):
    """A linear layer of the Transformer on the frames of a batch."""
    x, weight = torch.randn(1100, 1536), torch.randn(2048, 1536)
    for tensor in (x, weight):
        tensor.requires_grad_(backward)
    benchmark(run, F.linear, backward, x, weight)


@pytest.mark.parametrize("part", ["hand_network", "body_network"])
@passes
def test_part_network(benchmark, masa, part, backward):
    """A thousand frames of one part."""
    network = getattr(masa.backbone, part)
    joints = torch.randn(1000, network.data_norm.num_features // masa.backbone.in_channels, 3)
    neighbours = (torch.arange(1000)[:, None] + torch.arange(-2, 3)).clamp(0, 999)
    benchmark(run, network, backward, joints[..., : masa.backbone.in_channels], neighbours)


@pytest.mark.parametrize("name", ["backbone", "decoder"])
@passes
def test_transformer(benchmark, masa, batch, name, backward):
    """The blocks over every frame of the batch."""
    transformer = getattr(masa, name).transformer
    shown = (batch["inputs"]["keypoint"][:, 0, 0, ..., 2] > 0).any(-1)
    frames = torch.randn(*shown.shape, transformer.input_norm.normalized_shape[0])
    benchmark(run, transformer, backward, frames, shown)


def test_motion_loss(benchmark, masa, batch):
    motion = batch["inputs"]["motion"]
    mask = batch["inputs"]["frame_mask"].any(-1, keepdim=True).expand(motion.shape[:3])
    predicted = torch.randn(motion.shape, requires_grad=True)
    weight = batch["inputs"]["motion_weight"]
    benchmark(lambda: masa.motion_loss(predicted, motion, weight, mask).backward())


def test_alignment(benchmark, masa):
    """InfoNCE against a full bank, and its new keys."""
    query, key = (nn.functional.normalize(torch.randn(16, 128), dim=1) for _ in range(2))
    ids = torch.arange(16)

    def step():
        masa.alignment(query, key, ids)
        masa.alignment.bank.enqueue(key, ids)

    benchmark(step)


def test_momentum_copy(benchmark, masa):
    benchmark(masa.update_key_encoder)


@pytest.mark.parametrize("clips", [1, 8])
def test_prediction(benchmark, recognizer, clips):
    """32 frames a clip, from the batch to the scores of each clip."""
    keypoint = torch.rand(clips, 1, 1, 32, 49, 3)

    def predict():
        samples = SignDataSamples(labels=torch.zeros(clips, dtype=torch.int64))
        data = dict(inputs=dict(keypoint=keypoint), data_samples=samples)
        with torch.no_grad():
            recognizer.test_step(data)

    benchmark(predict)
