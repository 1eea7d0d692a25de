"""SignDataPreprocessor: poses alone become a tensor, pretraining batches stay a dict."""

import pytest
import torch

from masa_mm.models import SignDataPreprocessor


def test_poses_alone_become_the_tensor_mmactions_recognisers_take(make_batch):
    inputs, samples = make_batch()
    poses = {name: inputs[name] for name in ("keypoint", "frame_inds")}
    out = SignDataPreprocessor()(dict(inputs=poses, data_samples=samples))
    assert out["inputs"].equal(inputs["keypoint"])
    assert out["data_samples"].labels.equal(samples.labels)


def test_a_pretraining_batch_keeps_its_names(make_batch):
    inputs, samples = make_batch()
    out = SignDataPreprocessor()(dict(inputs=inputs, data_samples=samples), training=True)
    assert out["inputs"].keys() == inputs.keys()
    assert all(value.equal(inputs[name]) for name, value in out["inputs"].items())


def test_all_goes_to_the_models_device(make_batch):
    """'meta' stands for an accelerator."""
    inputs, samples = make_batch()
    preprocessor = SignDataPreprocessor().to(torch.device("meta"))
    out = preprocessor(dict(inputs=inputs, data_samples=samples))
    assert {value.device.type for value in out["inputs"].values()} == {"meta"}
    assert out["data_samples"].labels.is_meta
    assert out["data_samples"].clip_ids.is_meta


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_all_goes_to_the_gpu(make_batch):
    inputs, samples = make_batch()
    out = SignDataPreprocessor().cuda()(dict(inputs=inputs, data_samples=samples))
    assert {value.device.type for value in out["inputs"].values()} == {"cuda"}
