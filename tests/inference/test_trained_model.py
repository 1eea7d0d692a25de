"""Trained models: a checkpoint alone, or a config and its checkpoint."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose

from masa_mm.datasets.collate import pad_clips
from masa_mm.errors import UserError
from masa_mm.inference.clips import PoseClip
from masa_mm.inference.landmark_network import LandmarkNetwork
from masa_mm.inference.trained_model import TrainedModel
from masa_mm.pose.crop import crop_parts

from toys.inference_toys import GLOSSES, clips, save_training
from toys.sign_models import ENCODER, PIPELINE, landmarks, recogniser
from toys.trained_signs import CLASSES, write_training

CLIPS = clips(4)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_training(tmp_path_factory.mktemp("training") / "epoch_1.pth")


def changed(checkpoint, path, **changes):
    """Save a checkpoint with changed content."""
    content = torch.load(checkpoint, weights_only=False)
    torch.save(content | changes, path)
    return path


def stacked(model, given):
    found = list(model.recognize(given))
    return np.stack([each.scores for each in found]), np.stack([each.embedding for each in found])


def test_scores_are_those_of_the_network_on_part_coordinates(checkpoint):
    model = TrainedModel(checkpoint)
    assert list(model.info.classes) == GLOSSES
    assert model.info.clip_len == 8 and model.info.hand_frames_only
    parts = []
    for clip in CLIPS:
        keypoint, score = clip.landmarks[..., :2], clip.landmarks[..., 2]
        keypoint, score = crop_parts(keypoint, score, (480, 640))
        parts.append(PoseClip(clip.name, np.dstack([keypoint, score[..., None]]), None))
    whole = stacked(model, CLIPS)
    for first, second in zip(whole, stacked(model, parts)):
        np.testing.assert_allclose(first, second, atol=1e-5)
    for index, part in enumerate(parts):
        annotation = dict(
            keypoint=part.landmarks[None, ..., :2],
            keypoint_score=part.landmarks[None, ..., 2],
            total_frames=len(part.landmarks),
            normalization="part_crop",
            img_shape=(1, 1),
        )
        network = recogniser()
        sample = Compose([dict(each) for each in PIPELINE])(annotation)
        batch = network.data_preprocessor(pad_clips([sample]), False)
        with torch.no_grad():
            features, valid = network.extract_feat(batch["inputs"])
            expected = network.cls_head(features, **valid)[0]
        np.testing.assert_allclose(whole[0][index], expected, atol=1e-5)


def test_a_config_and_its_checkpoint(checkpoint, tmp_path):
    meta = torch.load(checkpoint, weights_only=False)["meta"]
    config = tmp_path / "config.py"
    config.write_text(meta["cfg"])
    for first, second in zip(
        stacked(TrainedModel(checkpoint), CLIPS), stacked(TrainedModel(config, checkpoint), CLIPS)
    ):
        np.testing.assert_array_equal(first, second)
    with pytest.raises(UserError, match="is a config; give the checkpoint"):
        TrainedModel(config)
    with pytest.raises(UserError, match="is no config"):
        TrainedModel(checkpoint, checkpoint)


def test_clips_without_frames_or_hands(checkpoint):
    empty = PoseClip("empty", np.zeros((0, 49, 3), np.float32), (640, 480))
    blank = PoseClip("blank", np.full((5, 49, 3), np.nan, np.float32), (640, 480))
    scores, embedding = stacked(TrainedModel(checkpoint), [empty, blank])
    assert np.isfinite(scores).all() and np.isfinite(embedding).all()
    np.testing.assert_array_equal(scores[0], scores[1])


def test_an_encoder_gives_the_embedding_of_the_exported_one(checkpoint, tmp_path):
    """Average over the frames with joints, whatever else is in the batch."""
    config = Config(dict(model=dict(type="SignRecognizer", backbone=dict(ENCODER), cls_head=None)))
    config.test_pipeline = [dict(each) for each in PIPELINE]
    weights = torch.load(checkpoint, weights_only=False)["state_dict"]
    weights = {name: value for name, value in weights.items() if name.startswith("backbone.")}
    path = tmp_path / "encoder.pth"
    torch.save(dict(state_dict=weights, meta=dict(cfg=config.pretty_text)), path)
    model = TrainedModel(path)
    short = PoseClip("short", landmarks(3, seed=9, hands=1.0, blank=0.0), (640, 480))
    gaps = PoseClip("gaps", landmarks(20, seed=8), (640, 480))
    given = [*CLIPS, short, gaps]
    dense = LandmarkNetwork(model.network, model.transforms)
    for clip, found in zip(given, model.recognize(given), strict=True):
        (expected,) = dense(torch.from_numpy(clip.landmarks), torch.tensor([640.0, 480.0]))
        assert found.scores is None and not model.info.classes
        np.testing.assert_allclose(found.embedding, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(state_dict=None), "holds no 'state_dict'"),
        (dict(meta={}), "holds no config; give the config and the checkpoint"),
        (dict(meta=dict(cfg="import os")), "its config"),
        (dict(meta=dict(cfg="x = 1")), "its config has no model"),
        (dict(state_dict={}), "does not fit the config's SignRecognizer"),
    ],
)
def test_checkpoints_that_cannot_be_used(checkpoint, tmp_path, changes, message):
    with pytest.raises(UserError, match=rf"changed\.pth: .*{message}"):
        TrainedModel(changed(checkpoint, tmp_path / "changed.pth", **changes))


def test_nothing_in_a_recorded_config_is_executed(checkpoint, tmp_path):
    text = f"open({str(tmp_path / 'made')!r}, 'w')\nmodel = dict(type='SignRecognizer')\n"
    with pytest.raises(UserError, match="its config"):
        TrainedModel(changed(checkpoint, tmp_path / "changed.pth", meta=dict(cfg=text)))
    assert not (tmp_path / "made").exists()


def test_the_description_is_that_of_the_checkpoint(tmp_path):
    info = TrainedModel(*write_training(tmp_path)).info
    assert (list(info.classes), info.clip_len, info.layout) == (list(CLASSES), 8, "sign49")
    assert info.card["trained_on"] == "toys: 12 of 12 clips"


def test_fewer_names_than_classes_are_refused(tmp_path):
    with pytest.raises(UserError, match="2 class names, the head has 3"):
        TrainedModel(*write_training(tmp_path, classes=("a", "b")))
