"""Small networks with random weights, and clips of landmarks."""

import numpy as np
import torch
from mmaction.registry import MODELS, TRANSFORMS
from mmengine.registry import init_default_scope

import masa_mm  # noqa: F401

PIPELINE = (
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=8, mode="uniform", jitter=False),
    dict(type="PackSignInputs"),
)
CENTRAL = (dict(type="SampleSignFrames", clip_len=8, mode="center"), dict(type="PackSignInputs"))
ENCODER = dict(
    type="MASAEncoder",
    embed_dims=8,
    channels=(4, 4),
    sub_part_channels=(8,),
    num_temporal_blocks=1,
    depth=2,
    num_heads=2,
    feedforward_channels=16,
    position_gain=1.0,
)


def recogniser(num_classes=5, pooling="average", seed=0, **encoder):
    """Make a recogniser in evaluation mode, whose statistics are not those of a new network."""
    init_default_scope("mmaction")
    torch.manual_seed(seed)
    head = dict(type="MASAHead", num_classes=num_classes, in_channels=8, pooling=pooling)
    head["init_cfg"] = dict(type="Normal", layer="Linear", std=1.0)
    config = dict(type="SignRecognizer", backbone=dict(ENCODER, **encoder), cls_head=head)
    model = MODELS.build(config)
    model.init_weights()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def transforms(pipeline=PIPELINE):
    """Build a pipeline's transforms."""
    return [TRANSFORMS.build(dict(each)) for each in pipeline]


def landmarks(num_frames, seed=0, num_joints=49, hands=0.7, blank=0.2):
    """Make landmarks [T, V, 3] in an image of 640 x 480.

    ``hands`` is the share of frames in which each hand is there, ``blank`` that of empty frames.
    """
    rng = np.random.default_rng(seed)
    result = rng.uniform(0, 400, (num_frames, num_joints, 3))
    result[..., 2] = rng.uniform(0, 1, (num_frames, num_joints))
    for start in (0, 21):
        missing = rng.random(num_frames) >= hands
        result[missing, start : start + 21, 2] = 0
    result[rng.random(num_frames) < blank, :, 2] = 0
    return result.astype(np.float32)
