"""MMPose: every accepted form of pickles and JSON makes the same store, anything else one line."""

import json

import numpy as np
import pytest

from masa_mm.pose.store import PoseStore

from toys.source_toys import Evil, convert, converted, dump, in_layout, pose, refusal, same_clip

SIZES = ("--img-size", 640, 480)


def video(frames=5, seed=0):
    keypoint, score = in_layout(*pose(frames, seed), "coco_wholebody")
    return np.concatenate([keypoint, score[..., None]], axis=-1)


FORMS = dict(
    array=lambda v: v,
    keypoints=lambda v: dict(keypoints=v),
    scores=lambda v: dict(keypoints=v[..., :2], keypoint_scores=v[..., 2], img_shape=(480, 640)),
    lists=lambda v: dict(keypoints=v.astype(float).tolist()),
    one_person=lambda v: v[:, None],
    persons=lambda v: np.stack([v * [0.1, 0.1, 1], v], axis=1),
    normalized=lambda v: v / [640, 480, 1],
)


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_of_videos(tmp_path, form):
    folder = tmp_path / "poses"
    (folder / "deeper").mkdir(parents=True)
    dump(folder / "a.pkl", FORMS[form](video(5, 0)))
    dump(folder / "deeper" / "b.pkl", FORMS[form](video(3, 1)))
    store = converted("mmpose", folder, tmp_path, *SIZES)
    assert store.ids == ["a", "b"] and store.img_shape.tolist() == [[480, 640]] * 2
    assert store.source == "mmpose" and (store.label == -1).all()
    same_clip(store, "a", *pose(5, 0), tolerance=1e-5)
    same_clip(store, "b", *pose(3, 1), tolerance=1e-5)


def test_one_pickle_of_many_videos(tmp_path):
    path = dump(tmp_path / "all.pkl", {"a": video(5, 0), "b": dict(keypoints=video(3, 1))})
    store = converted("mmpose", path, tmp_path, *SIZES)
    assert store.ids == ["a", "b"]
    same_clip(store, "b", *pose(3, 1))


def test_labels_signers_and_splits_come_from_the_list(tmp_path, capsys):
    folder = tmp_path / "poses"
    folder.mkdir()
    for number, name in enumerate("abcd"):
        dump(folder / f"{name}.pkl", video(3, number))
    (tmp_path / "list.csv").write_text(
        "id,gloss,signer,split,width,height\na,hat,7,train,640,480\nb,book,8,train,640,480\n"
        "c,book,7,val,640,480\ngone,hat,7,train,640,480\n"
    )
    store = converted(
        "mmpose", folder, tmp_path, "--labels", tmp_path / "list.csv", "--split", "train"
    )
    assert store.ids == ["a", "b"] and store.split == "train"
    assert store.label.tolist() == [1, 0] and store.signer.tolist() == [7, 8]
    assert store.glosses == ["book", "hat"]
    out = capsys.readouterr().out
    assert "1 of its 3 clips are not in the folder, the first is 'gone'" in out
    assert "1 clips are of other splits in" in out
    assert "1 clips are not in" in out and "the first is 'd'" in out


def test_a_list_of_other_clips_is_refused(tmp_path, capsys):
    folder = tmp_path / "poses"
    folder.mkdir()
    dump(folder / "a.pkl", video())
    (tmp_path / "list.csv").write_text("id,gloss\nx,hat\n")
    line = refusal(capsys, "mmpose", folder, tmp_path, "--labels", tmp_path / "list.csv", *SIZES)
    assert "lists none of the clips in the folder: the list has 'x', the folder has 'a'" in line


def test_scores_of_nothing_seen_are_absent_joints(tmp_path):
    frames = video()
    frames[1, 112:133, 2] = -0.01  # what RTMPose gives where it sees nothing
    store = converted("mmpose", dump(tmp_path / "a.pkl", frames), tmp_path, *SIZES)
    assert (store.keypoint_score[1, :21] == 0).all() and (store.keypoint_score[0, :21] > 0).all()


def nan(frames):
    frames[1, 112, 0] = np.nan
    return frames


BAD = dict(
    units=(lambda v: v / [100, 100, 1], "neither pixels nor normalized; give --units pixels or"),
    shape=(lambda v: v[:, :17], "its keypoints are [5, 17, 3]"),
    flat=(lambda v: v[0], "its keypoints are [133, 3]"),
    nan=(nan, "NaN or infinite"),
    no_scores=(lambda v: v[..., :2], "it has no scores"),
    scores=(
        lambda v: dict(keypoints=v[..., :2], scores=v[:2, :, 2]),
        "keypoints are [5, 133, 2] and scores [2, 133]",
    ),
    words=(lambda v: dict(keypoints="hello"), "its keypoints are not an array of numbers"),
    ragged=(lambda v: dict(keypoints=[[1, 2], [3]]), "its keypoints are [2]"),
    other=(lambda v: dict(keypoint_name="a", n=1), "it has no keypoints; it has keypoint_name, n"),
    empty=(lambda v: v[:0], "it has no frames"),
    nobody=(lambda v: np.zeros((5, 0, 133, 3)), "nobody in any frame"),
    size=(lambda v: dict(keypoints=v, img_shape=(0, 640)), "its img_shape is (0, 640)"),
    none=(lambda v: None, "its keypoints are not an array of numbers"),
)


