"""MMAction2's inference functions give the scores of tools/test.py, and their page runs."""

import os
import pickle
import re

import mmaction.apis
import numpy as np
import pytest
import torch
from mmaction.apis import (
    ActionRecogInferencer,
    MMAction2Inferencer,
    inference_recognizer,
    init_recognizer,
)
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate

from masa_mm.datasets import SignPoseDataset
from masa_mm.errors import UserError
from masa_mm.evaluation.score_files import load_scores

from toys.paths import ROOT

SIGNS = f"""
_base_ = {str(ROOT / "configs/masa_finetune_demo.py")!r}
model = dict(backbone=dict(init_cfg=None), cls_head=dict(num_classes=4))
val_evaluator = dict(topk=(1,))
test_evaluator = dict(topk=(1,))
"""
FROM_PIXELS = """
to_parts = [dict(type="SelectSignJoints", layout="coco_wholebody"), dict(type="CropSignParts")]
test_pipeline = [*to_parts, *_base_.test_pipeline]
dataset = dict(ann_file="pixels.pkl", layout="coco_wholebody", pipeline=test_pipeline)
test_dataloader = dict(batch_size=3, dataset=dataset)
"""
# RecognizerGCN with MMAction2's packing and collation around the encoder of MASA.
MIXED = f"""
_base_ = {str(ROOT / "configs/mix_masa_encoder_gcnhead_wlasl100.py")!r}
model = dict(
    backbone=dict(embed_dims=16, channels=(8, 8), sub_part_channels=(16,), depth=1, num_heads=2),
    cls_head=dict(in_channels=16),
)
"""
SIZE = (480, 640)
inference_skeleton = getattr(mmaction.apis, "inference_skeleton", None)
since_1_2 = pytest.mark.skipif(
    inference_skeleton is None, reason="inference_skeleton came with mmaction2 1.2"
)
same_scores = torch.testing.assert_close


def checkpoint_of(config, path):
    """Save weights far enough from their start to give clips unlike scores."""
    torch.manual_seed(0)
    model = init_recognizer(config, device="cpu")
    for value in model.state_dict().values():
        if value.dtype.is_floating_point:
            value.add_(0.05 * torch.randn(value.shape))
    os.makedirs(path.parent, exist_ok=True)
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return str(path)


@pytest.fixture
def prepare(call, place, tmp_path):
    """Make config and checkpoint, and the scores of tools/test.py by the names of the clips."""

    def run(text):
        config, dump = tmp_path / "config.py", str(tmp_path / "scores.pkl")
        config.write_text(text)
        checkpoint = checkpoint_of(str(config), tmp_path / "weights.pth")
        assert call("test", str(config), checkpoint, "--dump", dump, "--work-dir", tmp_path) == 0
        scores, _, names = load_scores(dump)
        tested = dict(zip(names, torch.as_tensor(scores, dtype=torch.float32), strict=True))
        assert torch.stack(list(tested.values())).std(0).max() > 1e-3, "clips have unlike scores"
        return str(config), checkpoint, tested

    return run


