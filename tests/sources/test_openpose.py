"""OpenPose's JSON, one file per frame."""

import json
from functools import partial

import numpy as np
import pytest

from masa_mm.sources.openpose import MIN_SCORE

from toys import source_toys
from toys.paths import SHARED
from toys.source_toys import converted, in_layout, pose, refusal

SIZES = ("--img-size", 640, 480)
REAL = SHARED / "data" / "real_files" / "openpose"
same_clip = partial(source_toys.same_clip, min_score=MIN_SCORE)
PARTS = (("pose_keypoints_2d", 0, 25), ("hand_left_keypoints_2d", 25, 46))
PARTS += (("hand_right_keypoints_2d", 46, 67),)


def person(keypoint, score, **change):
    joints = np.concatenate([keypoint, score[:, None]], axis=1).astype(float)
    found = dict(person_id=[-1], face_keypoints_2d=[])
    found.update({key: joints[a:b].ravel().tolist() for key, a, b in PARTS})
    return {**found, **change}


def write(folder, stem="clip", frames=5, seed=0, digits=12, step=1, change=None):
    """A clip's files; ``change`` takes (frame's number, its people) and returns other people."""
    return write_clip(folder, *pose(frames, seed), stem, digits, step, change)


def write_clip(folder, keypoint, score, stem="clip", digits=12, step=1, change=None):
    """The files of the 49 joints of a clip."""
    folder.mkdir(parents=True, exist_ok=True)
    for t, joints in enumerate(zip(*in_layout(keypoint, score, "openpose_body25_hands"))):
        people = [person(*joints)]
        people = change(t, people) if change else people
        name = f"{stem}_{t * step:0{digits}d}_keypoints.json"
        (folder / name).write_text(json.dumps(dict(version=1.3, people=people)))
    return folder


def test_a_flat_folder_holds_clips_by_name(tmp_path):
    folder = write(tmp_path / "out", "05237", 5, 0)
    write(folder, "a_b_1", 3, 1)
    store = converted("openpose", folder, tmp_path, *SIZES)
    assert store.ids == ["05237", "a_b_1"]
    same_clip(store, "05237", *pose(5, 0))
    same_clip(store, "a_b_1", *pose(3, 1))


def test_a_folder_a_clip_is_named_like_the_folder(tmp_path):
    write(tmp_path / "out" / "00623", "image", 12, 0, digits=5)
    write(tmp_path / "out" / "00625", "image", 3, 1, digits=1)
    store = converted("openpose", tmp_path / "out", tmp_path, *SIZES)
    assert store.ids == ["00623", "00625"] and store.num_frames.tolist() == [12, 3]
    same_clip(store, "00623", *pose(12, 0))


def test_frames_count_as_numbers_not_as_words(tmp_path):
    write(tmp_path / "out", "a", 12, 0, digits=1)
    same_clip(converted("openpose", tmp_path / "out", tmp_path, *SIZES), "a", *pose(12, 0))


def test_the_signer_is_chosen_and_empty_frames_are_absent(tmp_path):
    def others(t, people):
        small = person(*(a[0] for a in in_layout(*pose(1, 7), "openpose_body25_hands")))
        for key, _, _ in PARTS:
            small[key] = (np.reshape(small[key], (-1, 3)) * [0.1, 0.1, 1]).ravel().tolist()
        return [] if t == 2 else [small, *people]

    keypoint, score = pose(5)
    keypoint[2], score[2] = 0, 0
    write(tmp_path / "out", change=others)
    same_clip(converted("openpose", tmp_path / "out", tmp_path, *SIZES), "clip", keypoint, score)


def test_a_frame_without_looking_for_hands_has_none(tmp_path):
    def handless(t, people):
        change = dict(hand_left_keypoints_2d=[], hand_right_keypoints_2d=[])
        return [{**people[0], **change}] if t == 3 else people

    keypoint, score = pose(5)
    keypoint[3, :42], score[3, :42] = 0, 0
    write(tmp_path / "out", change=handless)
    same_clip(converted("openpose", tmp_path / "out", tmp_path, *SIZES), "clip", keypoint, score)


def left_out(*keys):
    return lambda t, people: [{k: v for k, v in people[0].items() if k not in keys}]


def test_missing_hands_are_named_and_allowed_on_request(tmp_path, capsys):
    write(tmp_path / "out", change=left_out("hand_left_keypoints_2d"))
    line = refusal(capsys, "openpose", tmp_path / "out", tmp_path, *SIZES)
    assert "no hand_left_keypoints_2d" in line and "--allow-missing" in line
    store = converted("openpose", tmp_path / "out", tmp_path, *SIZES, "--allow-missing")
    keypoint, score = pose(5)
    keypoint[:, 21:42], score[:, 21:42] = 0, 0
    same_clip(store, "clip", keypoint, score)


@pytest.mark.parametrize("options", [(), ("--allow-missing",)])
@pytest.mark.parametrize("empty", [True, False])
def test_runs_without_hands_say_what_to_do(tmp_path, capsys, options, empty):
    keys = ("hand_left_keypoints_2d", "hand_right_keypoints_2d")
    change = left_out(*keys)
    if empty:
        change = lambda t, people: [{**people[0], **{key: [] for key in keys}}]  # noqa: E731
    write(tmp_path / "out", change=change)
    line = refusal(capsys, "openpose", tmp_path / "out", tmp_path, *SIZES, *options)
    assert "OpenPose ran without --hand" in line and "run OpenPose again with --hand" in line