@pytest.mark.parametrize("kind", BAD)
def test_bad_clips_are_named_or_left_out_with_a_report(tmp_path, capsys, kind):
    spoil, problem = BAD[kind]
    folder = tmp_path / "poses"
    folder.mkdir()
    dump(folder / "bad.pkl", spoil(video()))
    dump(folder / "good.pkl", video())
    line = refusal(capsys, "mmpose", folder, tmp_path, *SIZES)
    assert "clip 'bad'" in line and problem in line
    out = tmp_path / "out.safetensors"
    assert convert("mmpose", folder, out, *SIZES, "--skip-bad") == 0
    assert PoseStore(out).ids == ["good"]
    report = (tmp_path / "out.skipped.csv").read_text().splitlines()
    assert report[0] == "id,problem,remedy" and len(report) == 2 and report[1].startswith("bad,")


def test_damaged_and_malicious_pickles_are_bad_clips(tmp_path, capsys):
    folder = tmp_path / "poses"
    folder.mkdir()
    dump(folder / "evil.pkl", [Evil(tmp_path / "victim")])
    whole = dump(folder / "good.pkl", video()).read_bytes()
    (folder / "short.pkl").write_bytes(whole[:-100])
    out = tmp_path / "out.safetensors"
    assert convert("mmpose", folder, out, *SIZES) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 3 and "clip 'evil'" in lines[0] and "more than arrays" in lines[0]
    assert "clip 'short'" in lines[1] and "not a complete pickle" in lines[1]
    assert lines[2].startswith("error: nothing written: 2 bad clips; fix them")
    assert convert("mmpose", folder, out, *SIZES, "--skip-bad") == 0
    assert PoseStore(out).ids == ["good"] and not (tmp_path / "victim").exists()


def test_names_must_differ(tmp_path, capsys):
    folder = tmp_path / "poses"
    folder.mkdir()
    for name in ("a.pkl", "a.pickle"):
        dump(folder / name, video())
    assert "have this id; rename one" in refusal(capsys, "mmpose", folder, tmp_path, *SIZES)


def test_an_unknown_image_size_is_guessed_and_mentioned(tmp_path, capsys):
    path = dump(tmp_path / "a.pkl", video())
    assert converted("mmpose", path, tmp_path).img_shape is None
    assert "the image size of 1 clips is not known" in capsys.readouterr().out
    assert "above 0" in refusal(capsys, "mmpose", path, tmp_path, "--img-size", 0, 480)


def test_empty_and_missing_folders_are_named(tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "has no *.pkl" in refusal(capsys, "mmpose", empty, tmp_path, *SIZES)
    assert "no such file or folder" in refusal(capsys, "mmpose", tmp_path / "gone", tmp_path)
    (empty / "list.txt").write_text("book\n")
    line = refusal(capsys, "mmpose", empty, tmp_path, "--class-list", empty / "list.txt")
    assert "a class list without labels" in line


# ---- JSON of the inferencer and of the demos ---------------------------------------------------


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


def write_json(path, content):
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
    path = write_json(tmp_path / "a.json", wrap(frames_of(first=1)))
    store = converted("mmpose-json", path, tmp_path, *SIZES)
    assert store.ids == ["a"]
    same_clip(store, "a", *pose())


def test_the_signer_is_chosen_and_frames_without_one_are_absent(tmp_path):
    frames = frames_of(6)
    small, score = in_layout(*pose(6, 3), "coco_wholebody")
    for t, frame in enumerate(frames):
        frame["instances"].insert(t % 2, instance(small[t] * 0.1, score[t]))
    frames[4]["instances"] = []
    store = converted("mmpose-json", write_json(tmp_path / "a.json", frames), tmp_path, *SIZES)
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
    store = converted("mmpose-json", write_json(tmp_path / "a.json", frames), tmp_path, *SIZES)
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
        (
            body_only,
            "its keypoints are [17, 2] per person, expected [133, 2]; use a whole-body estimator",
        ),
        (twice, "its frame_id are not one number per frame"),
        (lambda frames: dict(instances=frames), "no list of frames"),
        (lambda frames: [[1, 2]], "no list of frames"),
        (lambda frames: [dict(frame_id=0)], "a frame has no list of instances"),
        (lambda frames: [dict(frame_id=0, instances=[])], "nobody in any frame"),
        (lambda frames: [], "nobody in any frame"),
    ],
)
def test_bad_json_is_one_line(tmp_path, capsys, spoil, problem):
    path = write_json(tmp_path / "a.json", spoil(frames_of(3)))
    line = refusal(capsys, "mmpose-json", path, tmp_path, *SIZES)
    assert "clip 'a'" in line and problem in line


@pytest.mark.parametrize("keep", [b"PK\x03\x04 zip", None])
def test_a_zip_or_half_a_json_a_file_is_one_line(tmp_path, capsys, keep):
    path = write_json(tmp_path / "a.json", frames_of(2))
    path.write_bytes(keep or path.read_bytes()[:-50])
    line = refusal(capsys, "mmpose-json", path, tmp_path, *SIZES)
    assert "a.json" in line and ("a zip archive" in line or "not a complete JSON file" in line)


def test_numbers_that_are_no_numbers_are_one_line(tmp_path, capsys):
    frames = frames_of(2)
    frames[0]["instances"][0]["keypoint_scores"][5] = "high"
    line = refusal(capsys, "mmpose-json", write_json(tmp_path / "a.json", frames), tmp_path, *SIZES)
    assert "its keypoint_scores are not an array of numbers" in line
    assert np.isfinite(pose()[0]).all()
