"""Recognition of inputs of any kind, with trained and exported models."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from masa_mm.errors import UserError
from masa_mm.inference.inferencer import SignInferencer, open_model
from masa_mm.inference.inputs import InputReader
from masa_mm.inference.predictions import SignPrediction
from masa_mm.pose.clip_checks import BadClip

from toys import toy_videos
from toys.inference_toys import GLOSSES, clips, exported, save_training

CLIPS = clips(7)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_training(tmp_path_factory.mktemp("training") / "epoch_1.pth")


@pytest.fixture
def inferencer(checkpoint):
    return SignInferencer(checkpoint, device="cpu")


def test_predictions_are_those_of_the_model(inferencer):
    predictions = list(inferencer.predict(CLIPS, top=2, batch_size=3))
    expected = list(open_model(inferencer._where, device="cpu").recognize(CLIPS))
    for prediction, clip, found in zip(predictions, CLIPS, expected, strict=True):
        probabilities = torch.tensor(found.scores).softmax(0)
        best = probabilities.argsort(descending=True)[:2]
        assert prediction.name == clip.name
        assert [each.gloss for each in prediction.glosses] == [GLOSSES[i] for i in best]
        shares = [each.probability for each in prediction.glosses]
        np.testing.assert_allclose(shares, probabilities[best], rtol=1e-5)
        np.testing.assert_allclose(prediction.embedding, found.embedding, atol=1e-5)
    assert len({prediction.glosses[0] for prediction in predictions}) > 1


def test_an_exported_model_says_the_same(inferencer, checkpoint, tmp_path):
    other = SignInferencer(exported(checkpoint, tmp_path / "model.onnx"))
    for first, second in zip(inferencer.predict(CLIPS), other.predict(CLIPS), strict=True):
        assert [each.gloss for each in first.glosses] == [each.gloss for each in second.glosses]
        np.testing.assert_allclose(first.embedding, second.embedding, atol=1e-4)
        assert first.frames_used == second.frames_used <= 8


def test_inputs_are_read_as_they_are_needed(inferencer):
    def generate():
        for clip in CLIPS:
            taken.append(clip.name)
            yield clip

    taken = []
    results = inferencer.predict(generate(), batch_size=2)
    assert taken == []
    next(results)
    assert len(taken) == 2


def test_the_call_of_mmengine(inferencer, tmp_path):
    path = toy_videos.make_video(tmp_path / "a.mp4", 4)
    found = inferencer([str(path), "gone.mp4"], draw=tmp_path / "out", estimator="square", top=1)
    (first, second), (picture,) = found["predictions"], found["visualization"]
    assert (first["clip"], len(first["glosses"]), first["num_frames"]) == (str(path), 1, 4)
    assert second == dict(clip="gone.mp4", error="no such file or folder; give the file again")
    assert picture.read_bytes().startswith(b"GIF89a")
    (prediction,) = inferencer(CLIPS[0], return_datasamples=True)["predictions"]
    assert isinstance(prediction, SignPrediction)


def test_a_clip_of_a_video_is_not_kept_waiting(inferencer, tmp_path):
    videos = [toy_videos.make_video(tmp_path / f"{name}.mp4", 3) for name in "ab"]
    batches = inferencer.preprocess([CLIPS[0], *videos, CLIPS[1]], estimator="square")
    assert [len(batch) for batch in batches] == [2, 1, 1]


def test_pictures_of_clips_of_one_name(inferencer, tmp_path):
    names = ("a/x.mp4", "b/x.mp4", "s.safetensors:c/1")
    named = [clip._replace(name=name) for clip, name in zip(CLIPS, names)]
    paths = [inferencer.draw(each, tmp_path) for each in inferencer.predict(named)]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "x.mp4.gif",
        "x.mp4 (2).gif",
        "1.gif",
    ]


def test_one_clip_that_the_model_refuses(inferencer, monkeypatch):
    def refuse(clips):
        if any(clip.name == CLIPS[1].name for clip in clips):
            raise UserError(f"{CLIPS[1].name}: does not fit; take another")
        yield from recognize(clips)

    recognize = inferencer.model.recognize
    monkeypatch.setattr(inferencer.model, "recognize", refuse)
    results = list(inferencer.predict(CLIPS[:3]))
    assert [isinstance(each, BadClip) for each in results] == [False, True, False]
    assert results[1] == BadClip(CLIPS[1].name, "does not fit", "take another")


def test_models_that_cannot_be_opened(checkpoint, tmp_path):
    (tmp_path / "other.onnx").write_bytes(b"no onnx")
    with pytest.raises(FileNotFoundError, match=r"gone.pth: no such model"):
        SignInferencer("gone.pth")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        SignInferencer(tmp_path)
    with pytest.raises(UserError, match=r"leave .*epoch_1.pth out"):
        SignInferencer(tmp_path / "other.onnx", checkpoint)
    with pytest.raises(UserError, match="runs on the CPU"):
        SignInferencer(tmp_path / "other.onnx", device="cuda:0")
    with pytest.raises(UserError, match="holds no class names"):
        SignInferencer(save_training(tmp_path / "unnamed.pth", classes=None), device="cpu")
    with pytest.raises(UserError, match="holds 2 class names, the head has 5"):
        SignInferencer(save_training(tmp_path / "few.pth", classes=["a", "b"]), device="cpu")


def test_another_number_of_names_than_of_classes(inferencer):
    inferencer.info = replace(inferencer.info, classes=["a"])
    with pytest.raises(UserError, match=r"epoch_1.pth: has 5 classes, but names of 1"):
        list(inferencer.predict(CLIPS[0]))


def test_the_reader_is_closed_after_the_last_clip(inferencer, monkeypatch):
    closed = []
    monkeypatch.setattr(InputReader, "close", lambda self: closed.append(True))
    list(inferencer.predict(CLIPS[:1]))
    assert closed == [True]