def coco(t, people):
    return [dict(people[0], pose_keypoints_2d=people[0]["pose_keypoints_2d"][: 18 * 3])]


def test_the_coco_model_gives_the_same_clip(tmp_path):
    write(tmp_path / "out", change=coco)
    same_clip(converted("openpose", tmp_path / "out", tmp_path, *SIZES), "clip", *pose(5))


def mpi(t, people):
    return [dict(people[0], pose_keypoints_2d=people[0]["pose_keypoints_2d"][: 15 * 3])]


@pytest.mark.parametrize(
    "change, problem",
    [
        (mpi, "its pose_keypoints_2d are [45] per person, expected [75]"),
        (lambda t, people: None, "has no list of people"),
        (lambda t, people: [], "nobody in any frame"),
        (
            lambda t, people: [dict(people[0], pose_keypoints_2d=["x"] * 75)],
            "not an array of numbers",
        ),
        (lambda t, people: [dict(people[0], pose_keypoints_2d=[float("nan")] * 75)], "NaN"),
    ],
)
def test_bad_clips_are_one_line(tmp_path, capsys, change, problem):
    write(tmp_path / "out", change=change)
    line = refusal(capsys, "openpose", tmp_path / "out", tmp_path, *SIZES)
    assert "clip 'clip'" in line and problem in line


def test_lost_frames_are_named_and_a_steady_step_is_not_lost(tmp_path, capsys):
    folder = write(tmp_path / "out", step=2)
    same_clip(converted("openpose", folder, tmp_path, *SIZES), "clip", *pose(5))
    (folder / "clip_000000000004_keypoints.json").unlink()
    line = refusal(capsys, "openpose", folder, tmp_path, *SIZES)
    assert "frames between 2 and 6 are missing" in line


def test_half_a_file_is_one_line(tmp_path, capsys):
    folder = write(tmp_path / "out")
    path = folder / "clip_000000000002_keypoints.json"
    path.write_bytes(path.read_bytes()[:-100])
    line = refusal(capsys, "openpose", folder, tmp_path, *SIZES)
    assert path.name in line and "not a complete JSON file" in line


def test_folders_without_such_files_are_named(tmp_path, capsys):
    assert "no such folder" in refusal(capsys, "openpose", tmp_path / "gone", tmp_path, *SIZES)
    (tmp_path / "empty").mkdir()
    line = refusal(capsys, "openpose", tmp_path / "empty", tmp_path, *SIZES)
    assert "has no *_keypoints.json" in line


def test_hands_between_the_thresholds_are_kept_and_shape_their_box(tmp_path, capsys):
    keypoint, score = pose(5)
    score[1:3, :21] *= 0.4  # 0.2 to 0.4
    write_clip(tmp_path / "out", keypoint, score)
    store = converted("openpose", tmp_path / "out", tmp_path, *SIZES)
    same_clip(store, "clip", keypoint, score)
    assert (store.keypoint_score[:, :21] >= 0.4).all()
    assert "right hand: 5 of 5 frames in the source, 5 kept" in capsys.readouterr().out
    store = converted("openpose", tmp_path / "out", tmp_path, *SIZES, "--min-score", 0.4)
    same_clip(store, "clip", keypoint, score, min_score=0.4)
    out = capsys.readouterr().out
    assert "right hand: 5 of 5 frames in the source, 3 kept" in out
    assert "left hand: 4 of 5 frames in the source, 4 kept" in out
    assert "22% of the source's hands were dropped" in out and "--min-score" in out


def test_scattered_joints_of_low_scores_are_no_hand(tmp_path, capsys):
    keypoint, score = pose(5)
    score[1:3, :21] = np.random.default_rng(0).uniform(0.03, 0.13, (2, 21))
    score[1:3, 4] = 0.56  # one joint of such a hand may be sure
    write_clip(tmp_path / "out", keypoint, score)
    store = converted("openpose", tmp_path / "out", tmp_path, *SIZES)
    assert store.keypoint_score[:, :21].any(1).tolist() == [True, False, False, True, True]
    assert "right hand: 5 of 5 frames in the source, 3 kept" in capsys.readouterr().out


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data/real_files is not here")
@pytest.mark.parametrize("options", [(), ("--allow-missing",)])
def test_real_files_without_hands_are_one_message(tmp_path, capsys, options):
    """OpenPose wrote them without --hand: the lists of the hands are empty in all frames."""
    line = refusal(capsys, "openpose", REAL / "dgs_psychologie", tmp_path, *options)
    assert "clip 'psychologie': OpenPose ran without --hand" in line
    assert line.endswith("run OpenPose again with --hand")


def test_the_pickle_of_a_conversion_gives_the_same_store(tmp_path):
    write(tmp_path / "out")
    pickled = tmp_path / "out.pkl"
    store = converted("openpose", tmp_path / "out", tmp_path, *SIZES, "--pickle", pickled)
    again = converted("mmaction", pickled, tmp_path / "again")
    np.testing.assert_array_equal(again.keypoint, store.keypoint)
    np.testing.assert_array_equal(again.keypoint_score, store.keypoint_score)
