"""Trained models in torch: a checkpoint, with a config or with the config that it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmaction.models.recognizers import BaseRecognizer
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from masa_mm.compat.config_data import SUFFIXES as DATA_SUFFIXES
from masa_mm.compat.config_data import literal_config
from masa_mm.datasets.collate import pad_clips
from masa_mm.datasets.transforms.layout import CropSignParts
from masa_mm.datasets.transforms.sampling import KeepHandFrames, SampleSignFrames
from masa_mm.engine.checkpoint_io import CheckpointMismatchError, describe_mismatch
from masa_mm.errors import UserError
from masa_mm.inference.calibration_file import load_calibration
from masa_mm.inference.clips import PoseClip, Recognition
from masa_mm.inference.model_info import ModelInfo
from masa_mm.models.heads.masa_head import MASAHead
from masa_mm.models.layers.pooling import average_frames
from masa_mm.pose.crop import crop_parts

CONFIG_SUFFIXES = (".py", *DATA_SUFFIXES)
_BATCH = 32
# Pretraining tests nothing, so its config does not say how clips are prepared for the encoder.
ENCODER_PIPELINE = (
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=32, mode="uniform", jitter=False),
    dict(type="PackSignInputs"),
)


def _average_features(features: Tensor, keypoint: Tensor) -> Tensor:
    """Average an encoder's features [N, M, C, T, P] over the frames that show a joint: [N, P * C].

    Exported encoders do the same (:class:`~masa_mm.inference.landmark_network.LandmarkNetwork`).
    """
    frames = features.permute(0, 1, 3, 4, 2).flatten(3)
    shown = (keypoint[..., 2] > 0).any(-1)
    average = average_frames(frames.flatten(0, 1), shown.flatten(0, 1))
    return average.unflatten(0, features.shape[:2]).mean(1)


class Training(NamedTuple):
    """What a training left: the config, and the checkpoint's content.

    Attributes:
        cfg (Config): The config.
        weights (dict): Tensors by name.
        meta (dict): The checkpoint's ``meta``.
        where (str): The checkpoint's file, which errors name.
    """

    cfg: Config
    weights: dict[str, Tensor]
    meta: dict[str, Any]
    where: str


class TrainedModel:
    """A trained model in torch.

    Args:
        model (str | os.PathLike): A config, or a checkpoint of a training, which holds its config.
        weights (str | os.PathLike, optional): The checkpoint of a config.
        device (str, optional): Such as 'cuda:0'. Defaults to the CPU.

    Attributes:
        info (ModelInfo): Classes and calibration. The layout is 'sign49'.
        network (BaseRecognizer): The model in evaluation mode.
        transforms (list): The transforms of the test pipeline.
        pipeline (Compose): All of them.

    Raises:
        FileNotFoundError: If a file is missing.
        UserError: If config and checkpoint do not fit, or one of them cannot be read.
    """

    def __init__(
        self,
        model: str | os.PathLike,
        weights: str | os.PathLike | None = None,
        device: str | None = None,
    ) -> None:
        training = read_training(model, weights)
        self.network = build_network(training).to(device or "cpu")
        self.device = device or "cpu"
        self.transforms = build_test_transforms(training.cfg, training.where)
        self.pipeline = Compose(self.transforms)
        self._crops = any(isinstance(each, CropSignParts) for each in self.transforms)
        lengths = [e.clip_len for e in self.transforms if isinstance(e, SampleSignFrames)]
        classes = training.meta.get("dataset_meta") or {}
        calibration, measured = load_calibration(training.where, self.classifier_weights)
        self.info = ModelInfo(
            classes=_class_names(classes, self.network, training.where),
            clip_len=lengths[-1] if lengths else 0,
            hand_frames_only=any(isinstance(each, KeepHandFrames) for each in self.transforms),
            calibration=calibration,
            card=_model_card(training, measured),
        )

    @property
    def classifier_weights(self) -> dict[str, Tensor]:
        """Weights of the head, none of a model without one."""
        return self.network.cls_head.state_dict() if self.network.with_cls_head else {}

    def recognize(self, clips: Sequence[PoseClip]) -> Iterator[Recognition]:
        """Recognise clips in batches.

        Raises:
            UserError: If a clip does not fit its layout.
        """
        for start in range(0, len(clips), _BATCH):
            yield from self._recognize_batch(clips[start : start + _BATCH])

    def _recognize_batch(self, clips: Sequence[PoseClip]) -> Iterator[Recognition]:
        return self.recognize_samples([self.prepare(clip) for clip in clips])

    def prepare(self, clip: PoseClip) -> dict:
        """Apply the test pipeline to a clip."""
        return self.pipeline(self._annotation(clip))

    def recognize_samples(self, samples: Sequence[dict]) -> Iterator[Recognition]:
        """Recognise clips that the pipeline has prepared, as one batch."""
        batch = self.network.data_preprocessor(pad_clips(samples), False)
        with torch.inference_mode():
            scores, embedding = self._forward(batch["inputs"])
        for index in range(len(samples)):
            yield Recognition(None if scores is None else scores[index], embedding[index])

    def _forward(self, inputs: Tensor | dict) -> tuple[np.ndarray | None, np.ndarray]:
        """Scores [N, classes] and embeddings [N, D], averaged over the views of a clip."""
        num_views = (inputs["keypoint"] if isinstance(inputs, dict) else inputs).shape[1]
        features, valid = self.network.extract_feat(inputs)
        head = self.network.cls_head if self.network.with_cls_head else None
        if isinstance(head, MASAHead):
            embedding = head.pool(features, **valid)
            scores: Tensor | None = head.fc(embedding)
        elif head is None:
            keypoint = inputs["keypoint"] if isinstance(inputs, dict) else inputs
            embedding, scores = _average_features(features, keypoint.flatten(0, 1)), None
        else:
            embedding, scores = features.mean((1, 3, 4)), head(features, **valid)
        average = (
            None if each is None else each.unflatten(0, (-1, num_views)).mean(1).cpu().numpy()
            for each in (scores, embedding)
        )
        return tuple(average)  # type: ignore[return-value]

    def _annotation(self, clip: PoseClip) -> dict:
        """Make MMAction2's annotation of a clip; one without frames gets a blank one."""
        clip = clip.in_layout("sign49")
        landmarks = clip.landmarks if len(clip.landmarks) else np.zeros((1, 49, 3), np.float32)
        present = (landmarks[..., 2] > 0) & np.isfinite(landmarks).all(-1)
        landmarks = np.where(present[..., None], landmarks, 0)
        keypoint, score = landmarks[..., :2], landmarks[..., 2]
        annotation: dict[str, Any] = dict(frame_dir=clip.name, total_frames=len(landmarks))
        if clip.image_size is not None:
            img_shape = clip.image_size[::-1]
            annotation.update(img_shape=img_shape)
            if not self._crops:
                keypoint, score = crop_parts(keypoint, score, img_shape)
        if clip.image_size is None or not self._crops:
            annotation.update(img_shape=(1, 1), normalization="part_crop")
        return dict(
            annotation, keypoint=keypoint[None], keypoint_score=score[None], layout="sign49"
        )


