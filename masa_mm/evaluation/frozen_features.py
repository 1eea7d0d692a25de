"""Evaluate a frozen encoder by nearest neighbors and a linear classifier on its features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from masa_mm.datasets import pad_clips
from masa_mm.pose.skeleton import PARTS


class ClipFeatures(NamedTuple):
    """Features [clips, channels] float32 and labels int64 [clips] of a dataset."""

    features: np.ndarray
    labels: np.ndarray


def pool_segments(frames: Tensor, valid: Tensor, num_segments: int) -> Tensor:
    """Average the valid frames of equal segments of each clip.

    Args:
        frames (Tensor): [N, T, C] features.
        valid (Tensor): bool [N, T]. Only the valid frames are divided into segments.
        num_segments (int): Number of segments.

    Returns:
        Tensor: [N, num_segments * C]; 0 for a segment without frames.
    """
    place = valid.cumsum(1) - 1
    segment = place * num_segments // valid.sum(1, keepdim=True).clamp(min=1)
    member = (segment[..., None] == torch.arange(num_segments, device=frames.device)) & valid[
        ..., None
    ]
    weight = member.to(frames.dtype)
    pooled = torch.einsum("nts,ntc->nsc", weight, frames) / weight.sum(1).clamp(min=1)[..., None]
    return pooled.flatten(1)


def clip_loader(dataset: BaseDataset) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield poses [N, M, T, V, 3] and labels [N] of a dataset that packs one view."""
    for batch in DataLoader(dataset, batch_size=128, collate_fn=pad_clips):
        yield batch["inputs"]["keypoint"][:, 0], batch["data_samples"].labels


def calibrate_batch_norm(backbone: nn.Module, dataset: BaseDataset) -> None:
    """Compute the BatchNorm statistics of an untrained network on a dataset.

    With the initial statistics (mean 0, variance 1) a random network is a weaker baseline.
    """
    update_bn((clips for clips, _ in clip_loader(dataset)), backbone)


def raw_pose_features(dataset: BaseDataset, num_segments: int = 8) -> ClipFeatures:
    """Features without a network: each joint averaged over the frames of a segment that show it.

    They are the baseline for a probe. The fractions of frames that show each part are features too.
    The dataset packs one view by ``PackSignInputs``; see :func:`pool_segments` for the segments.
    """

    def encode(clips: Tensor) -> Tensor:
        joints = clips[:, 0]
        shown = (joints[..., 2:] > 0).float()
        frames = torch.cat([joints[..., :2] * shown, shown], -1).flatten(2)
        pooled = pool_segments(frames, shown.any(-1).any(-1), num_segments)
        pooled = pooled.view(len(clips), num_segments, -1, 3)
        share = pooled[..., 2:]
        place = pooled[..., :2] / share.clamp(min=1e-6)
        # One fraction a part: 21 copies for a hand would dominate the features of its joints.
        shares = [share[:, :, part.joints].mean(2) for part in PARTS]
        return torch.cat([place.flatten(1), *(x.flatten(1) for x in shares)], 1)

    return _encode_dataset(dataset, encode)


@torch.inference_mode()
def extract_features(
    backbone: nn.Module, dataset: BaseDataset, num_segments: int = 1
) -> ClipFeatures:
    """Encode a dataset by a frozen backbone and pool each clip over time.

    Args:
        backbone (nn.Module): Maps [N, M, T, V, 3] to [N, M, C, T, P]. It is set to evaluation mode.
        dataset (BaseDataset): A dataset that packs one view by ``PackSignInputs``.
        num_segments (int): See :func:`pool_segments`.

    Returns:
        ClipFeatures: ``num_segments * C * P`` channels a clip.
    """
    backbone.eval()
    device = next((parameter.device for parameter in backbone.parameters()), torch.device("cpu"))

    def encode(clips: Tensor) -> Tensor:
        clips = clips.to(device)
        frames = backbone(clips)[:, 0].permute(0, 2, 1, 3).flatten(2)
        valid = (clips[:, 0, ..., 2] > 0).any(-1)
        return pool_segments(frames, valid, num_segments).float().cpu()

    return _encode_dataset(dataset, encode)


def _encode_dataset(dataset: BaseDataset, encode: Callable[[Tensor], Tensor]) -> ClipFeatures:
    batches = [(encode(clips), labels) for clips, labels in clip_loader(dataset)]
    features, labels = (torch.cat(parts).numpy() for parts in zip(*batches))
    return ClipFeatures(features, labels)


def linear_probe_scores(train: ClipFeatures, test: ClipFeatures) -> np.ndarray:
    """Class probabilities [clips, classes] of test clips by logistic regression.

    The features are standardized. ``train`` has labeled clips of every class.
    """
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return classifier.fit(*train).predict_proba(test.features)


def nearest_neighbour_scores(train: ClipFeatures, test: ClipFeatures, k: int = 5) -> np.ndarray:
    """Class scores [clips, classes] of test clips by their k nearest training clips.

    The features are standardized and the neighbors weighted by cosine similarity. ``train`` has
    labeled clips of every class.
    """
    neighbors = KNeighborsClassifier(
        k, metric="cosine", weights=lambda distance: np.maximum(2 - distance, 1e-6)
    )
    return make_pipeline(StandardScaler(), neighbors).fit(*train).predict_proba(test.features)
