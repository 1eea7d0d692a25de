"""rtmlib's arrays in every accepted form. Covers masa_mm.sources.mmpose."""

import json

import numpy as np
import pytest

from toys.source_toys import converted, dump, in_layout, pose, refusal, same_clip

SIZES = ("--img-size", 640, 480)


def video(frames=5, seed=0):
    return in_layout(*pose(frames, seed), "coco_wholebody")


def ragged(keypoint, score):
    """A frame's persons as rtmlib returns them: one, or two in odd frames."""
    return [
        (
            np.stack([k * 0.1, k] if t % 2 else [k]),
            np.stack([s, s] if t % 2 else [s]),
        )
        for t, (k, s) in enumerate(zip(keypoint, score))
    ]


def write_npz(path, keypoint, score):
    np.savez(path / "a.npz", keypoints=keypoint[:, None], scores=score[:, None])


def write_npz_alone(path, keypoint, score):
    np.savez(path / "a.npz", keypoints=keypoint, scores=score, img_shape=np.array([480, 640]))


def write_pickle(path, keypoint, score):
    dump(path / "a.pkl", ragged(keypoint, score))


def write_json(path, keypoint, score):
    frames = [
        dict(keypoints=k.astype(float).tolist(), scores=s.astype(float).tolist())
        for k, s in ragged(keypoint, score)
    ]
    (path / "a.json").write_text(json.dumps(frames))


def write_json_dict(path, keypoint, score):
    arrays = dict(keypoints=keypoint.astype(float).tolist(), scores=score.astype(float).tolist())
    (path / "a.json").write_text(json.dumps(arrays))


def write_ragged_json_dict(path, keypoint, score):
    keypoints, scores = zip(*ragged(keypoint, score))
    lists = dict(keypoints=keypoints, scores=scores)
    text = {name: [frame.astype(float).tolist() for frame in lists[name]] for name in lists}
    (path / "a.json").write_text(json.dumps(text))


def uni_sign(keypoint, score):
    """What Uni-Sign's extraction pickles: lists of frames, float64 shares of the image."""
    frames = ragged(keypoint, score)
    keypoints = [frame / np.array([640, 480])[None, None] for frame, _ in frames]
    return dict(keypoints=keypoints, scores=[frame_score for _, frame_score in frames])


def write_uni_sign(path, keypoint, score):
    dump(path / "a.pkl", uni_sign(keypoint, score))


def write_objects(path, keypoint, score):
    """The same as object arrays, cut from a longer video."""
    content = uni_sign(*(np.concatenate([v[:2], v, v[:1]]) for v in (keypoint, score)))
    for name, frames in content.items():
        content[name] = np.empty(len(frames), object)
        content[name][:] = frames
    dump(path / "a.pkl", dict(content, start=np.int64(2), end=2 + len(keypoint)))


