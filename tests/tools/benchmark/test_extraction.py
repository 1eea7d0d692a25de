"""The extraction benchmark runs and prints its figures, with the stand-in of MediaPipe."""

import json
import sys

import cv2
import numpy as np
import pytest

from masa_mm.preparation.extraction import mediapipe_estimator

from toys.benchmark_toys import load_script, read_table
from toys.mediapipe_stand_in import STAND_IN, has_environment, image, write_environment
from toys.paths import SHARED

extraction = load_script("extraction")
HANDS = (0, 1, 2, 3, 3, 3, 1, 2, 3, 3)  # of each frame: 1 left, 2 right, 3 both
LEFT, RIGHT = (10.0, 10.0), (80.0, 20.0)  # where the stand-in finds them in 100 x 50 pixels


REAL = SHARED / "data" / "real_files"
NAME = "autsl_signer0_sample1000"


@pytest.mark.skipif(not REAL.exists(), reason="../shared/data/real_files is not here")
@pytest.mark.skipif(not has_environment(), reason="MediaPipe's environment was not made here")
def test_a_real_clip_agrees_with_its_pose_file():
    pytest.importorskip("pose_format")
    video, pose = REAL / "video" / f"{NAME}.mp4", REAL / "pose_format" / f"{NAME}.pose"
    pair = extraction.align(extraction.extracted(str(video)), extraction.read_pose(str(pose)))
    both = (pair[0].score > 0) & (pair[1].score > 0)
    apart = extraction.distances(*pair)
    for part in extraction.PARTS:
        seen = both[:, part.joints]
        assert seen.any() and np.median(apart[:, part.joints][seen]) < 10, part.name  # of 512 px


@pytest.fixture(autouse=True)
def stand_in(request, monkeypatch):
    if "real" in request.node.name:
        return
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    monkeypatch.setattr(mediapipe_estimator, "python_with_holistic", lambda: [sys.executable])


@pytest.fixture
def video(tmp_path):
    folder = tmp_path / "00336"
    folder.mkdir()
    for number, hands in enumerate(HANDS):
        cv2.imwrite(str(folder / f"{number}.png"), image(hands)[..., ::-1])
    return folder


def packed_hands(path, frames, shift=(0.03, 0.08), swap=False):
    """Write the stand-in's hands as packed WLASL hands, moved by a shift of 3 and 4 pixels."""
    keypoint = np.full((len(frames), 2, 21, 2), -32768, np.int16)
    for number, hands in enumerate(frames):
        for side, place in enumerate(((0.1, 0.2), (0.8, 0.4))):
            if hands & (1 << side):
                moved = np.add(place, shift) * 1e4
                keypoint[number, 1 - side if swap else side] = np.rint(moved)
    other = np.full((3, 2, 21, 2), 5000, np.int16)
    np.savez(
        path,
        keypoint=np.concatenate([other, keypoint]).reshape(-1, 42, 2),
        num_frames=np.array([3, len(frames)]),
        video_id=np.array(["00001", "00336"]),
        label=np.zeros(2, np.int64),
        signer=np.zeros(2, np.int64),
    )
    return str(path)


def compared(video, path, capsys):
    assert extraction.main(["compare", str(video), path]) == 0
    out = capsys.readouterr().out
    return out, {row[0]: row[1:] for row in read_table(out)}


def test_distances_and_presence(video, tmp_path, capsys):
    frames = [0, 1, 2, 3, 3, 3, 1, 3, 1, 0]  # three of the last frames differ
    _, rows = compared(video, packed_hands(tmp_path / "a.npz", frames), capsys)
    assert rows["right_hand"][:2] == ["5 2 0 3", "5.00 (5.00) px of 100"]
    assert rows["left_hand"][:2] == ["6 1 1 2", "5.00 (5.00) px of 100"]
    assert rows["frames with the same hands"] == ["70.0% of 10"]


def test_the_sides_agree_or_do_not(video, tmp_path, capsys):
    name = "their hands that ours has, with the same side"
    _, rows = compared(video, packed_hands(tmp_path / "a.npz", HANDS, (0, 0)), capsys)
    assert rows[name] == ["100.0% of 14"] and rows["frames with as many hands"] == ["100.0%"]
    _, rows = compared(video, packed_hands(tmp_path / "b.npz", HANDS, (0, 0), swap=True), capsys)
    assert rows[name] == ["0.0% of 14"]


@pytest.mark.parametrize("begin", [0, 2, 4])
def test_shorter_clips_are_moved_along(video, tmp_path, capsys, begin):
    frames = HANDS[begin : begin + 6]
    out, rows = compared(video, packed_hands(tmp_path / "a.npz", frames), capsys)
    assert f"ours 10, theirs 6; the shorter one begins at frame {begin} of" in out
    assert rows["frames with the same hands"] == ["100.0% of 6"]


