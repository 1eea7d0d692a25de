"""Trained models in torch against the dense form, and their errors."""

import numpy as np
import pytest
import torch

from masa_mm.errors import UserError
from masa_mm.inference.clips import PoseClip
from masa_mm.inference.landmark_network import LandmarkNetwork
from masa_mm.inference.trained_model import TrainedModel

from toys.sign_models import landmarks
from toys.trained_signs import CLASSES, write_training

SIZE = (640, 480)


def test_clips_in_batches_equal_the_dense_form(tmp_path):
    model = TrainedModel(*write_training(tmp_path))
    network = LandmarkNetwork(model.network, model.transforms)
    clips = [PoseClip(str(n), landmarks(n, seed=n), SIZE) for n in range(40)]
    for clip, found in zip(clips, model.recognize(clips), strict=True):
        size = torch.tensor(SIZE, dtype=torch.float32)
        scores, embedding = network(torch.from_numpy(clip.landmarks), size)
        np.testing.assert_allclose(found.scores, scores, atol=1e-5)
        np.testing.assert_allclose(found.embedding, embedding, atol=1e-5)


def test_the_description_is_that_of_the_checkpoint(tmp_path):
    info = TrainedModel(*write_training(tmp_path)).info
    assert (list(info.classes), info.clip_len, info.layout) == (list(CLASSES), 8, "sign49")
    assert info.card["trained_on"] == "toys: 12 of 12 clips"


def test_errors_name_file_and_remedy(tmp_path):
    config, checkpoint = write_training(tmp_path)
    with pytest.raises(UserError, match="give the checkpoint"):
        TrainedModel(config)
    with pytest.raises(UserError, match="is no config"):
        TrainedModel(checkpoint, checkpoint)
    with pytest.raises(UserError, match="holds no config"):
        TrainedModel(checkpoint)
    with pytest.raises(UserError, match="2 class names, the head has 3"):
        TrainedModel(*write_training(tmp_path, classes=("a", "b")))
