"""Small smooth clips, and stores of them, for the tests of the audit."""

from __future__ import annotations

import numpy as np

from masa_mm.pose.store_writer import write_store
from masa_mm.preparation.audit import open_clips

GLOSSES = ["book", "drink", "computer"]


def smooth_clip(seed, frames=30, seen=slice(None)):
    """Hands and a body that move smoothly; float32 [T, 49, 2] and scores [T, 49]."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, frames)[:, None, None]
    speed, phase = rng.uniform(1, 5, (2, 49, 2))
    keypoint = 0.5 + 0.2 * np.sin(speed * time + phase) + 0.1 * rng.uniform(-1, 1, (49, 2))
    score = np.zeros((frames, 49))
    score[seen] = 0.9
    return np.where(score[..., None] > 0, keypoint, 0).astype(np.float32), score.astype(np.float32)


def faster(clip, frames):
    """The same motion in another number of frames."""
    keypoint, score = clip
    old, new = np.linspace(0, 1, len(keypoint)), np.linspace(0, 1, frames)
    flat = keypoint.reshape(len(keypoint), -1)
    read = np.stack([np.interp(new, old, column) for column in flat.T], 1)
    return read.reshape(frames, 49, 2).astype(np.float32), score[:1].repeat(frames, 0)


def framed(clip, scale, shift):
    """The same signer elsewhere in the image; hand crops stay as they are."""
    keypoint = clip[0].copy()
    keypoint[:, 42:] = keypoint[:, 42:] * scale + shift
    return keypoint, clip[1]


def padded(clip, before, after):
    """The same clip between frames without hands, the body resting in them."""
    keypoint, score = (
        np.concatenate([array[:1].repeat(before, 0), array, array[-1:].repeat(after, 0)])
        for array in clip
    )
    for rest in (slice(0, before), slice(len(keypoint) - after, None)):
        keypoint[rest, :42], score[rest, :42] = 0, 0
    return keypoint, score


def write(path, clips, labels=None, signers=None, ids=None, glosses=GLOSSES, **kwargs):
    """A float32 store of (keypoint, score) clips."""
    keypoint, score = (np.concatenate(arrays) for arrays in zip(*clips))
    options = dict(source="toy", split=path.stem, glosses=glosses, dtype="float32") | kwargs
    write_store(
        path,
        keypoint,
        score,
        [len(clip[0]) for clip in clips],
        ids or [f"{path.stem}{number}" for number in range(len(clips))],
        label=np.arange(len(clips)) % len(glosses) if labels is None else np.array(labels),
        signer=None if signers is None else np.array(signers),
        **options,
    )
    return path


def clips_of(folder, *stores):
    """Open clips of stores 'train', 'val', 'test' given as dicts of :func:`write`'s arguments."""
    names = ("train", "val", "test")
    paths = [write(folder / f"{name}.safetensors", **store) for name, store in zip(names, stores)]
    return open_clips(paths)
