"""The kind of an input, of files that their own writers made."""

import json
import pickle

import numpy as np
import pytest

from masa_mm.errors import UserError
from masa_mm.inference.input_kinds import inputs_below, kind_of_file, kind_of_folder

KEYPOINTS = np.zeros((2, 133, 2), np.float32)
SCORES = np.zeros((2, 133), np.float32)


def write(path, content):
    if path.suffix in (".pkl", ".pickle"):
        path.write_bytes(pickle.dumps(content))
    elif path.suffix == ".npz":
        np.savez(path, **content)
    elif path.suffix == ".npy":
        np.save(path, content)
    elif path.suffix == ".json":
        path.write_text(json.dumps(content))
    else:
        path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.MP4", "", "videos"),
        ("a.safetensors", "", "store"),
        ("a.txt", "b.mp4", "list"),
        ("a.csv", "gloss, path\nx,y\n", "list"),
        ("a.csv", "nose_X,nose_Y,labels\n[1],[1],0\n", "spoter"),
        ("a.pose", "", "pose-format"),
        ("a.json", [dict(frame_id=0, instances=[])], "mmpose-json"),
        ("a.json", dict(meta_info={}, instance_info=[]), "mmpose-json"),
        ("a.json", dict(keypoints=[], scores=[]), "rtmlib"),
        ("a.npz", dict(keypoints=KEYPOINTS, scores=SCORES), "rtmlib"),
        ("a.npz", dict(pose=KEYPOINTS, left_hand=KEYPOINTS), "mediapipe-holistic"),
        ("a.npz", dict(left_hand=KEYPOINTS, right_hand=KEYPOINTS), "mediapipe-hands"),
        ("a.npz", dict(keypoint=KEYPOINTS, video_id=SCORES), "wlasl-hands"),
        ("a.npz", dict(video_id=SCORES, pose_visibility=SCORES), "wlasl-upper-body"),
        ("a.npy", np.zeros((4, 75, 4)), "mediapipe-holistic"),
        ("a.npy", np.zeros((4, 2, 21, 3)), "mediapipe-hands"),
        ("a.pkl", dict(annotations=[], split={}), "mmaction"),
        ("a.pkl", [dict(keypoint=KEYPOINTS, keypoint_score=SCORES)], "mmaction"),
        ("a.pkl", dict(keypoints=KEYPOINTS, confidences=SCORES), "openhands"),
        ("a.pickle", dict(keypoints=KEYPOINTS, keypoint_scores=SCORES), "mmpose"),
        ("a.pkl", np.zeros((2, 133, 3)), "mmpose"),
    ],
)
def test_files(tmp_path, name, content, kind):
    assert kind_of_file(write(tmp_path / name, content)) == kind


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", np.zeros((4, 543, 3)), "its kind is not clear; give the source, one of videos"),
        ("a.csv", "id,label\n1,2\n", "its kind is not clear"),
        ("a.xyz", "", "its kind is not clear"),
        ("a.json", dict(people=[], version=1.3), "give the folder of all frames"),
        ("a.npz", b"", "not a complete npz file"),
        ("a.pkl", [], "its kind is not clear"),
    ],
)
def test_unclear_files(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content) if isinstance(content, bytes) else write(path, content)
    with pytest.raises(UserError, match=message):
        kind_of_file(path)


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_of_one_clip(tmp_path):
    touch(tmp_path, "a/x_000_keypoints.json", "b/0.npy", "b/1.npy", "c/1.jpg", "d/1.jpg", "d/a.mp4")
    kinds = [kind_of_folder(tmp_path / name) for name in "abcd"]
    assert kinds == ["openpose", "mediapipe-frames", "videos", None]


def test_inputs_of_a_folder(tmp_path):
    touch(tmp_path, "v/b.mp4", "v/a.webm", "v/list.json", "v/notes.txt", "v/.c.mp4")
    touch(tmp_path, "p/x.pose", "p/readme.md", "p/deep/0.npy", "p/__MACOSX/y.pose", "p/i/1.png")
    found = [path.relative_to(tmp_path).as_posix() for path in inputs_below(tmp_path)]
    assert found == ["p/deep", "p/i", "p/x.pose", "v/a.webm", "v/b.mp4"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: has no input"):
        inputs_below(tmp_path / "empty")
