"""The pipelines in docs/transforms.md run as they stand there."""

import inspect
import re

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose, pseudo_collate

import masa_mm  # noqa: F401  (absorbs what mmaction2's wheels lack)
from masa_mm.datasets.collate import pad_clips

from toys.paths import ROOT

PAGE = ROOT / "docs" / "transforms.md"


def pipelines():
    found = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        exec(block, found)
    return {key: value for key, value in found.items() if key.endswith("_pipeline")}


def pixel_clip(joints, persons=1):
    rng = np.random.default_rng(0)
    keypoint = 200 + rng.normal(0, 5, (persons, 120, joints, 2)).cumsum(axis=1)
    return dict(
        keypoint=keypoint.astype(np.float32),
        keypoint_score=rng.uniform(0.4, 1, (persons, 120, joints)).astype(np.float32),
        img_shape=(480, 640),
        total_frames=120,
        start_index=0,
        label=1,
        frame_dir="pixels",
    )


def metre_clip():
    """NTU's 25 joints, in metres before the camera, without scores."""
    clip = pixel_clip(25, persons=2)
    flat = clip.pop("keypoint") / 200
    clip.pop("keypoint_score")
    keypoint = np.concatenate([flat - 1, 3 + flat[..., :1]], axis=-1)
    return dict(clip, keypoint=keypoint)


# Pipelines that do not start from a store.
PIXELS = dict(
    pickle_pipeline=lambda: pixel_clip(133),
    ntu_pipeline=lambda: pixel_clip(17, persons=2),
    ntu_3d_pipeline=metre_clip,
)


@pytest.mark.parametrize("name", pipelines())
def test_runs(name, make_clip):
    import mmaction.datasets.transforms  # noqa: F401  (MMAction2's own)

    steps = pipelines()[name]
    pipeline = Compose([TRANSFORMS.build(step) for step in steps])
    packed = [pipeline(PIXELS.get(name, make_clip)()) for _ in range(2)]
    if steps[-1]["type"] == "PackSignInputs":
        inputs = pad_clips(packed)["inputs"]
        assert inputs["keypoint"].shape[-2:] == (49, 3)
        assert ("motion" in inputs) == (name == "pretrain_pipeline")
    else:
        shapes = {tuple(clip.shape) for clip in pseudo_collate(packed)["inputs"]}
        assert len(shapes) == 1


@pytest.mark.parametrize(
    "name", [name for name in pipelines() if "Masking" in str(pipelines()[name])]
)
def test_masks_a_sensible_share(name, make_clip):
    steps = pipelines()[name]
    end = [step["type"] for step in steps].index("MotionAwareMasking") + 1
    pipeline = Compose([TRANSFORMS.build(step) for step in steps[:end]])
    clip = pipeline(PIXELS.get(name, make_clip)())
    share = clip["frame_mask"][:, clip["frame_inds"] >= 0].mean()
    assert 0.6 <= share / steps[end - 1]["mask_ratio"] <= 1.1


def test_table_shows_every_transform_with_its_arguments():
    rows = dict(re.findall(r"`([A-Z]\w+)\((.*?)\)`[,|\s]", PAGE.read_text()))
    import masa_mm.datasets.transforms as transforms

    for name in filter(lambda name: name[0].isupper(), transforms.__all__):
        documented = [
            argument.split("=")[0] for argument in re.split(r", ?(?=\w+)", rows[name]) if argument
        ]
        documented = [argument for argument in documented if argument.isidentifier()]
        parameters = inspect.signature(getattr(transforms, name)).parameters
        own = [key for key in parameters if key not in ("args", "kwargs")]
        assert documented == own, name
