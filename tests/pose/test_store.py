"""Pose stores: what goes in comes out, and nothing broken goes in, comes out or is left behind.

Covers also masa_mm.pose.store_writer.
"""

import copy
import json
import os
import pickle
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from masa_mm.pose.store import PoseStore
from masa_mm.pose.store_format import FORMAT, BadClipsError, PoseStoreError, clip_hash
from masa_mm.pose.store_writer import PoseStoreWriter, write_store

from toys.pose_toys import GLOSSES, arrays, make_store


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.sampled_from(["float16", "float32"]),
    st.integers(0, 99),
)
def test_what_goes_in_comes_out(tmp_path_factory, num_frames, dtype, seed):
    path = tmp_path_factory.mktemp("store") / "a.safetensors"
    clips = arrays(num_frames, seed)
    report = write_store(
        path, **clips, signer=np.arange(len(num_frames)), source="toy", glosses=GLOSSES, dtype=dtype
    )
    assert report == (len(num_frames), sum(num_frames), (), ())
    store = PoseStore(path)
    assert len(store) == len(num_frames) and store.num_frames.tolist() == num_frames
    start = 0
    for i, frames in enumerate(num_frames):
        keypoint, score = store.clip(i)
        assert keypoint.dtype == dtype
        stop = start + frames
        np.testing.assert_array_equal(keypoint, clips["keypoint"][start:stop].astype(dtype))
        np.testing.assert_array_equal(score, clips["keypoint_score"][start:stop].astype(dtype))
        info = store.info(i)
        assert info["keypoint"].shape == (1, frames, 49, 2)
        assert info["keypoint"].dtype == info["keypoint_score"].dtype == np.float32
        assert info["label"] == clips["label"][i] and info["gloss"] == GLOSSES[info["label"]]
        assert info["frame_dir"] == f"clip{i}" and info["signer"] == i
        start = stop
    store.check()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_clips_one_by_one_make_the_bytes_of_all_at_once(tmp_path, dtype):
    clips = arrays((4, 1, 7, 3))
    together = make_store(tmp_path / "together.safetensors", dtype=dtype)
    bounds = np.cumsum([0, 4, 1, 7, 3])
    with PoseStoreWriter(
        tmp_path / "one.safetensors", source="toy", split="train", glosses=GLOSSES, dtype=dtype
    ) as writer:
        for i, (start, stop) in enumerate(pairwise(bounds)):
            frames = slice(start, stop)
            writer.add(
                f"clip{i}",
                clips["keypoint"][frames],
                clips["keypoint_score"][frames],
                label=clips["label"][i],
            )
    assert (tmp_path / "one.safetensors").read_bytes() == Path(together).read_bytes()


def test_a_name_taken_by_an_earlier_block_is_refused(tmp_path):
    clips = arrays((4, 1))
    writer = PoseStoreWriter(tmp_path / "a.safetensors", source="toy", glosses=GLOSSES)
    assert writer.add_clips(**clips).all() and not writer.add_clips(**clips).any()
    with pytest.raises(BadClipsError, match="same id") as caught:
        writer.close()
    assert [clip.id for clip in caught.value.bad] == ["clip0", "clip1"]
    assert not list(tmp_path.iterdir())


def test_a_clip_is_read_only_and_its_info_is_not(tmp_path):
    store = PoseStore(make_store(tmp_path / "a.safetensors", dtype="float32"))
    keypoint, _ = store.clip(1)
    assert not keypoint.flags.writeable
    info = store.info(1)
    info["keypoint"][:] = 7
    assert (store.clip(1)[0] != 7).all()


def test_a_store_is_pickled_as_its_path(tmp_path):
    store = PoseStore(make_store(tmp_path / "a.safetensors"))
    data = pickle.dumps(store)
    assert len(data) < 500
    np.testing.assert_array_equal(pickle.loads(data).clip(2)[0], store.clip(2)[0])
    assert copy.deepcopy(store) is store


def test_the_same_clips_make_the_same_bytes(tmp_path):
    paths = [make_store(tmp_path / f"{name}.safetensors") for name in "ab"]
    first, second = (Path(path).read_bytes() for path in paths)
    assert first == second


def test_clip_ids_are_stable_and_tell_sources_apart(tmp_path):
    # Written down once: bank and caches rely on it from run to run.
    assert clip_hash("wlasl_hands", "00336") == 3148809931986146078
    assert clip_hash("a", "clip0") != clip_hash("b", "clip0")
    store = PoseStore(make_store(tmp_path / "a.safetensors"))
    assert store.clip_id.tolist() == [clip_hash("toy", name) for name in store.ids]