def read_training(model: str | os.PathLike, weights: str | os.PathLike | None = None) -> Training:
    """Read a config and a checkpoint, or a checkpoint alone.

    Raises:
        FileNotFoundError: If a file is missing.
        UserError: If one cannot be read, or a config has no checkpoint.
    """
    model = Path(model)
    is_config = model.suffix in CONFIG_SUFFIXES
    if is_config and weights is None:
        raise UserError(f"{model}: is a config; give the checkpoint of its training too")
    if not is_config and weights is not None:
        raise UserError(f"{model}: is no config, so {weights} cannot be its checkpoint")
    where = str(weights if is_config else model)
    checkpoint = CheckpointLoader.load_checkpoint(where, map_location="cpu", logger="silent")
    state = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(f"{where}: holds no 'state_dict'; give a checkpoint of tools/train.py")
    meta = checkpoint.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    if is_config:
        cfg = Config.fromfile(model)
    else:
        cfg = _recorded_config(meta, where)
    return Training(cfg, state, meta, where)


def _recorded_config(meta: dict, where: str) -> Config:
    text = meta.get("cfg")
    if not isinstance(text, str):
        raise UserError(f"{where}: holds no config; give the config and the checkpoint")
    return Config(literal_config(text, f"{where}: its config"))


def build_network(training: Training) -> BaseRecognizer:
    """Build the model of a training with its weights, in evaluation mode.

    Raises:
        CheckpointMismatchError: If the weights do not fit the config.
    """
    init_default_scope("mmaction")
    if "model" not in training.cfg:
        raise UserError(f"{training.where}: its config has no model")
    network = MODELS.build(training.cfg.model)
    weights = {name.removeprefix("module."): w for name, w in training.weights.items()}
    mismatch = describe_mismatch(weights, network.state_dict())
    if mismatch:
        raise CheckpointMismatchError(
            f"{training.where}: does not fit the config's {type(network).__name__}: {mismatch}. "
            "Use the config it was trained with"
        )
    network.load_state_dict(weights)
    return network.eval()


def build_test_transforms(cfg: Config, where: str) -> list:
    """Build the transforms of the test pipeline, for an encoder :data:`ENCODER_PIPELINE` if none.

    Raises:
        UserError: If the config has no test pipeline.
    """
    for name in ("test_dataloader", "val_dataloader"):
        dataset = (cfg.get(name) or {}).get("dataset") or {}
        if dataset.get("pipeline"):
            return Compose(list(dataset["pipeline"])).transforms
    if cfg.get("test_pipeline"):
        return Compose(list(cfg.test_pipeline)).transforms
    if "cls_head" not in cfg.model:
        return Compose(list(ENCODER_PIPELINE)).transforms
    raise UserError(
        f"{where}: its config has no test_dataloader, whose pipeline prepares the clips"
    )


def _class_names(dataset_meta: Any, network: BaseRecognizer, where: str) -> list[str]:
    """Return the names of the classes, none for a model without a classifier.

    Raises:
        UserError: If the checkpoint holds none, or another number of them.
    """
    if not network.with_cls_head:
        return []
    num_classes = network.cls_head.num_classes
    names = dataset_meta.get("classes") if isinstance(dataset_meta, dict) else None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise UserError(
            f"{where}: holds no class names; train on a store or list with glosses, or give "
            "classes=[...]"
        )
    if len(names) < num_classes:
        raise UserError(f"{where}: holds {len(names)} class names, the head has {num_classes}")
    return list(names[:num_classes])


def _model_card(training: Training, measured: dict[str, Any]) -> dict[str, Any]:
    """What is known of a model: its training clips and what the validation measured."""
    coverage = training.meta.get("coverage")
    card: dict[str, Any] = dict(config=Path(training.cfg.filename or "").name)
    if isinstance(coverage, str) and coverage:
        card["trained_on"] = " ".join(coverage.split())
    return card | (dict(validation=measured) if measured else {})
