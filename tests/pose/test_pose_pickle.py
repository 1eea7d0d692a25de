"""MMAction2's pose pickles: written, read back and used as clips; what is wrong is named.

Faults of single annotations: tests/datasets/test_sign_pose_dataset.py and tests/sources/.
"""

import pickle

import numpy as np
import pytest

from masa_mm.errors import UserError
from masa_mm.pose.files import SourceError
from masa_mm.pose.pose_pickle import (
    PosePickle,
    PosePickleWriter,
    annotation_problem,
    read_annotations,
    store_to_pickle,
)
from masa_mm.pose.store import BadClipsError, PoseStore

from toys.pose_toys import GLOSSES, annotations, make_store


def dumped(path, content):
    path.write_bytes(pickle.dumps(content))
    return path


def test_written_clips_are_read_back(tmp_path):
    path = tmp_path / "a.pkl"
    writer = PosePickleWriter(path, "toy", "val", GLOSSES)
    rng = np.random.default_rng(0)
    keypoint, score = rng.uniform(1, 400, (5, 49, 2)), rng.uniform(0.5, 1, (5, 49))
    writer.add("a", keypoint, score, (480, 640), label=1, signer=3, note="kept")
    writer.add("b", keypoint, score, (1.0, 1.5), original_shape=np.array([480, 720]))
    writer.close()
    read = read_annotations(path, "val")
    assert (read.glosses, read.source, read.cropped) == (GLOSSES, "toy", False)
    first, second = read.clips
    assert (first["gloss"], first["signer"], first["note"]) == ("drink", 3, "kept")
    assert second["img_shape"] == (1, 1.5) and second["original_shape"] == (480, 720)
    clips = PosePickle(path, split="val")
    assert clips.ids == ["a", "b"] and clips.label.tolist() == [1, -1]
    info = clips.info(0)
    np.testing.assert_array_equal(info["keypoint"][0], keypoint.astype(np.float32))
    assert (info["layout"], info["gloss"], info["total_frames"]) == ("sign49", "drink", 5)
    with pytest.raises(UserError, match=r"must end in \.pkl"):
        PosePickleWriter(tmp_path / "a.pickle", "toy")


def test_a_stores_pickle_has_the_stores_clips(tmp_path):
    store = PoseStore(make_store(tmp_path / "a.safetensors", dtype="float32"))
    assert store_to_pickle(store, tmp_path / "a.pkl") == len(store)
    clips = PosePickle(tmp_path / "a.pkl", split="train")
    assert clips.num_frames.tolist() == store.num_frames.tolist()
    for index in range(len(store)):
        want, info = store.info(index), clips.info(index)
        for key, value in want.items():
            np.testing.assert_array_equal(info[key], value)


@pytest.mark.parametrize(
    ("content", "split", "problem"),
    [
        (dict(annotations=3), None, "no list of annotations"),
        ([], None, "list of annotations is empty"),
        (dict(annotations=annotations(), split=dict(train=[])), "val", "no split 'val'; it has t"),
        (dict(annotations=annotations(), split=dict(val=["x"])), "val", "no annotations of its"),
        ([*annotations(1), dict(annotations(1)[0], normalization="part_crop")], None, "two files"),
    ],
)
def test_other_pickles_are_refused(tmp_path, content, split, problem):
    path = dumped(tmp_path / "a.pkl", content)
    with pytest.raises(SourceError, match=problem) as caught:
        read_annotations(path, split)
    assert str(path) in str(caught.value)


def test_class_names_come_from_the_glosses_else_from_the_labels(tmp_path):
    clips = [dict(clip, label=label) for clip, label in zip(annotations(), (0, 3, 10**7))]
    clips[1]["gloss"] = "book"
    path = dumped(tmp_path / "a.pkl", clips)
    assert read_annotations(path).glosses == ["0", "1", "2", "book"]


def test_bad_clips_are_named_with_their_remedy(tmp_path):
    clips = annotations()
    clips[1]["keypoint"] = clips[1]["keypoint"][:, :, :9]
    clips[2]["keypoint"][0, 0, 0] = np.nan
    bad = annotation_problem(clips[1], "coco_wholebody")
    assert annotation_problem(clips[0], "coco_wholebody") is None
    assert bad.id == "clip1" and "keypoint is [1, 3, 9, 2]" in bad.problem
    with pytest.raises(BadClipsError, match="clip1"):
        PosePickle(dumped(tmp_path / "a.pkl", clips))
    with pytest.raises(BadClipsError, match=r"clip2.*NaN"):
        PosePickle(dumped(tmp_path / "b.pkl", [clips[0], clips[2]]))
