"""A checkpoint of a small network with its config, its export, and clips for it."""

import pytest
import torch
from mmengine.config import Config

from masa_mm.inference.clips import PoseClip
from masa_mm.inference.inferencer import open_model

from toys.sign_models import ENCODER, PIPELINE, landmarks, recogniser

GLOSSES = ["hello", "thanks", "é", "no", "yes"]
SIZE = (640, 480)


def clips(count):
    """Clips with hands, in pixels."""
    return [
        PoseClip(f"clip {seed}", landmarks(12 + seed, seed, hands=1.0, blank=0.0), SIZE)
        for seed in range(count)
    ]


def save_training(path, classes=GLOSSES, seed=0):
    """Save what a training saves: weights, config and, unless None, class names; return path."""
    head = dict(type="MASAHead", num_classes=5, in_channels=8, pooling="average")
    config = Config(
        dict(
            model=dict(type="SignRecognizer", backbone=dict(ENCODER), cls_head=head),
            test_pipeline=[dict(each) for each in PIPELINE],
        )
    )
    meta = dict(cfg=config.pretty_text)
    if classes is not None:
        meta["dataset_meta"] = dict(classes=list(classes))
    torch.save(dict(state_dict=recogniser(seed=seed).state_dict(), meta=meta), path)
    return path


def exported(checkpoint, path):
    """Export a checkpoint, or skip the test if that cannot be; return path."""
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module, reason="the extra 'export' is not installed")
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        pytest.skip("exporting needs torch 2.6")
    from masa_mm.inference.export import export_onnx
    from masa_mm.inference.landmark_network import LandmarkNetwork

    model = open_model(checkpoint, device="cpu")
    export_onnx(LandmarkNetwork(model.network, model.transforms), path, model.info)
    return path
