"""Reconstructions are the network's own predictions, clip by clip, in crop pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import masa_mm  # noqa: F401
from masa_mm.apis.reconstruction import reconstruct_motion
from masa_mm.preparation.demo import DemoConfig, store_path, write_demo_stores

from toys.paths import ROOT

CONFIG = ROOT / "configs" / "masa_pretrain_demo.py"


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[dict]:
    init_default_scope("mmaction")
    folder = tmp_path_factory.mktemp("demo")
    write_demo_stores(folder, DemoConfig(num_classes=2, signers=(2, 1, 1), repetitions=(1, 1, 1)))
    cfg = Config.fromfile(CONFIG)
    cfg.train_dataloader.dataset.ann_file = str(store_path(folder, "train"))
    # Longer than the clips, so that each keeps a length of its own.
    cfg.train_dataloader.dataset.pipeline[1].clip_len = 100
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    np.random.seed(0)
    return [dataset[i] for i in range(len(dataset))]


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build(Config.fromfile(CONFIG).model)


def test_each_clip_comes_back_with_its_own_length_mask_and_motion(model, samples):
    found = reconstruct_motion(model, samples)
    assert len(found) == len(samples) > 2
    assert len({len(clip.score) for clip in found}) > 1  # so that there is padding to leave out
    for clip, sample in zip(found, samples):
        inputs = sample["inputs"]
        np.testing.assert_array_equal(clip.keypoint, inputs["keypoint"][0, 0, ..., :2])
        np.testing.assert_array_equal(clip.score, inputs["keypoint"][0, 0, ..., 2])
        np.testing.assert_array_equal(clip.frame_mask, inputs["frame_mask"])
        np.testing.assert_array_equal(clip.motion, inputs["motion"][:, :, 0])
        assert clip.prediction.shape == clip.motion.shape


def test_an_untrained_predictor_predicts_no_motion_in_crop_pixels(model, samples):
    for clip in reconstruct_motion(model, samples):
        if clip.hidden.any():
            assert clip.error == pytest.approx(clip.motion_length)
            # Masked frames are those whose joints move by more than 5 crop pixels.
            assert clip.motion_length > 3
    with torch.no_grad():
        model.decoder.predictor[-1].bias.fill_(0.5)
    np.testing.assert_allclose(reconstruct_motion(model, samples[:1])[0].prediction[0], 128.0)
    with torch.no_grad():
        model.decoder.predictor[-1].bias.zero_()


def test_batching_changes_nothing(model, samples):
    torch.nn.init.normal_(model.decoder.predictor[-1].weight, std=0.01)
    together = reconstruct_motion(model, samples)
    for clip, sample in zip(together, samples):
        alone = reconstruct_motion(model, [sample])[0]
        np.testing.assert_allclose(clip.prediction, alone.prediction, atol=1e-2)


def test_a_pipeline_without_masking_is_named(model, samples):
    bare = dict(
        samples[0], inputs={k: v for k, v in samples[0]["inputs"].items() if "mask" not in k}
    )
    with pytest.raises(KeyError, match="MotionAwareMasking"):
        reconstruct_motion(model, [bare])


def test_a_joint_has_the_largest_weight_of_its_coordinates(model, samples):
    """As targets with ``signed_thr`` have them, a weight a coordinate."""
    split = []
    for sample in samples:
        weight = sample["inputs"]["motion_weight"][..., None] * np.float32([0.5, 1])
        split.append({**sample, "inputs": {**sample["inputs"], "motion_weight": weight}})
    for found, expected in zip(
        reconstruct_motion(model, split), reconstruct_motion(model, samples)
    ):
        np.testing.assert_array_equal(found.motion_weight, expected.motion_weight)
