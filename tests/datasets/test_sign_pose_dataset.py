"""SignPoseDataset: clips of stores and pickles in MMAction2's keys, and what it refuses."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from mmaction.registry import DATASETS
from mmengine.dataset import ClassBalancedDataset, ConcatDataset
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader

import masa_mm  # noqa: F401
from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.datasets.sign_pose_dataset import SignPoseDataset
from masa_mm.errors import UserError
from masa_mm.pose.files import SourceError
from masa_mm.pose.safe_pickle import UnsafePickleError
from masa_mm.pose.store_format import BadClipsError, PoseStoreError

from toys.pose_toys import GLOSSES, annotations, arrays, make_store


def make_pickle(path, content):
    Path(path).write_bytes(pickle.dumps(content))
    return str(path)


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path / "train.safetensors", signer=[5, 6, 5, -1])


# ---- stores ------------------------------------------------------------------------------------


def test_clips_have_mmaction2s_keys(store):
    dataset = DATASETS.build(dict(type="SignPoseDataset", ann_file=store, pipeline=[]))
    clips = arrays()
    assert len(dataset) == 4 and dataset.num_classes == 3
    assert dataset.metainfo["classes"] == GLOSSES
    start = 0
    for i, frames in enumerate(clips["num_frames"]):
        info = dataset[i]
        keypoint = clips["keypoint"][start : start + frames]
        np.testing.assert_array_equal(info.pop("keypoint")[0], keypoint.astype(np.float16))
        assert info.pop("keypoint_score").shape == (1, frames, 49)
        assert info == dict(
            frame_dir=f"clip{i}",
            total_frames=frames,
            label=i % 3,
            gloss=GLOSSES[i % 3],
            clip_id=dataset._poses[0].clip_id[i],
            signer=[5, 6, 5, -1][i],
            layout="sign49",
            normalization="part_crop",
            img_shape=(1, 1),
            modality="Pose",
            start_index=0,
            sample_idx=i,
        )
        start += frames
    assert dataset[-1]["frame_dir"] == "clip3" and dataset[-1]["sample_idx"] == 3
    with pytest.raises(IndexError, match="the dataset has 4"):
        dataset.get_data_info(4)


def test_several_stores_are_one_dataset(tmp_path, store):
    more = make_store(tmp_path / "val.safetensors", ids=list("abcd"), split="val")
    dataset = SignPoseDataset([store, more], [], split="trainval")
    assert [dataset[i]["frame_dir"] for i in (3, 4)] == ["clip3", "a"]
    assert dataset.labels.tolist() == [0, 1, 2, 0] * 2
    assert dataset.num_frames.tolist() == [4, 1, 7, 3] * 2


def test_indices_subsets_and_wrappers_of_mmengine_work(store):
    assert [c["frame_dir"] for c in SignPoseDataset(store, [], indices=2)] == ["clip0", "clip1"]
    dataset = SignPoseDataset(store, [], indices=[3, 1], lazy_init=True)
    assert dataset.labels.tolist() == [0, 1] and dataset[0]["frame_dir"] == "clip3"
    assert dataset.num_frames.tolist() == [3, 1]
    assert SignPoseDataset(store, []).get_subset([2])[0]["frame_dir"] == "clip2"
    assert len(ConcatDataset([SignPoseDataset(store, []), SignPoseDataset(store, [])])) == 8
    # Class 0 has two of the four clips, classes 1 and 2 one each: those are repeated.
    assert len(ClassBalancedDataset(SignPoseDataset(store, []), oversample_thr=0.5)) == 6


def test_data_root_is_put_before_relative_files(tmp_path, store):
    dataset = SignPoseDataset("train.safetensors", [], data_root=str(tmp_path))
    assert dataset.files == [store]
    assert SignPoseDataset(store, [], data_root="/elsewhere").files == [store]


def as_they_are(clips):
    return clips


def test_workers_read_the_same_clips(store):
    dataset = SignPoseDataset(store, [])
    loader = DataLoader(dataset, num_workers=2, collate_fn=as_they_are)
    same_clips([clip for batch in loader for clip in batch], dataset)


def test_what_goes_to_a_worker_is_small_and_joints_stay_in_the_mapped_file(tmp_path):
    clips = arrays([400] * 10)
    dataset = SignPoseDataset(make_store(tmp_path / "a.safetensors", **clips), [])
    assert os.path.getsize(tmp_path / "a.safetensors") > 1_000_000
    data = pickle.dumps(dataset)
    assert len(data) < 20_000
    same_clips(pickle.loads(data), dataset)


def same_clips(got, dataset):
    assert [clip["frame_dir"] for clip in got] == [clip["frame_dir"] for clip in dataset]
    for clip, own in zip(got, dataset):
        np.testing.assert_array_equal(clip["keypoint"], own["keypoint"])


def test_unlabelled_clips_have_label_minus_one(tmp_path):
    path = make_store(tmp_path / "a.safetensors", label=None, glosses=())
    info = SignPoseDataset(path, [])[0]
    assert info["label"] == -1 and info["gloss"] == ""


# ---- clips left out ----------------------------------------------------------------------------


def test_listed_clips_are_left_out(tmp_path, store):
    (tmp_path / "exclude_val.txt").write_text("clip3\n\nelsewhere\nclip1\r\n", newline="")
    dataset = SignPoseDataset(
        "train.safetensors", [], exclude="exclude_val.txt", data_root=tmp_path
    )
    assert [clip["frame_dir"] for clip in dataset] == ["clip0", "clip2"]
    assert dataset.labels.tolist() == [0, 2] and dataset.num_classes == 3


@pytest.mark.parametrize(
    ("listed", "error", "said"),
    [
        (b"other\n", DatasetError, "lists none of the clips; its first is 'other', theirs is 'c"),
        (b"clip0\nclip1\nclip2\nclip3", DatasetError, "has no clip in"),
        (b"PK\3\4", SourceError, "a zip archive"),
        (None, FileNotFoundError, "no such file"),
    ],
)
def test_lists_that_cannot_be_meant_are_refused(tmp_path, store, listed, error, said):
    path = tmp_path / "list.txt"
    if listed is not None:
        path.write_bytes(listed)
    with pytest.raises(error, match=said):
        SignPoseDataset(store, [], exclude=str(path))


# ---- few labels --------------------------------------------------------------------------------


def test_label_ratio_of_a_dataset(tmp_path):
    clips = arrays([1] * 60)
    path = make_store(tmp_path / "a.safetensors", **clips)
    draws = {
        tuple(SignPoseDataset(path, [], label_ratio=0.1, label_seed=seed).data_list.tolist())
        for seed in (0, 0, 1)
    }
    assert len(draws) == 2 and all(len(draw) == 6 for draw in draws)
    with pytest.raises(UserError, match="label_ratio"):
        SignPoseDataset(path, [], label_ratio=1.5)


# ---- pickles -----------------------------------------------------------------------------------


def test_pickles_keep_pixels_and_their_own_joints(tmp_path):
    clips = annotations()
    path = make_pickle(tmp_path / "a.pkl", clips)
    dataset = SignPoseDataset(path, [])
    info = dataset[2]
    np.testing.assert_array_equal(info["keypoint"], clips[2]["keypoint"])
    assert info["layout"] == "coco_wholebody" and info["img_shape"] == (480, 640)
    assert info["total_frames"] == 4 and info["label"] == 2 and info["signer"] == -1
    info["keypoint"][:] = 0
    np.testing.assert_array_equal(dataset[2]["keypoint"], clips[2]["keypoint"])


def test_pickles_become_part_coordinates_in_the_pipeline(tmp_path):
    path = make_pickle(tmp_path / "a.pkl", annotations())
    assert SignPoseDataset(path, []).num_frames.tolist() == [2, 3, 4]
    pipeline = [dict(type="SelectSignJoints"), dict(type="CropSignParts")]
    with DefaultScope.overwrite_default_scope("mmaction"):
        info = SignPoseDataset(path, pipeline)[1]
    assert info["keypoint"].shape == (1, 3, 49, 2)
    assert (info["keypoint"] >= -1e-5).all() and (info["keypoint"] <= 1 + 1e-5).all()


def test_splits_of_a_pickle_share_the_class_list(tmp_path):
    clips = annotations(6)
    for clip in clips:
        clip["gloss"] = GLOSSES[clip["label"]]
    split = dict(train=["clip0", "clip4"], val=["clip1"])
    path = make_pickle(tmp_path / "a.pkl", dict(split=split, annotations=clips))
    train, val = (SignPoseDataset(path, [], split=name) for name in ("train", "val"))
    assert [clip["frame_dir"] for clip in train] == ["clip0", "clip4"] and len(val) == 1
    assert train.metainfo["classes"] == val.metainfo["classes"] == GLOSSES
    assert val[0]["gloss"] == "drink"
    with pytest.raises(SourceError, match="no split 'test'; it has train, val"):
        SignPoseDataset(path, [], split="test")


def spoil(clip, **changes):
    clip.update(changes)
    return {key: value for key, value in clip.items() if value is not None}


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(keypoint=None), "no keypoint"),
        (dict(keypoint=np.full((1, 3, 133, 2), np.nan)), "NaN or infinite"),
        (dict(keypoint_score=np.zeros((1, 3, 133))), "no visible hand"),
        (dict(keypoint=np.zeros((2, 3, 133, 2))), "2 persons"),
        (dict(keypoint=np.zeros((1, 3, 17, 2))), "layout 'coco_wholebody'"),
        (dict(total_frames=7), "total_frames 7"),
        (
            dict(
                total_frames=0,
                keypoint=np.zeros((1, 0, 133, 2)),
                keypoint_score=np.zeros((1, 0, 133)),
            ),
            "no frames",
        ),
        (dict(keypoint=[1, 2]), "no arrays of numbers"),
        (dict(img_shape=(0, 640)), "img_shape"),
        (dict(img_shape="big"), "img_shape"),
        (dict(label=-2), "outside the class list"),
        (dict(label=10**12), "outside the class list"),
        (dict(label=[1, 2]), "give an integer"),
        (dict(label=2**63), "give an integer of at most 64 bits"),
        (dict(signer=-(2**63) - 1), "give an integer of at most 64 bits"),
        (dict(layout="body_25"), "layout is 'body_25'"),
        (dict(frame_dir="clip0"), "same id"),
    ],
)
def test_a_bad_annotation_is_named(tmp_path, changes, message):
    clips = annotations()
    clips[1] = spoil(clips[1], **changes)
    path = make_pickle(tmp_path / "a.pkl", clips)
    with pytest.raises(BadClipsError, match=message) as caught:
        SignPoseDataset(path, [])
    name = changes.get("frame_dir", "clip1")
    assert str(caught.value).startswith(f"{path}: clip '{name}'")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("content", [[], dict(split={}), [1, 2], "text", dict(annotations={})])
def test_pickles_of_other_things_are_refused(tmp_path, content):
    with pytest.raises(SourceError):
        SignPoseDataset(make_pickle(tmp_path / "a.pkl", content), [])


def test_a_malicious_pickle_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "victim"),)

    with pytest.raises(UnsafePickleError):
        SignPoseDataset(make_pickle(tmp_path / "a.pkl", [Evil()]), [])
    assert not (tmp_path / "victim").exists()


# ---- refusals ----------------------------------------------------------------------------------


def one_line(call, kind, match):
    with pytest.raises(kind, match=match) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_what_does_not_fit_is_refused_in_one_line(tmp_path, store):
    one_line(
        lambda: SignPoseDataset("missing.safetensors", []), FileNotFoundError, "no such pose store"
    )
    one_line(lambda: SignPoseDataset("missing.pkl", []), FileNotFoundError, "no such file")
    one_line(lambda: SignPoseDataset("clips.json", []), DatasetError, "neither a pose store")
    one_line(lambda: SignPoseDataset([], []), DatasetError, "names no file")
    one_line(lambda: SignPoseDataset(store, [], split="test"), DatasetError, "holds split 'train'")
    one_line(lambda: SignPoseDataset(store, [], subset=100), DatasetError, "no subset 100")
    one_line(
        lambda: SignPoseDataset(store, [], num_classes=2),
        DatasetError,
        "clip 'clip2' has label 2, outside the class list of 2",
    )
    one_line(
        lambda: SignPoseDataset(store, [], metainfo=dict(classes=["book"])),
        DatasetError,
        "outside the class list of 1",
    )
    one_line(lambda: SignPoseDataset([store, store], []), DatasetError, "also in")
    other = make_store(tmp_path / "b.safetensors", ids=list("abcd"), glosses=GLOSSES[::-1])
    one_line(lambda: SignPoseDataset([store, other], []), DatasetError, "class list is not that")
    nameless = make_store(tmp_path / "c.safetensors", split="")
    one_line(lambda: SignPoseDataset(nameless, [], split="val"), DatasetError, "without a name")
    Path(store).write_bytes(Path(store).read_bytes()[:-9])
    one_line(lambda: SignPoseDataset(store, []), PoseStoreError, "not a complete safetensors file")
