"""SignDataPreprocessor: what it makes of a batch, whoever collated it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.structures import ActionDataSample
from mmengine.dataset import pseudo_collate

from masa_mm.datasets.collate import pad_clips
from masa_mm.errors import UserError
from masa_mm.models import SignDataPreprocessor


def packed_clip(frames, seed=0, views=1, masked=False):
    """What PackSignInputs gives."""
    rng = np.random.default_rng(seed)
    inputs = dict(
        keypoint=rng.random((views, 1, frames, 49, 3), np.float32),
        frame_inds=np.tile(np.arange(frames), views),
    )
    if masked:
        inputs["motion"] = rng.random((frames, 49, 1, 2), np.float32)
        inputs["frame_mask"] = rng.random((frames, 3)) < 0.5
    meta = dict(frame_dir=f"clip{seed}", total_frames=frames)
    return dict(inputs=inputs, label=seed, clip_id=seed + 10, meta=meta)


def assert_same(found, expected):
    torch.testing.assert_close(found["inputs"], expected["inputs"], rtol=0, atol=0)
    for name in ("labels", "clip_ids"):
        assert getattr(found["data_samples"], name).equal(getattr(expected["data_samples"], name))
    assert found["data_samples"].metas == expected["data_samples"].metas


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    views=st.integers(1, 3),
    masked=st.booleans(),
)
def test_clips_of_pseudo_collate_and_lists_equal_those_of_pad_clips(lengths, views, masked):
    views = 1 if masked else views
    clips = [packed_clip(frames, i, views, masked) for i, frames in enumerate(lengths)]
    preprocess = SignDataPreprocessor()
    expected = preprocess(pad_clips(clips))
    assert isinstance(expected["inputs"], dict) == masked
    assert_same(preprocess(pseudo_collate(clips)), expected)
    assert_same(preprocess(clips), expected)
    assert_same(preprocess(clips[0]), preprocess(pad_clips(clips[:1])))


def test_takes_what_pack_action_inputs_gives():
    """As 'inputs' [clips, persons, frames, joints, 3] and a sample, labelled or not."""
    clips = [packed_clip(frames, seed) for seed, frames in enumerate((9, 6))]
    samples = [ActionDataSample(metainfo=clip["meta"]) for clip in clips]
    samples[1].set_gt_label(1)
    others = [
        dict(inputs=torch.from_numpy(clip["inputs"]["keypoint"]), data_samples=sample)
        for clip, sample in zip(clips, samples, strict=True)
    ]
    expected = SignDataPreprocessor()(pad_clips(clips))
    for data in (pseudo_collate(others), others):
        found = SignDataPreprocessor()(data)
        assert found["inputs"].equal(expected["inputs"])
        assert found["data_samples"].labels.tolist() == [-1, 1]
        assert [sample.frame_dir for sample in found["data_samples"]] == ["clip0", "clip1"]


def test_predicts_and_trains_as_with_pad_clips(make_recognizer):
    """To rounding: clips alone are not padded."""
    model = make_recognizer().eval()
    clips = [packed_clip(frames, seed) for seed, frames in enumerate((9, 4, 6))]
    with torch.no_grad():
        together = model.test_step(pad_clips(clips))
        lists = model.test_step(pseudo_collate(clips))
        alone = [model.test_step(pseudo_collate([clip]))[0] for clip in clips]
    for found, expected, single in zip(lists, together, alone, strict=True):
        assert found.pred_score.equal(expected.pred_score)
        assert found.frame_dir == expected.frame_dir
        torch.testing.assert_close(single.pred_score, expected.pred_score, atol=1e-6, rtol=1e-5)
    losses = [
        model(**model.data_preprocessor(batch, True), mode="loss")["loss_cls"]
        for batch in (pad_clips(clips), pseudo_collate(clips))
    ]
    assert losses[0].equal(losses[1])


def test_says_that_a_pipeline_does_not_pack():
    clip = dict(keypoint=np.zeros((1, 4, 49, 2)), label=1)
    with pytest.raises(UserError, match=r"'keypoint'.*no 'inputs': end the pipeline with PackSign"):
        SignDataPreprocessor()(pseudo_collate([clip]))


def test_clips_of_other_pipelines_do_not_stack():
    with pytest.raises(UserError, match="all clips of a batch need one pipeline"):
        SignDataPreprocessor()([packed_clip(4), packed_clip(4, 1, masked=True)])


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
