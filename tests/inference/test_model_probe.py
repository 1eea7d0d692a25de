"""The probe tells one network from another, and takes two files of one network for the same."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from masa_mm.inference.inferencer import open_model
from masa_mm.inference.model_probe import probe_clip, probe_embedding, same_model
from masa_mm.pose.skeleton import SOURCE_LAYOUTS

from toys.inference_toys import exported, save_training
from toys.sign_models import ENCODER, recogniser


@pytest.mark.parametrize("layout", SOURCE_LAYOUTS)
def test_all_layouts_show_one_clip(layout):
    expected = probe_clip("sign49").landmarks
    np.testing.assert_array_equal(probe_clip(layout).in_layout("sign49").landmarks, expected)


def test_an_exported_model_is_the_same_and_another_is_not(tmp_path):
    checkpoint = save_training(tmp_path / "a.pth")
    first = probe_embedding(open_model(checkpoint, device="cpu"))
    assert first.any() and same_model(first, first)
    other = probe_embedding(open_model(save_training(tmp_path / "b.pth", seed=1), device="cpu"))
    assert not same_model(first, other) and not same_model(first, first[:-1])
    model = open_model(exported(checkpoint, tmp_path / "a.onnx"))
    assert same_model(first, probe_embedding(model))


def test_a_checkpoint_of_pretraining_embeds_clips(tmp_path):
    # Its config has no test pipeline and its model no classes.
    config = Config(dict(model=dict(type="SignRecognizer", backbone=dict(ENCODER))))
    state = recogniser().state_dict()
    weights = {name: each for name, each in state.items() if not name.startswith("cls_head.")}
    path = tmp_path / "epoch_1.pth"
    torch.save(dict(state_dict=weights, meta=dict(cfg=config.pretty_text)), path)
    model = open_model(path, device="cpu")
    assert model.info.classes == [] and model.info.clip_len == 32
    probe = probe_embedding(model)
    assert probe.shape == (24,) and probe.any()