def test_unlabelled_stores_are_allowed(tmp_path):
    path = make_store(tmp_path / "a.safetensors", label=None, glosses=())
    info = PoseStore(path).info(0)
    assert info["label"] == -1 and info["gloss"] == ""


def test_image_sizes_are_kept(tmp_path):
    sizes = [[480, 640]] * 4
    store = PoseStore(make_store(tmp_path / "a.safetensors", img_shape=sizes))
    assert store.img_shape.tolist() == sizes
    assert store.info(0)["img_shape"] == (1, 1)


def test_no_clip_beyond_the_last(tmp_path):
    store = PoseStore(make_store(tmp_path / "a.safetensors"))
    for index in (4, -1):
        with pytest.raises(IndexError, match="it has 4"):
            store.clip(index)


# ---- bad clips ---------------------------------------------------------------------------------


def spoil(problem):
    """Arrays whose clip 1 (frame 4, the only one) has a problem."""
    clips = dict(arrays(), glosses=GLOSSES)
    if problem == "NaN":
        clips["keypoint"][4, 3, 0] = np.nan
    elif problem == "infinite score":
        clips["keypoint_score"][4, 3] = np.inf
    elif problem == "float16 overflow":
        clips["keypoint"][4, 3, 0] = 1e6
    elif problem == "no hand":
        clips["keypoint_score"][4, :42] = 0
    elif problem == "negative score":
        clips["keypoint_score"][4, 45] = -1
    elif problem == "pixels":
        clips["keypoint"][4, 45], clips["keypoint_score"][4, 45] = 200, 1
    elif problem == "label":
        clips["label"][1] = len(GLOSSES)
    elif problem == "label below":
        clips["label"][1] = -2
    elif problem == "repeated":
        clips["ids"][1] = clips["ids"][0]
    elif problem == "empty":
        clips["num_frames"] = np.array([5, 0, 7, 3])
    return clips


