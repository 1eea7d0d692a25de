"""Tiny networks and seeded poses for the model tests."""

from __future__ import annotations

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import init_default_scope

import masa_mm.datasets.collate
import masa_mm.datasets.transforms
import masa_mm.models  # noqa: F401  (all three register what the configs name)

PARTS = dict(right_hand=slice(0, 21), left_hand=slice(21, 42), body=slice(42, 49))
TINY_ENCODER = dict(
    type="MASAEncoder",
    embed_dims=16,
    channels=(8, 8),
    sub_part_channels=(16,),
    depth=2,
    num_heads=4,
    feedforward_channels=32,
    num_temporal_blocks=1,
)
TINY_DECODER = dict(
    type="MotionDecoder",
    in_channels=48,
    depth=1,
    num_heads=4,
    feedforward_channels=32,
    predictor_channels=16,
)
TINY_ALIGNMENT = dict(
    type="SemanticAlignment",
    in_channels=48,
    hidden_channels=16,
    out_channels=8,
    queue_len=10,
    loss_weight=0.05,
)


def unsettle(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Move every parameter and running statistic off its starting value, where bugs hide."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif value.dtype.is_floating_point and not name.endswith((".A", "bank.keys")):
            value.add_(0.1 * torch.randn(value.shape, generator=generator))
    return module


def build(config: dict, **changes) -> torch.nn.Module:
    init_default_scope("mmaction")
    torch.manual_seed(0)
    return unsettle(MODELS.build({**config, **changes}))


@pytest.fixture(autouse=True)
def in_mmaction_scope():
    init_default_scope("mmaction")


@pytest.fixture(scope="session")
def make_encoder():
    """A tiny MASAEncoder with moved weights; keyword arguments change its config."""
    return lambda **changes: build(TINY_ENCODER, **changes)


@pytest.fixture(scope="session")
def make_decoder():
    return lambda **changes: build(TINY_DECODER, **changes)


@pytest.fixture(scope="session")
def make_masa():
    """A tiny MASA with moved weights, its key branch apart from its query branch."""
    config = dict(type="MASA", backbone=TINY_ENCODER, decoder=TINY_DECODER)

    def make(alignment=True, **changes):
        model = build({**config, "alignment": TINY_ALIGNMENT if alignment else None}, **changes)
        if alignment:
            model.update_key_encoder()
            unsettle(model.key_encoder.module, seed=1)
        return model

    make.config = config
    return make


@pytest.fixture(scope="session")
def make_recognizer():
    def make(backbone=None, head=None, **changes):
        return build(
            dict(
                type="SignRecognizer",
                backbone={**TINY_ENCODER, **(backbone or {})},
                cls_head=dict(type="MASAHead", num_classes=7, in_channels=16, **(head or {})),
                data_preprocessor=dict(type="SignDataPreprocessor"),
            ),
            **changes,
        )

    return make


@pytest.fixture(scope="session")
def make_poses():
    """Poses [N, 1, T, 49, 3], zero behind a clip's length and where a part is missing."""

    def make(lengths=(9, 6), missing=(), seed=0, padded_to=None):
        generator = torch.Generator().manual_seed(seed)
        frames = padded_to or max(lengths)
        poses = torch.rand(len(lengths), 1, frames, 49, 3, generator=generator)
        poses[..., 2] = poses[..., 2] * 0.6 + 0.4
        # A few undetected joints, as every detector leaves them.
        poses[torch.rand(poses.shape[:-1], generator=generator) < 0.1] = 0
        for clip, length in enumerate(lengths):
            poses[clip, :, length:] = 0
        for part in missing:
            poses[:, :, :, PARTS[part]] = 0
        return poses

    return make


@pytest.fixture(scope="session")
def make_batch(make_poses):
    """What ``pad_clips`` hands to MASA, made directly: (inputs, data_samples)."""
    from masa_mm.structures import SignDataSamples

    def make(lengths=(9, 6), intervals=1, seed=0, padded_to=None, masked=None, ids=None):
        generator = torch.Generator().manual_seed(seed + 100)
        poses = make_poses(lengths, seed=seed, padded_to=padded_to)
        clips, _, frames = poses.shape[:3]
        real = torch.arange(frames) < torch.tensor(lengths)[:, None]
        motion = 8 * torch.randn(clips, frames, 49, intervals, 2, generator=generator)
        weight = torch.rand(clips, frames, 49, intervals, generator=generator)
        weight[torch.rand(weight.shape, generator=generator) < 0.2] = 0
        if masked is None:
            masked = torch.rand(clips, frames, generator=generator) < 0.5
            masked[:, 0] = False
        frame_mask = (masked & real)[..., None].repeat(1, 1, 3)
        key = make_poses([max(1, n // 2) for n in lengths], seed=seed + 1)
        key_real = (key[..., 2] > 0).any(-1)[:, 0]
        inputs = dict(
            keypoint=poses[:, None],
            frame_inds=torch.where(real, torch.arange(frames), -1),
            motion=motion * real[..., None, None, None],
            motion_weight=weight * real[..., None, None],
            frame_mask=frame_mask,
            key_keypoint=key[:, None],
            key_frame_inds=torch.where(key_real, 2 * torch.arange(key.shape[2]), -1),
        )
        samples = SignDataSamples(
            labels=torch.arange(clips),
            clip_ids=torch.arange(clips) + 100 if ids is None else torch.tensor(ids),
        )
        return inputs, samples

    return make
