"""A tiny pretraining run through the real Runner, with the real transforms, on the CPU."""

from __future__ import annotations

import itertools
import signal

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import Dataset

import masa_mm.datasets.collate
import masa_mm.datasets.transforms
import masa_mm.engine
import masa_mm.models  # noqa: F401  (they register what the configs name)


@pytest.fixture(autouse=True)
def signal_handlers():
    """Put the handlers of signals back after each test."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
    former = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


ENCODER = dict(
    type="MASAEncoder",
    embed_dims=8,
    channels=(8,),
    sub_part_channels=(8,),
    depth=1,
    num_heads=2,
    feedforward_channels=16,
    num_temporal_blocks=1,
    dropout=0.1,
)
MASA = dict(
    type="MASA",
    backbone=ENCODER,
    decoder=dict(
        type="MotionDecoder",
        in_channels=24,
        depth=1,
        num_heads=2,
        feedforward_channels=16,
        predictor_channels=8,
    ),
    alignment=dict(
        type="SemanticAlignment", in_channels=24, hidden_channels=8, out_channels=4, queue_len=11
    ),
)
PIPELINE = [
    dict(type="SampleSignFrames", clip_len=12, mode="random", short="keep"),
    dict(
        type="AlignmentViews",
        key=[dict(type="RandomPartAffine"), dict(type="RandomFrameView", keep_ratio=0.5)],
    ),
    dict(type="MotionResidual"),
    dict(type="MotionAwareMasking"),
    dict(type="PackSignInputs"),
]


class RandomWalks(Dataset):
    """Clips of moving joints, as a pose store gives them."""

    def __init__(self, clips: int = 12) -> None:
        init_default_scope("mmaction")
        self.pipeline = Compose([TRANSFORMS.build(step) for step in PIPELINE])
        self.clips = [self._clip(number) for number in range(clips)]

    @staticmethod
    def _clip(number: int) -> dict:
        rng = np.random.default_rng(number)
        frames = int(rng.integers(3, 25))
        steps = rng.normal(0, 6 / 256, (1, frames, 49, 2))
        return dict(
            keypoint=(0.5 + steps.cumsum(1)).astype(np.float32),
            keypoint_score=rng.uniform(0.5, 1, (1, frames, 49)).astype(np.float32),
            total_frames=frames,
            label=number % 3,
            clip_id=number,
            frame_dir=f"clip{number}",
        )

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict:
        return self.pipeline(dict(self.clips[index]))


class Interrupt(Hook):
    """Pulls the plug before an iteration."""

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.iteration:
            raise KeyboardInterrupt


_number = itertools.count()


@pytest.fixture
def make_runner():
    """12 clips in batches of 4: 3 iterations an epoch. Keyword arguments replace the Runner's."""

    def make(work_dir, hooks=(), epochs=4, dataset=None, num_workers=0, **changes):
        arguments = dict(
            model=MASA,
            work_dir=str(work_dir),
            train_dataloader=dict(
                batch_size=4,
                num_workers=num_workers,
                dataset=dataset or RandomWalks(),
                sampler=dict(type="DefaultSampler", shuffle=True),
                collate_fn=dict(type="pad_clips"),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(optimizer=dict(type="AdamW", lr=1e-3)),
            param_scheduler=[
                dict(type="LinearLR", start_factor=0.1, end=2, convert_to_iter_based=True)
            ],
            default_hooks=dict(checkpoint=dict(type="CheckpointHook", interval=1)),
            custom_hooks=list(hooks),
            randomness=dict(seed=3),
            default_scope="mmaction",
            log_level="ERROR",
            experiment_name=f"test{next(_number)}",
        )
        return Runner(**{**arguments, **changes})

    return make


@pytest.fixture
def interrupt_at():
    return Interrupt


@pytest.fixture
def masa_config():
    return MASA


@pytest.fixture
def encoder_config():
    return ENCODER


@pytest.fixture(autouse=True)
def in_mmaction_scope():
    init_default_scope("mmaction")