def test_pose_files(video, tmp_path, capsys):
    pose_format = pytest.importorskip("pose_format")
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    names = {}
    for name in extraction.NAMED_LAYOUTS["pose_format_holistic"]:
        component, point = name.split("/")
        names.setdefault(component, []).append(point)
    parts = [PoseHeaderComponent(n, points, [], [], "XYZC") for n, points in names.items()]
    # Right hand, left hand, body in pixels of an image of twice the size.
    data = np.zeros((10, 1, 49, 3), np.float32)
    data[..., :21, :2], data[..., 21:42, :2] = np.multiply(RIGHT, 2), np.multiply(LEFT, 2)
    data[..., 42:, 0] = np.arange(1, 11)[:, None, None] * 2 + 6  # moved by 3
    data[..., 42:, 1] = 50 + 8  # moved by 4
    score = np.ones((10, 1, 49), np.float32)
    score[:, 0, :21] = np.array([[bool(hands & 2)] for hands in HANDS])
    score[:, 0, 21:42] = np.array([[bool(hands & 1)] for hands in HANDS])
    data[score == 0] = np.nan  # as newer files have it
    pose = pose_format.Pose(
        PoseHeader(0.2, PoseHeaderDimensions(200, 100, 0), parts), NumPyPoseBody(30, data, score)
    )
    with open(tmp_path / "a.pose", "wb") as file:
        pose.write(file)
    _, rows = compared(video, str(tmp_path / "a.pose"), capsys)
    assert rows["body"][:2] == ["10 0 0 0", "5.00 (5.00) px of 100"]
    assert rows["right_hand"][:2] == ["7 0 0 3", "0.00 (0.00) px of 100"]
    assert rows["left_hand"][:2] == ["7 0 0 3", "0.00 (0.00) px of 100"]


def test_both_hands_in_one_place_are_counted():
    clip = extraction.Poses(np.zeros((4, 49, 2)), np.zeros((4, 49)), np.ones(2))
    hand = np.random.default_rng(0).random((21, 2))
    clip.keypoint[:, :21], clip.keypoint[:, 21:42] = hand, hand + 0.01
    clip.keypoint[2:, 21:42] += 2  # two frames with two hands apart
    clip.score[:, :42] = 1
    clip.score[1, 21:42] = 0
    rows = dict(extraction.side_rows(clip, clip))
    assert rows["frames where both of our hands are one"] == "1 of 3"
    assert rows["their hands that ours has, with the same side"] == "100.0% of 7"


def test_hands_that_ours_has_not_found_have_no_side(video, tmp_path, capsys):
    _, rows = compared(video, packed_hands(tmp_path / "a.npz", [3] * 10, (0, 0)), capsys)
    assert rows["frames with the same hands"] == ["50.0% of 10"]
    assert rows["their hands that ours has, with the same side"] == ["100.0% of 14"]
    assert rows["body"][0] == "0 10 0 0"  # packed hands have no body


@pytest.mark.parametrize("with_hands", [True, False])
def test_openpose(video, tmp_path, capsys, with_hands):
    hands = {"hand_left_keypoints_2d": LEFT, "hand_right_keypoints_2d": RIGHT}
    for number in range(10):
        person = {key: [*place, 1] * 21 * with_hands for key, place in hands.items()}
        person["pose_keypoints_2d"] = [number + 4, 29, 1] * 25  # moved by 3 and 4
        content = dict(people=[person] if number else [])
        (tmp_path / f"a_{number:012}_keypoints.json").write_text(json.dumps(content))
    _, rows = compared(video, str(tmp_path), capsys)
    assert rows["body"][:2] == ["9 1 0 0", "5.00 (5.00) px of 100"]
    assert rows["right_hand"][0] == ("7 0 2 1" if with_hands else "0 7 0 3")


def test_a_clip_that_is_not_in_the_file_is_one_line(video, tmp_path, capsys):
    path = packed_hands(tmp_path / "a.npz", HANDS)
    assert extraction.main(["compare", str(video.rename(tmp_path / "00009")), path]) == 1
    assert "has no clip '00009'; give the file of its split" in capsys.readouterr().err


def test_speed(video, capsys):
    assert extraction.main(["speed", str(video), "--runs", "2"]) == 0
    rows = {row[0]: row[1:] for row in read_table(capsys.readouterr().out)}
    assert len(rows["00336, 10 frames"]) == 2
    assert float(rows["starting MediaPipe, seconds"][0]) > 0


def test_a_resumed_run_is_compared_with_an_unbroken_one(video, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MASA_MEDIAPIPE_ENV", str(write_environment(tmp_path / "environment")))
    monkeypatch.setenv("STAND_IN_DELAY", "30")
    assert extraction.main(["resume", str(video), "--kills", "2"]) == 0
    out = capsys.readouterr().out
    assert "killed the tool: exit code -9" in out
    assert "the resumed store equals that of the unbroken run: 1 clips" in out
