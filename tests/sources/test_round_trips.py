"""Round trips source -> store -> MMAction2's pickle -> store are exact."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.datasets import PoseDataset

from masa_mm.datasets import SignPoseDataset
from masa_mm.datasets.transforms import CropSignParts, SelectSignJoints
from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.pose.skeleton import PARTS, SOURCE_LAYOUTS
from masa_mm.pose.store import PoseStore

from toys.source_toys import (
    ROOT,
    SIZE,
    convert,
    converted,
    dump,
    in_layout,
    pose,
    refusal,
    same_clip,
)

DATA = ROOT.parent / "shared" / "data" / "wlasl50_upper_body"


@st.composite
def clips(draw):
    """Annotations of a layout: any lengths, parts missing now and then, known sizes or not."""
    layout = draw(st.sampled_from(sorted(SOURCE_LAYOUTS)))
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    known = draw(st.booleans())
    annotations = []
    for number, frames in enumerate(lengths):
        keypoint, score = pose(frames, draw(st.integers(0, 2**20)))
        for part in PARTS:
            gone = draw(st.lists(st.booleans(), min_size=frames, max_size=frames))
            score[np.array(gone), part.joints] = 0
        score[0, :21] = 1  # a clip without a hand is a bad one
        keypoint, score = in_layout(keypoint, score, layout)
        if not known:
            keypoint = keypoint / np.float32(SIZE[0])
        annotations.append(
            dict(
                frame_dir=f"clip{number}",
                total_frames=frames,
                img_shape=SIZE if known else (1.0, SIZE[1] / SIZE[0]),
                label=draw(st.integers(-1, 2)),
                signer=draw(st.integers(-1, 50)),
                keypoint=keypoint[None],
                keypoint_score=score[None],
            )
        )
    return layout, annotations


@settings(max_examples=40, deadline=None)
@given(clips(), st.sampled_from(["float16", "float32"]), st.sampled_from(["", "train"]))
def test_stores_come_back_to_the_byte(tmp_path_factory, case, dtype, split):
    layout, annotations = case
    folder = tmp_path_factory.mktemp("trip")
    (folder / "classes.txt").write_text("book\ndrink\nhat\nnobody signs this\n")
    names = [a["frame_dir"] for a in annotations]
    source = dump(folder / "in.pkl", dict(split={split: names}, annotations=annotations))
    options = ["--split", split] if split else []
    options += ["--dtype", dtype]
    first = folder / "a.safetensors"
    made = convert(
        "mmaction",
        source,
        first,
        *("--layout", layout, "--allow-missing", "--source-name", "mine"),
        *("--class-list", folder / "classes.txt", "--pickle", folder / "pixels.pkl"),
        *options,
    )
    assert made == 0
    assert PoseStore(first).glosses[-1] == "nobody signs this"
    assert convert("store", first, folder / "parts.pkl") == 0
    for name in ("pixels", "parts"):
        again = folder / f"{name}.safetensors"
        assert convert("mmaction", folder / f"{name}.pkl", again, *options) == 0
        assert again.read_bytes() == first.read_bytes(), name


@st.composite
def poses(draw):
    """Joints that are seen with certainty or not at all, of any length, parts lost now and then."""
    frames = draw(st.integers(1, 9))
    keypoint, score = pose(frames, draw(st.integers(0, 2**20)))
    score = (score > 0).astype(np.float32)
    for part in PARTS:
        gone = draw(st.lists(st.booleans(), min_size=frames, max_size=frames))
        score[np.array(gone), part.joints] = 0
    score[0, :21] = 1
    keypoint[score == 0] = 0
    return keypoint, score


def write_mmpose(folder, keypoint, score):
    joints, scores = in_layout(keypoint, score, "coco_wholebody")
    return dump(folder / "a.pkl", np.concatenate([joints, scores[..., None]], axis=-1))


def write_rtmlib(folder, keypoint, score):
    joints, scores = in_layout(keypoint, score, "coco_wholebody")
    np.savez(folder / "a.npz", keypoints=joints[:, None], scores=scores[:, None])
    return folder / "a.npz"


def write_uni_sign(folder, keypoint, score):
    joints, scores = in_layout(keypoint, score, "coco_wholebody")
    shares = [frame[None] / np.array(SIZE[::-1]) for frame in joints]
    return dump(folder / "a.pkl", dict(keypoints=shares, scores=list(scores[:, None])))


def write_openpose(folder, keypoint, score):
    joints, scores = in_layout(keypoint, score, "openpose_body25_hands")
    rows = np.concatenate([joints, scores[..., None]], axis=-1).astype(float)
    for t, row in enumerate(rows):
        body, left, right = (part.ravel().tolist() for part in np.split(row, [25, 46]))
        person = dict(pose_keypoints_2d=body, hand_left_keypoints_2d=left)
        person["hand_right_keypoints_2d"] = right
        (folder / f"a_{t:012d}_keypoints.json").write_text(json.dumps(dict(people=[person])))
    return folder


def write_frames(folder, keypoint, score):
    joints, scores = in_layout(keypoint, score, "mediapipe_holistic")
    shares = joints.astype(float) / SIZE[::-1] * (scores[..., None] > 0)
    (folder / "sign" / "a").mkdir(parents=True)
    for t, frame in enumerate(np.pad(shares, [(0, 0), (0, 0), (0, 1)])):
        body = np.concatenate([frame[:33], scores[t, :33, None]], axis=1)
        row = np.concatenate([body.ravel(), np.full(468 * 3, 0.5), frame[33:].ravel()])
        np.save(folder / "sign" / "a" / f"{t}.npy", row)
    return folder


def write_openhands(folder, keypoint, score):
    joints, scores = in_layout(keypoint, score, "mediapipe_holistic")
    turned = np.pad(joints / SIZE[::-1] * SIZE, [(0, 0), (0, 0), (0, 1)])
    return dump(folder / "a.pkl", dict(keypoints=turned, confidences=scores, vid_shape=SIZE))


def write_holistic(folder, keypoint, score):
    joints, scores = in_layout(keypoint, score, "mediapipe_holistic")
    place = np.where(scores[..., None] > 0, joints.astype(float) / SIZE[::-1], np.nan)
    np.save(folder / "a.npy", place)
    return folder / "a.npy"


WRITERS = {
    "mmpose": write_mmpose,
    "rtmlib": write_rtmlib,
    "rtmlib of Uni-Sign": write_uni_sign,
    "openpose": write_openpose,
    "mediapipe-holistic": write_holistic,
    "mediapipe-frames": write_frames,
    "openhands": write_openhands,
}


@pytest.mark.parametrize("source", WRITERS)
@settings(max_examples=12, deadline=None)
@given(clip=poses())
def test_every_estimators_files_make_the_store_of_their_joints(tmp_path_factory, source, clip):
    folder = tmp_path_factory.mktemp("source")
    path = WRITERS[source](folder, *clip)
    store = converted(source.split()[0], path, folder, "--img-size", SIZE[1], SIZE[0])
    same_clip(store, store.ids[0], *clip, tolerance=1e-5)
    assert store.ids in (["a"], ["sign/a"])


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
def test_real_clips_come_back_to_the_byte(tmp_path):
    first, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    source = DATA / "wlasl50_upper_body_val.npz"
    options = ("--classes", DATA / "classes.txt", "--split", "val")
    assert convert("wlasl-upper-body", source, first, *options) == 0
    assert convert("store", first, tmp_path / "a.pkl") == 0
    assert convert("mmaction", tmp_path / "a.pkl", again, "--split", "val") == 0
    assert again.read_bytes() == first.read_bytes()


@pytest.fixture
def pickles(tmp_path):
    """A store's pickle and the pickle in pixels, of two clips."""
    annotations = []
    for number in range(2):
        keypoint, score = pose(4 + number, number)
        annotations.append(
            dict(
                frame_dir=f"clip{number}",
                total_frames=4 + number,
                img_shape=SIZE,
                label=number,
                gloss=["book", "drink"][number],
                keypoint=keypoint[None],
                keypoint_score=score[None],
            )
        )
    store = tmp_path / "a.safetensors"
    options = ("--layout", "sign49", "--dtype", "float32", "--pickle", tmp_path / "pixels.pkl")
    assert convert("mmaction", dump(tmp_path / "in.pkl", annotations), store, *options) == 0
    assert convert("store", store, tmp_path / "parts.pkl") == 0
    return tmp_path, annotations


