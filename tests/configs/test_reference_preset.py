"""The reference preset as a whole: scheduled as the authors' release runs, and it trains.

Its data is tested in tests/datasets/transforms/test_reference_preset.py, its model in tests/models.
"""

import pickle

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

from masa_mm.datasets.collate import pad_clips

from toys.paths import ROOT


@pytest.fixture(scope="module")
def reference():
    cfg = Config.fromfile(ROOT / "configs/masa_pretrain_reference_wlasl.py")
    init_default_scope(cfg.default_scope)
    return cfg


def test_warms_up_from_0_and_halves_four_times(reference):
    """Its drops really fall 20 epochs after those it names: at 120, 220, 320 and 370."""
    optimizer = build_optim_wrapper(torch.nn.Linear(2, 2), reference.optim_wrapper).optimizer
    schedulers = [
        PARAM_SCHEDULERS.build(dict(config, optimizer=optimizer))
        for config in reference.param_scheduler
    ]
    found = []
    for _ in range(reference.train_cfg.max_epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    epoch = np.arange(400)
    drops = sum((epoch >= drop).astype(int) for drop in (120, 220, 320, 370))
    expected = 1e-4 * np.minimum(epoch / 20, 1) * 0.5**drops
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_everything_decays(reference):
    """Weights, biases, norms and single tokens alike, by 0.03."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    model.mask_token = torch.nn.Parameter(torch.zeros(4))
    optimizer = build_optim_wrapper(model, reference.optim_wrapper).optimizer
    assert type(optimizer) is torch.optim.AdamW
    decay = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(decay) == 5 and set(decay.values()) == {0.03}


def test_momentum_and_bank(reference):
    assert reference.model.momentum == 0.999
    assert reference.model.alignment.queue_len == 6912


def test_trains_on_the_joints_in_pixels_of_train_and_val(reference):
    """Its boxes have a margin in pixels, so they are made in the pipeline."""
    files = reference.train_dataloader.dataset.ann_file
    assert all(file.endswith(".pkl") for file in files)
    assert [file.rsplit("_", 1)[1] for file in files] == ["train.pkl", "val.pkl"]
    kinds = [step["type"] for step in reference.train_dataloader.dataset.pipeline]
    assert kinds[:3] == ["SelectSignJoints", "ReferenceCropSignParts", "KeepHandFrames"]


# ---- the whole of it -----------------------------------------------------------------------------


def whole_body_pickle(path, prefix, clips=2):
    """MMAction2's annotations of 133 joints in pixels, whose hands move and leave the image."""
    rng = np.random.default_rng(len(prefix))
    annotations = []
    for i in range(clips):
        frames = 12 + 5 * i
        keypoint = rng.uniform(0, 1, (1, 1, 133, 2)) * [640, 480]
        for start, center in ((91, (600, 240)), (112, (40, 240))):
            place = np.array(center) + rng.normal(0, 6, (1, frames, 1, 2)).cumsum(1)
            hand = place + rng.uniform(-30, 30, (1, 1, 21, 2))
            keypoint = np.broadcast_to(keypoint, (1, frames, 133, 2)).copy()
            keypoint[:, :, start : start + 21] = hand
        annotations.append(
            dict(
                frame_dir=f"{prefix}{i}",
                total_frames=frames,
                img_shape=(480, 640),
                label=i,
                keypoint=keypoint.astype(np.float32),
                keypoint_score=rng.uniform(0.3, 1, (1, frames, 133)).astype(np.float32),
            )
        )
    split = {prefix: [a["frame_dir"] for a in annotations]}
    path.write_bytes(pickle.dumps(dict(annotations=annotations, split=split)))


def test_from_pickles_in_pixels_to_gradients(reference, tmp_path):
    for split in ("train", "val"):
        whole_body_pickle(tmp_path / f"{split}.pkl", split)
    data = dict(reference.train_dataloader.dataset)
    data["ann_file"] = [str(tmp_path / "train.pkl"), str(tmp_path / "val.pkl")]
    dataset = DATASETS.build(data)
    np.random.seed(0)
    batch = pad_clips([dataset[i] for i in range(len(dataset))])
    inputs, samples = batch["inputs"], batch["data_samples"]
    assert len(samples) == 4 and tuple(inputs["keypoint"].shape) == (4, 1, 1, 128, 49, 3)
    assert tuple(inputs["motion_weight"].shape) == (4, 128, 49, 1, 2)
    assert tuple(inputs["key_frame_mask"].shape) == (4, 128, 3)
    for mask in (inputs["frame_mask"], inputs["key_frame_mask"]):
        assert mask.any() and (mask[..., 0] != mask[..., 1]).any()

    config = reference.model.copy()
    config.backbone.update(
        embed_dims=16,
        channels=(8, 8),
        sub_part_channels=(16,),
        temporal_branch_channels=16,
        num_heads=4,
        feedforward_channels=32,
    )
    config.decoder.update(
        in_channels=48, num_heads=4, feedforward_channels=32, predictor_channels=16
    )
    config.alignment.update(in_channels=48, hidden_channels=16)
    torch.manual_seed(0)
    model = MODELS.build(config).train()
    model.update_key_encoder()
    losses = model(inputs, samples, mode="loss")
    total, logged = model.parse_losses(losses)
    total.backward()
    assert all(torch.isfinite(value) for value in logged.values())
    assert logged["loss_motion"] > 0
    # Right, left and body: 10 sums of absolute errors over (masked frames x joints + 1).
    model.eval()
    predicted = torch.zeros_like(inputs["motion"])
    found = model.forward_motion_loss(inputs, predicted)["loss_motion"]
    expected = 0.0
    for part, joints in enumerate((range(21), range(21, 42), range(42, 49))):
        masked = inputs["frame_mask"][..., part]
        error = sum(
            float((inputs["motion"] * inputs["motion_weight"])[masked][:, j].abs().sum())
            for j in joints
        )
        expected += 10 * error / (int(masked.sum()) * len(joints) + 1)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_its_encoder_meets_clips_of_one_length():
    """It attends to padding: how far a clip is padded must not hang on its batch."""
    cfg = Config.fromfile(ROOT / "configs/masa_finetune_reference_wlasl100.py")
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        pipeline = Compose([TRANSFORMS.build(step) for step in loader.dataset.pipeline])
        clip = dict(
            keypoint=np.full((1, 5, 49, 2), 0.5, np.float32),
            keypoint_score=np.ones((1, 5, 49), np.float32),
        )
        clip["keypoint_score"][:, 1, :42] = 0
        inputs = pipeline(clip)["inputs"]
        # Frame 1 shows no hand and is left out.
        assert inputs["frame_inds"].tolist() == [0, 2, 3, 4] + [-1] * 28
