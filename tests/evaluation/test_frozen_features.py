"""Frozen features: pooling against loops, probes on data whose answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import Dataset

from masa_mm.evaluation.frozen_features import (
    ClipFeatures,
    calibrate_batch_norm,
    extract_features,
    linear_probe_scores,
    nearest_neighbour_scores,
    pool_segments,
    raw_pose_features,
)


class Clips(Dataset):
    """Packed clips of random poses; clip i has label i % 3."""

    def __init__(self, clips):
        self.clips = clips

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, index):
        clip = self.clips[index]
        inputs = dict(keypoint=clip[None, None], frame_inds=np.arange(len(clip)))
        return dict(inputs=inputs, label=index % 3, clip_id=index, meta={})


def make_clips(seed=0, count=6):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 9, count)
    clips = [rng.random((length, 49, 3), dtype=np.float32) for length in lengths]
    for clip in clips:
        clip[..., 2] = rng.random((len(clip), 49)) > 0.4
    return clips


def pool_by_loop(frames, valid, num_segments):
    out = np.zeros((len(frames), num_segments, frames.shape[-1]))
    for n in range(len(frames)):
        kept = [frames[n, t] for t in range(len(valid[n])) if valid[n, t]]
        for segment in range(num_segments):
            members = [
                frame for i, frame in enumerate(kept) if i * num_segments // len(kept) == segment
            ]
            if members:
                out[n, segment] = np.mean(members, 0)
    return out.reshape(len(frames), -1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 4))
def test_pool_segments_equals_a_loop(seed, num_frames, num_segments):
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(3, num_frames, 5))
    valid = rng.random((3, num_frames)) > 0.4
    pooled = pool_segments(torch.tensor(frames), torch.tensor(valid), num_segments)
    np.testing.assert_allclose(pooled, pool_by_loop(frames, valid, num_segments), atol=1e-12)


def test_raw_poses_average_each_joint_where_it_is_seen():
    clips = make_clips()
    features, labels = raw_pose_features(Clips(clips), num_segments=1)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert features.shape == (6, 49 * 2 + 3)
    for clip, feature in zip(clips, features, strict=True):
        shown = clip[..., 2] > 0
        for joint in range(49):
            seen = clip[shown[:, joint], joint, :2]
            expected = seen.mean(0) if len(seen) else np.zeros(2)
            np.testing.assert_allclose(feature[2 * joint : 2 * joint + 2], expected, atol=1e-5)
        frames = shown.any(1)
        np.testing.assert_allclose(feature[-3], shown[frames, :21].mean(), atol=1e-5)


class Double(nn.Module):
    """A backbone whose features are known: twice the joints."""

    def forward(self, x):
        return 2 * x.permute(0, 1, 4, 2, 3)


def test_extract_features_does_not_depend_on_batch_mates():
    clips = make_clips()
    together = extract_features(Double(), Clips(clips), num_segments=2).features
    alone = [extract_features(Double(), Clips([clip]), num_segments=2).features for clip in clips]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-6)


def test_calibration_gives_the_statistics_of_the_data():
    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x):
            return self.norm(x.flatten(0, 3))

    clips = [clip[:3] for clip in make_clips()]
    backbone = Norm()
    calibrate_batch_norm(backbone, Clips(clips))
    np.testing.assert_allclose(backbone.norm.running_mean, np.mean(clips, (0, 1, 2)), rtol=1e-4)


@pytest.mark.parametrize("score", [linear_probe_scores, nearest_neighbour_scores])
def test_probes_find_what_is_there_and_nothing_else(score):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 4
    centres = rng.normal(size=(4, 8)) * 4
    clear = ClipFeatures(centres[labels] + rng.normal(size=(60, 8)), labels)
    test = ClipFeatures(centres[labels] + rng.normal(size=(60, 8)), labels)
    scores = score(clear, test)
    assert scores.shape == (60, 4)
    assert (scores.argmax(1) == labels).mean() > 0.95
    noise = ClipFeatures(rng.normal(size=(60, 8)), labels)
    assert (score(noise, test).argmax(1) == labels).mean() < 0.6