PROBLEMS = {
    "NaN": "NaN or infinite",
    "infinite score": "NaN or infinite",
    "float16 overflow": "NaN or infinite",
    "no hand": "no visible hand",
    "negative score": "below 0",
    "pixels": "crop_parts",
    "label": "outside the class list of 3",
    "label below": "outside the class list of 3",
    "repeated": "same id",
    "empty": "no frames",
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_bad_clip_is_named_with_its_remedy_and_nothing_is_written(tmp_path, problem):
    path = tmp_path / "a.safetensors"
    clips = spoil(problem)
    with pytest.raises(BadClipsError, match=PROBLEMS[problem]) as caught:
        write_store(path, **clips, source="toy")
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(str(path)) and f"clip '{clips['ids'][1]}'" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("problem", PROBLEMS)
def test_skipping_leaves_out_the_bad_clip_alone(tmp_path, problem):
    path = tmp_path / "a.safetensors"
    clips = spoil(problem)
    report = write_store(path, **clips, source="toy", skip_bad=True)
    assert report.num_clips == 3 and [bad.id for bad in report.skipped] == [clips["ids"][1]]
    store = PoseStore(path)
    assert store.ids == ["clip0", "clip2", "clip3"] and store.num_frames.tolist()[1:] == [7, 3]
    np.testing.assert_array_equal(store.clip(2)[0], clips["keypoint"][-3:].astype(np.float16))
    store.check()


def test_all_bad_clips_are_listed_a_line_each(tmp_path):
    clips = spoil("NaN")
    clips["label"][3] = 9
    with pytest.raises(BadClipsError) as caught:
        write_store(tmp_path / "a.safetensors", **clips, source="toy")
    assert [bad.id for bad in caught.value.bad] == ["clip1", "clip3"]
    assert len(str(caught.value).splitlines()) == 2
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_store_of_bad_clips_only_is_not_written(tmp_path):
    clips = arrays((2,))
    clips["keypoint"][:] = np.nan
    with pytest.raises(BadClipsError):
        write_store(tmp_path / "a.safetensors", **clips, source="toy", skip_bad=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        dict(keypoint=np.zeros((15, 48, 2))),
        dict(keypoint_score=np.zeros((14, 49))),
        dict(num_frames=np.array([4, 1, 7])),
        dict(num_frames=np.array([4, 1, 7, 4])),
        dict(num_frames=np.array([4, -1, 9, 3])),
        dict(label=np.array([0.5, 1, 2, 0])),
        dict(dtype="int8"),
        dict(ids=[], num_frames=np.zeros(0, int), label=np.zeros(0, int)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changes):
    with pytest.raises(PoseStoreError) as caught:
        make_store(tmp_path / "a.safetensors", **changes)
    assert len(str(caught.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_named_as_one(tmp_path):
    with pytest.raises(PoseStoreError, match=r"must end in \.safetensors"):
        make_store(tmp_path / "a.npz")


# ---- writing clip by clip ----------------------------------------------------------------------


def test_clips_added_one_by_one_are_those_written_at_once(tmp_path):
    whole, single = tmp_path / "whole.safetensors", tmp_path / "single.safetensors"
    clips = arrays()
    make_store(whole, signer=[3, 3, 1, 2], img_shape=[[480, 640]] * 4)
    starts = np.concatenate([[0], clips["num_frames"].cumsum()])
    with PoseStoreWriter(single, source="toy", split="train", glosses=GLOSSES) as writer:
        for i, name in enumerate(clips["ids"]):
            frames = slice(starts[i], starts[i + 1])
            writer.add(
                name,
                clips["keypoint"][frames],
                clips["keypoint_score"][frames],
                label=clips["label"][i],
                signer=[3, 3, 1, 2][i],
                img_shape=(480, 640),
            )
    assert writer.report.num_clips == 4
    assert whole.read_bytes() == single.read_bytes()


def test_a_failed_block_leaves_the_old_store(tmp_path):
    path = tmp_path / "a.safetensors"
    before = Path(make_store(path)).read_bytes()
    with pytest.raises(RuntimeError), PoseStoreWriter(path, source="toy") as writer:
        writer.add("x", np.full((2, 49, 2), 0.5), np.ones((2, 49)))
        raise RuntimeError("interrupted")
    with pytest.raises(BadClipsError), PoseStoreWriter(path, source="toy") as writer:
        writer.add("x", np.full((2, 49, 2), np.nan), np.ones((2, 49)))
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    assert path.read_bytes() == before


def test_a_clip_of_another_shape_is_named(tmp_path):
    writer = PoseStoreWriter(tmp_path / "a.safetensors", source="toy")
    with pytest.raises(PoseStoreError, match=r"clip 'x'.*sign49"):
        writer.add("x", np.zeros((2, 133, 2)), np.zeros((2, 133)))
    with pytest.raises(PoseStoreError, match="no clips"):
        writer.close()


# ---- bad files ---------------------------------------------------------------------------------


def rewrite(path, metadata=None, **tensors):
    """Change a store's metadata (None removes a key) or tensors behind the writer's back."""
    content = load_file(path)
    content.update(tensors)
    content = {name: array for name, array in content.items() if array is not None}
    values = json.loads(_metadata(path)) | (metadata or {})
    values = {key: value for key, value in values.items() if value is not None}
    save_file(content, path, {FORMAT: json.dumps(values)})


def _metadata(path):
    data = Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size])["__metadata__"][FORMAT]


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(metadata=dict(version=99)), "version is 99"),
        (dict(metadata=dict(version=None)), "version is None"),
        (dict(metadata=dict(layout="coco_wholebody")), "layout is 'coco_wholebody'"),
        (dict(metadata=dict(normalization="pixels")), "normalization is 'pixels'"),
        (dict(metadata=dict(version=1)), "no list 'ids'"),
        (dict(metadata=dict(version=1, ids=["a", "b"])), "expected int64"),
        (dict(metadata=dict(version=1, ids=[1, 2, 3, 4])), "ids are not all strings"),
        (dict(id_text=None), "no tensor 'id_text'"),
        (dict(id_text=np.zeros(20, np.int8)), "int8"),
        (dict(id_text=np.full(20, 0xFF, np.uint8)), "ids cannot be read"),
        (dict(id_offset=np.array([0, 5, 20])), r"expected int64 \[3\]"),
        (dict(id_offset=np.array([[0, 5, 10, 15, 20]])), "id_offset"),
        (dict(id_offset=np.array([0, 5, 10, 15, 19])), "ids cannot be read"),
        (dict(metadata=dict(glosses=None)), "no list 'glosses'"),
        (dict(metadata=dict(glosses=[1, 2, 3])), "glosses are not all strings"),
        (dict(metadata=dict(glosses=["book"])), "label 1, outside the store's 1 classes"),
        (dict(keypoint_score=None), "no tensor 'keypoint_score'"),
        (dict(keypoint=np.zeros((15, 48, 2), np.float16)), r"expected .*49"),
        (dict(keypoint=np.zeros((15, 49, 2), np.float64)), "float64"),
        (dict(keypoint=np.zeros((), np.float16)), r"'keypoint' is float16 \[\], expected"),
        (dict(id_offset=np.array(3)), r"'id_offset' is int64 \[\], expected"),
        (dict(keypoint_score=np.zeros((14, 49), np.float16)), "keypoint_score"),
        (dict(offset=np.array([0, 5, 4, 12, 15])), "offsets"),
        (dict(offset=np.array([0, 4, 5, 12, 14])), "offsets"),
        (dict(offset=np.array([0, 4, 4, 12, 15])), "offsets"),
        (dict(label=np.array([0, 1, 2, 7])), "clip 'clip3' has label 7"),
    ],
)
def test_a_store_that_is_not_whole_is_refused_in_one_line(tmp_path, change, message):
    path = make_store(tmp_path / "a.safetensors")
    rewrite(path, **change)
    with pytest.raises(PoseStoreError, match=message) as caught:
        PoseStore(path)
    assert str(caught.value).startswith(path) and len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("keep", [0, 5, 300, -1])
