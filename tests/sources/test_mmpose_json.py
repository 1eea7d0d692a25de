"""The JSON of MMPose 1.x's inferencer and of its demos."""

import json

import numpy as np
import pytest

from toys.source_toys import converted, in_layout, pose, refusal, same_clip

SIZES = ("--img-size", 640, 480)


def instance(keypoint, score, **more):
    return dict(
        keypoints=keypoint.tolist(),
        keypoint_scores=score.tolist(),
        bbox=[[0.0, 0.0, 9.0, 9.0]],
        bbox_score=0.9,
        **more,
    )


def frames_of(frames=5, seed=0, first=0):
    clip = in_layout(*pose(frames, seed), "coco_wholebody")
    return [
        dict(frame_id=first + t, instances=[instance(keypoint, score)])
        for t, (keypoint, score) in enumerate(zip(*clip))
    ]


def write(path, content):
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "wrap",
    [
        lambda frames: frames,
        lambda frames: frames[::-1],
        lambda frames: dict(meta_info=dict(dataset_name="coco"), instance_info=frames),
    ],
)
def test_both_forms_whatever_the_order_of_frames(tmp_path, wrap):
    path = write(tmp_path / "a.json", wrap(frames_of(first=1)))
    store = converted("mmpose-json", path, tmp_path, *SIZES)
    assert store.ids == ["a"]
    same_clip(store, "a", *pose())


def test_the_signer_is_chosen_and_frames_without_one_are_absent(tmp_path):
    frames = frames_of(6)
    small, score = in_layout(*pose(6, 3), "coco_wholebody")
    for t, frame in enumerate(frames):
        frame["instances"].insert(t % 2, instance(small[t] * 0.1, score[t]))
    frames[4]["instances"] = []
    store = converted("mmpose-json", write(tmp_path / "a.json", frames), tmp_path, *SIZES)
    keypoint, score = pose(6)
    keypoint[4], score[4] = 0, 0
    same_clip(store, "a", keypoint, score)


def test_tracks_of_the_source_are_taken(tmp_path):
    frames = frames_of(4)
    large, score = in_layout(*pose(4), "coco_wholebody")
    for t, frame in enumerate(frames):
        frame["instances"][0]["track_id"] = 7
        # Larger, but never the same person: no track of it is as large as the signer's.
        frame["instances"].insert(0, instance(large[t] * 1.4, score[t], track_id=100 + t))
    store = converted("mmpose-json", write(tmp_path / "a.json", frames), tmp_path, *SIZES)
    same_clip(store, "a", *pose(4))


def spoil_nan(frames):
    frames[0]["instances"][0]["keypoints"][112][0] = float("nan")
    return frames


def drop_scores(frames):
    del frames[1]["instances"][0]["keypoint_scores"]
    return frames


def body_only(frames):
    for frame in frames:
        frame["instances"][0]["keypoints"] = frame["instances"][0]["keypoints"][:17]
    return frames


def twice(frames):
    frames[1]["frame_id"] = 0
    return frames


@pytest.mark.parametrize(
    "spoil, problem",
    [
        (spoil_nan, "NaN or infinite"),
        (drop_scores, "a person has no keypoint_scores"),
        (body_only, "its keypoints are [17, 2] per person; use a whole-body estimator"),
        (twice, "its frame_id are not one number per frame"),
        (lambda frames: dict(instances=frames), "no list of frames"),
        (lambda frames: [[1, 2]], "no list of frames"),
        (lambda frames: [dict(frame_id=0)], "a frame has no list of instances"),
        (lambda frames: [dict(frame_id=0, instances=[])], "nobody in any frame"),
        (lambda frames: [], "nobody in any frame"),
    ],
)
def test_bad_files_are_one_line(tmp_path, capsys, spoil, problem):
    path = write(tmp_path / "a.json", spoil(frames_of(3)))
    line = refusal(capsys, "mmpose-json", path, tmp_path, *SIZES)
    assert "clip 'a'" in line and problem in line


@pytest.mark.parametrize("keep", [b"PK\x03\x04 zip", None])
def test_a_zip_or_half_a_file_is_one_line(tmp_path, capsys, keep):
    path = write(tmp_path / "a.json", frames_of(2))
    path.write_bytes(keep or path.read_bytes()[:-50])
    line = refusal(capsys, "mmpose-json", path, tmp_path, *SIZES)
    assert "a.json" in line and ("a zip archive" in line or "not a complete JSON file" in line)


def test_numbers_that_are_no_numbers_are_one_line(tmp_path, capsys):
    frames = frames_of(2)
    frames[0]["instances"][0]["keypoint_scores"][5] = "high"
    line = refusal(capsys, "mmpose-json", write(tmp_path / "a.json", frames), tmp_path, *SIZES)
    assert "its keypoint_scores are not an array of numbers" in line
    assert np.isfinite(pose()[0]).all()