@pytest.mark.parametrize(
    "write",
    [
        write_npz,
        write_npz_alone,
        write_pickle,
        write_json,
        write_json_dict,
        write_ragged_json_dict,
        write_uni_sign,
        write_objects,
    ],
)
def test_every_form_makes_the_same_store(tmp_path, write):
    folder = tmp_path / "poses"
    folder.mkdir()
    write(folder, *video())
    store = converted("rtmlib", folder, tmp_path, *SIZES)
    assert store.ids == ["a"] and store.source == "rtmlib"
    same_clip(store, "a", *pose(), tolerance=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_uni_signs_poses_may_be_of_any_precision(tmp_path, dtype):
    content = uni_sign(*video())
    lists = {name: [frame.astype(dtype) for frame in content[name]] for name in content}
    store = converted("rtmlib", dump(tmp_path / "a.pkl", lists), tmp_path, *SIZES)
    keypoint, score = pose()
    tolerance = 2e-2 if dtype == np.float16 else 1e-5
    same_clip(store, "a", keypoint, score.astype(dtype), tolerance=tolerance)


@pytest.mark.parametrize("units", [(), ("--units", "normalized")])
def test_the_data_tells_its_units(tmp_path, units):
    path = dump(tmp_path / "a.pkl", uni_sign(*video()))
    same_clip(converted("rtmlib", path, tmp_path, *SIZES, *units), "a", *pose(), tolerance=1e-5)


def test_other_units_than_those_of_the_data_are_refused(tmp_path, capsys):
    path = dump(tmp_path / "a.pkl", uni_sign(*video()))
    line = refusal(capsys, "rtmlib", path, tmp_path, *SIZES, "--units", "pixels")
    assert "its coordinates are normalized, not pixels" in line
    write_pickle(tmp_path, *video())
    line = refusal(capsys, "rtmlib", path, tmp_path, *SIZES, "--units", "normalized")
    assert "its coordinates are pixels, not normalized" in line and "--units pixels" in line


LISTS = uni_sign(*video(4))


@pytest.mark.parametrize(
    "change, problem",
    [
        (dict(scores=LISTS["scores"][:3]), "keypoints for 4 frames, scores for 3 frames"),
        (dict(scores=3), "it has keypoints for 4 frames; extract"),
        (dict(keypoints=[], scores=[]), "it has no frames"),
        (dict(keypoints=[None] * 4), "nobody in any frame"),
        (dict(start=2, end=2), "the frames from 2 to 2 of 4"),
        (dict(start=0, end=5), "the frames from 0 to 5 of 4"),
        (dict(start="0", end=3), "the frames from 0 to 3 of 4"),
        (dict(keypoints=[k[:, :17] for k in LISTS["keypoints"]]), "keypoints are ["),
        (dict(scores=[s[:, :17] for s in LISTS["scores"]]), "and scores [1, 17]"),
        (dict(keypoints=["a"] * 4), "its keypoints are not an array of numbers"),
    ],
)
def test_lists_that_do_not_fit_are_one_line(tmp_path, capsys, change, problem):
    path = dump(tmp_path / "a.pkl", dict(LISTS, **change))
    assert problem in refusal(capsys, "rtmlib", path, tmp_path, *SIZES)


def test_frames_without_persons_are_absent(tmp_path):
    frames = ragged(*video(4))
    frames[2] = (np.zeros((0, 133, 2)), np.zeros((0, 133)))
    keypoint, score = pose(4)
    keypoint[2], score[2] = 0, 0
    store = converted("rtmlib", dump(tmp_path / "a.pkl", frames), tmp_path, *SIZES)
    same_clip(store, "a", keypoint, score)
    lists = uni_sign(*video(4))
    lists["keypoints"][2], lists["scores"][2] = None, None
    store = converted("rtmlib", dump(tmp_path / "a.pkl", lists), tmp_path, *SIZES)
    same_clip(store, "a", keypoint, score, tolerance=1e-5)


@pytest.mark.parametrize(
    "arrays, problem",
    [
        (dict(keypoints=np.zeros((4, 1, 133, 2))), "it has no scores"),
        (dict(points=np.zeros(3)), "it has no keypoints; it has points"),
        (dict(keypoints=np.zeros((4, 17, 2)), scores=np.zeros((4, 17))), "are [4, 17, 2]"),
        (dict(keypoints=np.zeros((4, 133, 2)), scores=np.zeros((3, 133))), "scores [3, 133]"),
        (dict(keypoints=np.zeros((4, 133, 2)), scores=np.zeros((4, 133))), "no visible hand"),
        (dict(keypoints=np.array([{}], object)), "not a complete npz file of plain arrays"),
    ],
)
def test_bad_arrays_are_one_line(tmp_path, capsys, arrays, problem):
    np.savez(tmp_path / "a.npz", **arrays)
    assert problem in refusal(capsys, "rtmlib", tmp_path / "a.npz", tmp_path, *SIZES)


def test_frames_of_different_sizes_are_refused(tmp_path, capsys):
    frames = [
        dict(keypoints=k, scores=s, img_shape=(480 + t, 640))
        for t, (k, s) in enumerate(ragged(*video(2)))
    ]
    line = refusal(capsys, "rtmlib", dump(tmp_path / "a.pkl", frames), tmp_path)
    assert "its frames have different img_shape" in line


@pytest.mark.parametrize("name", ["a.npz", "a.pkl", "a.json"])
def test_half_a_file_is_one_line(tmp_path, capsys, name):
    writers = dict(npz=write_npz, pkl=write_pickle, json=write_json)
    writers[name[2:]](tmp_path, *video())
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-80])
    line = refusal(capsys, "rtmlib", path, tmp_path, *SIZES)
    assert "clip 'a'" in line and "copy" in line


def test_a_file_of_another_kind_is_named(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("")
    line = refusal(capsys, "rtmlib", tmp_path / "a.txt", tmp_path)
    assert "not a *.npz or *.pkl or *.json file" in line
