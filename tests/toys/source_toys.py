"""Synthetic clips in the layouts of estimators, and the command that converts them."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path

import numpy as np

from masa_mm.pose.crop import crop_parts, rescale_scores
from masa_mm.pose.skeleton import source_layout
from masa_mm.pose.store import PoseStore

from toys.paths import ROOT

SIZE = (480, 640)  # (h, w)

_spec = importlib.util.spec_from_file_location("convert_tool", ROOT / "tools/data/convert.py")
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)


def pose(frames=5, seed=0, size=SIZE):
    """The 49 joints in pixels [T, 49, 2] and scores [T, 49]; one frame lacks the left hand."""
    rng = np.random.default_rng(seed)
    centers = np.array([[0.3, 0.6], [0.7, 0.6], [0.5, 0.4]]).repeat([21, 21, 7], axis=0)
    way = rng.normal(0, 0.005, (frames, 1, 2)).cumsum(0)
    keypoint = (
        centers + way + rng.uniform(-0.1, 0.1, (49, 2)) + rng.normal(0, 0.003, (frames, 49, 2))
    )
    score = rng.uniform(0.5, 1, (frames, 49))
    score[frames // 2, 21:42] = 0
    keypoint[score == 0] = 0
    return (keypoint * size[::-1]).astype(np.float32), score.astype(np.float32)


def in_layout(keypoint, score, layout):
    """Put the 49 joints into a layout [T, V, 2], [T, V]; its other joints are noise."""
    layout = source_layout(layout)
    frames = len(keypoint)
    rng = np.random.default_rng(9)
    out = rng.uniform(0, 300, (frames, layout.num_joints, 2)).astype(np.float32)
    out_score = np.ones((frames, layout.num_joints), np.float32)
    for joint, place in enumerate(layout.indices):
        if place >= 0:
            out[:, place], out_score[:, place] = keypoint[:, joint], score[:, joint]
    return out, out_score


def annotation(layout="sign49", frames=5, seed=0):
    """MMAction2's pose annotation of a clip."""
    keypoint, score = in_layout(*pose(frames, seed), layout)
    return dict(
        frame_dir=f"clip{seed}",
        total_frames=frames,
        img_shape=SIZE,
        label=-1,
        keypoint=keypoint[None],
        keypoint_score=score[None],
    )


def convert(source, given, out, *options):
    """Run the command; return its exit code."""
    return tool.main([source, str(given), str(out), *map(str, options)])


def converted(source, given, folder, *options):
    """Return the float32 store that the command makes."""
    out = Path(folder) / "out.safetensors"
    assert convert(source, given, out, "--dtype", "float32", *options) == 0
    return PoseStore(out)


def refusal(capsys, source, given, folder, *options):
    """Return the one line by which the command refuses; nothing is left behind."""
    out = Path(folder) / "made" / "out.safetensors"
    capsys.readouterr()
    assert convert(source, given, out, *options) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert not list(out.parent.glob("*"))
    return lines[0]


def same_clip(store, name, keypoint, score, size=SIZE, tolerance=2e-6, min_score=0.4):
    """Assert that a store's clip is the crop of these joints."""
    got, got_score = store.clip(store.ids.index(name))
    want, want_score = crop_parts(keypoint, rescale_scores(score, min_score), size)
    np.testing.assert_allclose(got, want, atol=tolerance, rtol=tolerance)
    np.testing.assert_allclose(got_score, want_score, atol=1e-6)


def left_behind(folder):
    """Names of the files in a folder, class lists aside."""
    return sorted(p.name for p in folder.iterdir() if p.suffix != ".txt")


def dump(path, content):
    """Pickle the content; return the path."""
    path.write_bytes(pickle.dumps(content))
    return path


class Evil:
    """Would create a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)
