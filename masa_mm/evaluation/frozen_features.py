"""How much a frozen encoder knows: nearest neighbours and a linear classifier on its features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
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
        frames (Tensor): [N, T, C].
        valid (Tensor): bool [N, T]; the valid frames are divided into segments, wherever they lie.
        num_segments (int): Segments, side by side in the result.

    Returns:
        Tensor: [N, num_segments * C]; 0 for a segment that gets no frame.
    """
    place = valid.cumsum(1) - 1
    segment = place * num_segments // valid.sum(1, keepdim=True).clamp(min=1)
    member = (segment[..., None] == torch.arange(num_segments, device=frames.device)) & valid[
        ..., None
    ]
    weight = member.to(frames.dtype)
    pooled = torch.einsum("nts,ntc->nsc", weight, frames) / weight.sum(1).clamp(min=1)[..., None]
    return pooled.flatten(1)


def clip_loader(dataset: BaseDataset, batch_size: int = 128) -> Iterator[tuple[Tensor, Tensor]]:
    """Poses [N, M, T, V, 3] and labels [N] of a dataset that packs clips of one view."""
    for batch in DataLoader(dataset, batch_size, collate_fn=pad_clips):
        yield batch["inputs"]["keypoint"][:, 0], batch["data_samples"].labels


def calibrate_batch_norm(backbone: nn.Module, dataset: BaseDataset) -> None:
    """Give a network that was never trained the BatchNorm statistics of a dataset.

    At mean 0 and variance 1 a random network is a worse baseline than it need be.
    """
    update_bn((clips for clips, _ in clip_loader(dataset)), backbone)


def raw_pose_features(dataset: BaseDataset, num_segments: int = 8) -> ClipFeatures:
    """The poses themselves, each joint averaged over the frames of a segment that show it.

    The row without a network: what a probe must beat. The shares of frames that show each part
    are features too.

    Args:
        dataset (BaseDataset): Packs clips of one view by ``PackSignInputs``.
        num_segments (int): See :func:`pool_segments`.
    """
    features, labels = [], []
    for clips, label in clip_loader(dataset):
        joints = clips[:, 0]
        shown = (joints[..., 2:] > 0).float()
        frames = torch.cat([joints[..., :2] * shown, shown], -1).flatten(2)
        pooled = pool_segments(frames, shown.any(-1).any(-1), num_segments)
        pooled = pooled.view(len(clips), num_segments, -1, 3)
        share = pooled[..., 2:]
        place = pooled[..., :2] / share.clamp(min=1e-6)
        # One share a part: 21 copies of a hand's would drown its joints in the classifier.
        shares = [share[:, :, part.joints].mean(2) for part in PARTS]
        features.append(torch.cat([place.flatten(1), *(x.flatten(1) for x in shares)], 1))
        labels.append(label)
    return ClipFeatures(torch.cat(features).numpy(), torch.cat(labels).numpy())


@torch.inference_mode()
def extract_features(
    backbone: nn.Module, dataset: BaseDataset, num_segments: int = 1
) -> ClipFeatures:
    """Encode a dataset by a frozen backbone and pool each clip over time.

    Args:
        backbone (nn.Module): Maps [N, M, T, V, 3] to [N, M, C, T, P]; set to evaluation mode.
        dataset (BaseDataset): Packs clips of one view by ``PackSignInputs``.
        num_segments (int): See :func:`pool_segments`.

    Returns:
        ClipFeatures: ``num_segments * C * P`` channels a clip.
    """
    backbone.eval()
    device = next((parameter.device for parameter in backbone.parameters()), torch.device("cpu"))
    features, labels = [], []
    for clips, label in clip_loader(dataset):
        clips = clips.to(device)
        frames = backbone(clips)[:, 0].permute(0, 2, 1, 3).flatten(2)
        valid = (clips[:, 0, ..., 2] > 0).any(-1)
        features.append(pool_segments(frames, valid, num_segments).float().cpu())
        labels.append(label)
    return ClipFeatures(torch.cat(features).numpy(), torch.cat(labels).numpy())


def linear_probe_scores(
    train: ClipFeatures, test: ClipFeatures, strength: float = 1.0
) -> np.ndarray:
    """Class probabilities of test clips by logistic regression on standardised features.

    Args:
        train (ClipFeatures): Labelled clips; every class must be among them.
        test (ClipFeatures): Clips to score.
        strength (float): scikit-learn's C, the inverse of the regularisation.

    Returns:
        np.ndarray: [clips, classes], in the order of labels 0, 1, ...
    """
    scaler = StandardScaler().fit(train.features)
    classifier = LogisticRegression(C=strength, max_iter=1000)
    classifier.fit(scaler.transform(train.features), train.labels)
    return classifier.predict_proba(scaler.transform(test.features))


def nearest_neighbour_scores(train: ClipFeatures, test: ClipFeatures, k: int = 5) -> np.ndarray:
    """Class scores of test clips by the vote of their k nearest training clips, weighted by cosine.

    Args:
        train (ClipFeatures): Labelled clips; every class must be among them.
        test (ClipFeatures): Clips to score.
        k (int): Neighbours.

    Returns:
        np.ndarray: [clips, classes], in the order of labels 0, 1, ...
    """
    scaler = StandardScaler().fit(train.features)
    classifier = KNeighborsClassifier(
        k, metric="cosine", weights=lambda distance: np.maximum(2 - distance, 1e-6)
    )
    classifier.fit(scaler.transform(train.features), train.labels)
    return classifier.predict_proba(scaler.transform(test.features))