def whole_body_poses(frames, seed):
    """133 joints in pixels, on a grid that float16 and float32 share, and their scores."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 3, (frames, 133, 2)).cumsum(0)
    keypoint = np.round((rng.uniform(150, 350, (1, 133, 2)) + steps) * 2) / 2
    score = rng.choice([0.25, 0.5, 0.75, 1.0], (frames, 133))
    return keypoint, score


def pose_results(keypoint, score):
    return [
        dict(keypoints=joints[None], keypoint_scores=values[None])
        for joints, values in zip(keypoint, score, strict=True)
    ]


@pytest.mark.parametrize("text", [SIGNS, MIXED], ids=["SignRecognizer", "RecognizerGCN"])
def test_clips_of_a_store(prepare, text):
    config, checkpoint, tested = prepare(text)
    model = init_recognizer(config, checkpoint, device="cpu")
    dataset = Config.fromfile(config).test_dataloader.dataset
    clips = SignPoseDataset(dataset.ann_file, pipeline=[])
    names = [clips[i]["frame_dir"] for i in range(len(clips))]
    expected = torch.stack([tested[name] for name in names])

    single = [inference_recognizer(model, clips[i]).pred_score for i in range(len(clips))]
    same_scores(torch.stack(single), expected, atol=1e-6, rtol=1e-4)

    arguments = dict(device="cpu", input_format="dict")
    annotations = [clips[i] for i in range(len(clips))]
    found = ActionRecogInferencer(config, checkpoint, **arguments)(annotations, batch_size=3)
    scores = [prediction["pred_scores"] for prediction in found["predictions"]]
    same_scores(torch.tensor(scores), expected, atol=1e-6, rtol=1e-4)

    annotations = [clips[i] for i in range(len(clips))]
    found = MMAction2Inferencer(config, checkpoint, **arguments)(annotations)
    scores = [prediction["rec_scores"][0] for prediction in found["predictions"]]
    same_scores(torch.tensor(scores), expected, atol=1e-6, rtol=1e-4)


@since_1_2
def test_poses_in_pixels(prepare, place):
    poses = [whole_body_poses(frames, seed) for seed, frames in enumerate((20, 45, 31, 8))]
    annotations = [
        dict(
            frame_dir=f"clip{seed}",
            total_frames=len(keypoint),
            img_shape=SIZE,
            label=seed,
            keypoint=keypoint[None].astype(np.float32),
            keypoint_score=score[None].astype(np.float32),
        )
        for seed, (keypoint, score) in enumerate(poses)
    ]
    content = dict(
        annotations=annotations,
        split=dict(test=[clip["frame_dir"] for clip in annotations]),
        classes=["a", "b", "c", "d"],
    )
    (place / "pixels.pkl").write_bytes(pickle.dumps(content))
    config, checkpoint, tested = prepare(SIGNS + FROM_PIXELS)
    model = init_recognizer(config, checkpoint, device="cpu")
    expected = list(tested.values())

    for number, pose in enumerate(poses):
        sample = inference_skeleton(model, pose_results(*pose), SIZE)
        same_scores(sample.pred_score, expected[number], atol=1e-4, rtol=1e-3)

    pipeline = Compose(model.cfg.test_pipeline)
    batch = pseudo_collate([pipeline(clip) for clip in annotations])
    with torch.no_grad():
        for sample, scores in zip(model.test_step(batch), expected, strict=True):
            same_scores(sample.pred_score, scores, atol=1e-6, rtol=1e-4)


@since_1_2
def test_unfit_poses_are_refused(tmp_path):
    config = tmp_path / "config.py"
    config.write_text(SIGNS)
    model = init_recognizer(str(config), device="cpu")
    keypoint, score = whole_body_poses(12, 0)
    with pytest.raises(UserError, match="got 133: place SelectSignJoints"):
        inference_skeleton(model, pose_results(keypoint, score), SIZE)
    with pytest.raises(UserError, match=r"in pixels.*CropSignParts"):
        inference_skeleton(model, pose_results(keypoint[:, :49], score[:, :49]), SIZE)
    two = [dict(keypoints=joints[:98].reshape(2, 49, 2) / 500) for joints in keypoint]
    two = [dict(frame, keypoint_scores=np.ones((2, 49))) for frame in two]
    with pytest.raises(UserError, match=r"2 persons.*keep the signer's"):
        inference_skeleton(model, two, SIZE)
    with pytest.raises(UserError, match="it is a video"):
        inference_recognizer(model, str(config))
    pretrained = init_recognizer(str(ROOT / "configs/masa_pretrain_demo.py"), device="cpu")
    clip = dict(keypoint=keypoint[None, :, :49] / 500, keypoint_score=score[None, :, :49])
    with pytest.raises(UserError, match="knows no classes"):
        inference_recognizer(pretrained, clip, Compose(model.cfg.test_pipeline))


@since_1_2
def test_the_page_runs(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "configs/masa_finetune_demo.py"
    config.parent.mkdir()
    config.write_text(SIGNS)
    checkpoint_of(str(config), tmp_path / "work_dirs/quickstart/finetune/epoch_30.pth")
    os.symlink(place / "work_dirs/quickstart/data", "work_dirs/quickstart/data")
    page = (ROOT / "docs/get_started.md").read_text(encoding="utf-8")
    section = page.partition("## With MMAction2's own inference functions")[2].partition("\n## ")[0]
    names = dict(pose_results=pose_results(*whole_body_poses(40, 0)))
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    for block in blocks:
        exec(compile(block, "docs/get_started.md", "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert len(blocks) == 2
    assert any(re.fullmatch(r"\d 0\.\d+", line) for line in lines)
    assert any(re.fullmatch(r"\[\d(, \d){4}\]", line) for line in lines)
    assert len(names["result"]["predictions"]) == 5