@pytest.mark.parametrize("name", ["pixels.pkl", "parts.pkl"])
def test_mmaction2_reads_the_pickles(pickles, name):
    folder, annotations = pickles
    dataset = PoseDataset(str(folder / name), pipeline=[], split="all")
    assert len(dataset) == 2
    clip = dataset[1]
    assert clip["frame_dir"] == "clip1" and clip["label"] == 1 and clip["total_frames"] == 5
    assert clip["keypoint"].shape == (1, 5, 49, 2) and clip["keypoint"].dtype == np.float32
    assert clip["keypoint_score"].shape == (1, 5, 49)
    if name == "pixels.pkl":
        np.testing.assert_array_equal(clip["keypoint"], annotations[1]["keypoint"])
        assert clip["img_shape"] == SIZE
    else:
        assert clip["img_shape"] == (1, 1) and clip["original_shape"] == SIZE


def test_a_stores_pickle_is_a_data_set_like_the_store(pickles):
    folder, _ = pickles
    datasets = [
        SignPoseDataset(str(folder / name), pipeline=[]) for name in ("a.safetensors", "parts.pkl")
    ]
    for of_store, of_pickle in zip(*datasets):
        for key in ("keypoint", "keypoint_score"):
            np.testing.assert_array_equal(of_store[key], of_pickle[key])
        for key in ("frame_dir", "clip_id", "label", "gloss", "normalization", "img_shape"):
            assert of_store[key] == of_pickle[key], key


def test_a_stores_pickle_is_not_cropped_again(pickles):
    folder, _ = pickles
    pipeline = [SelectSignJoints(), CropSignParts()]
    dataset = SignPoseDataset(str(folder / "parts.pkl"), pipeline=pipeline)
    with pytest.raises(ValueError, match="part coordinates already"):
        dataset[0]


def test_pickles_hold_data_and_nothing_that_runs(pickles):
    folder, _ = pickles
    content = load_pickle(folder / "pixels.pkl")
    assert content["classes"] == ["book", "drink"] and content["source"] == "mmaction"
    assert content["split"] == dict(all=["clip0", "clip1"])


def test_pixels_and_part_coordinates_do_not_mix(pickles, capsys):
    folder, _ = pickles
    mixed = [
        a for n in ("pixels", "parts") for a in load_pickle(folder / f"{n}.pkl")["annotations"]
    ]
    line = refusal(capsys, "mmaction", dump(folder / "mixed.pkl", mixed), folder)
    assert "mixed.pkl: some annotations are in pixels and some in part coordinates" in line


def test_part_coordinates_of_another_layout_or_kind_are_refused(pickles, capsys):
    folder, annotations = pickles
    for change, problem in (
        (dict(normalization="body"), "its normalization is 'body'"),
        (dict(normalization="part_crop", original_shape=(0, 3)), "its original_shape is"),
    ):
        path = dump(folder / "bad.pkl", [dict(annotations[0], **change)])
        assert problem in refusal(capsys, "mmaction", path, folder, "--layout", "sign49")