def test_a_truncated_store_is_refused(tmp_path, keep):
    path = Path(make_store(tmp_path / "a.safetensors"))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PoseStoreError, match="not a complete safetensors file"):
        PoseStore(path)


def test_stores_of_version_1_are_read(tmp_path):
    """Which had the ids in the metadata."""
    path = make_store(tmp_path / "a.safetensors", ids=["a", "", "größe", "d"])
    new = PoseStore(shutil.copy(path, tmp_path / "new.safetensors"))
    rewrite(path, dict(version=1, ids=new.ids.tolist()), id_text=None, id_offset=None)
    old = PoseStore(path)
    assert old.ids == new.ids == ["a", "", "größe", "d"]
    for index in range(4):
        first, second = old.info(index), new.info(index)
        np.testing.assert_array_equal(first.pop("keypoint"), second.pop("keypoint"))
        np.testing.assert_array_equal(first.pop("keypoint_score"), second.pop("keypoint_score"))
        assert first == second


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such pose store"):
        PoseStore(tmp_path / "missing.safetensors")
    other = tmp_path / "other.safetensors"
    save_file(dict(weight=np.zeros(3)), other)
    with pytest.raises(PoseStoreError, match="not a pose store"):
        PoseStore(other)
    save_file(dict(weight=np.zeros(3)), other, {FORMAT: "{"})
    with pytest.raises(PoseStoreError, match="not a pose store"):
        PoseStore(other)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_broken_joints_behind_the_writers_back_name_their_clip(tmp_path, value):
    path = make_store(tmp_path / "a.safetensors")
    keypoint = load_file(path)["keypoint"]
    keypoint[6, 3, 1] = value
    rewrite(path, keypoint=keypoint)
    store = PoseStore(path)
    store.info(0)
    with pytest.raises(PoseStoreError, match="clip 'clip2' has joints that are NaN or infinite"):
        store.info(2)
    with pytest.raises(BadClipsError, match="clip 'clip2'"):
        store.check()


@pytest.mark.parametrize("value, problem", [(-1, "scores below 0"), (0, "no visible joint")])
def test_clips_without_a_joint_are_refused_when_read(tmp_path, value, problem):
    path = make_store(tmp_path / "a.safetensors")
    with safe_open(path, framework="np") as file:
        metadata, tensors = (
            file.metadata(),
            {name: file.get_tensor(name) for name in sorted(file.keys())},
        )
    tensors["keypoint_score"][:] = value
    save_file(tensors, path, metadata)
    with pytest.raises(PoseStoreError, match=f"clip 'clip0' has {problem}; make the store again"):
        PoseStore(path).info(0)


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9"), "two\nlines", "\x1b[2J"])
def test_ids_that_no_list_can_hold_are_refused(tmp_path, name):
    with pytest.raises(BadClipsError, match="its id is not UTF-8, or has control") as error:
        make_store(tmp_path / "a.safetensors", ids=["a", "b", name, "d"])
    assert str(error.value).isprintable()
