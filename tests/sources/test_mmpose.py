"""MMPose's per-video pickles: every accepted form makes the same store, anything else one line."""

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
    same_clip(store, "a", *pose(5, 0))
    same_clip(store, "b", *pose(3, 1))


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
    assert "1 of its 3 clips are not there, the first is 'gone'" in out
    assert "2 clips are not in" in out and "the first is 'c'" in out


def test_a_list_of_other_clips_is_refused(tmp_path, capsys):
    folder = tmp_path / "poses"
    folder.mkdir()
    dump(folder / "a.pkl", video())
    (tmp_path / "list.csv").write_text("id,gloss\nx,hat\n")
    line = refusal(capsys, "mmpose", folder, tmp_path, "--labels", tmp_path / "list.csv", *SIZES)
    assert "lists none of the clips that are there: it has 'x', there is 'a'" in line


def test_scores_of_nothing_seen_are_absent_joints(tmp_path):
    frames = video()
    frames[1, 112:133, 2] = -0.01  # what RTMPose gives where it sees nothing
    store = converted("mmpose", dump(tmp_path / "a.pkl", frames), tmp_path, *SIZES)
    assert (store.keypoint_score[1, :21] == 0).all() and (store.keypoint_score[0, :21] > 0).all()


def nan(frames):
    frames[1, 112, 0] = np.nan
    return frames


BAD = dict(
    shares=(lambda v: v / [640, 480, 1], "like normalised coordinates read as pixels"),
    shape=(lambda v: v[:, :17], "its keypoints are [5, 17, 3]"),
    flat=(lambda v: v[0], "its keypoints are [133, 3]"),
    nan=(nan, "NaN or infinite"),
    no_scores=(lambda v: v[..., :2], "it has no scores"),
    scores=(
        lambda v: dict(keypoints=v[..., :2], scores=v[:2, :, 2]),
        "keypoints are [5, 133, 2] and scores [2, 133]",
    ),
    words=(lambda v: dict(keypoints="hello"), "its keypoints are no array of numbers"),
    ragged=(lambda v: dict(keypoints=[[1, 2], [3]]), "its keypoints are no array of numbers"),
    other=(lambda v: dict(keypoint_name="a", n=1), "it has no keypoints; it has keypoint_name, n"),
    empty=(lambda v: v[:0], "it has no frames"),
    nobody=(lambda v: np.zeros((5, 0, 133, 3)), "nobody in any frame"),
    size=(lambda v: dict(keypoints=v, img_shape=(0, 640)), "its img_shape is (0, 640)"),
    none=(lambda v: None, "its keypoints are no array of numbers"),
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
    assert lines[2].startswith("error: nothing is written: 2 bad clips; mend them, or leave them")
    assert convert("mmpose", folder, out, *SIZES, "--skip-bad") == 0
    assert PoseStore(out).ids == ["good"] and not (tmp_path / "victim").exists()


def test_names_must_differ(tmp_path, capsys):
    folder = tmp_path / "poses"
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        dump(folder / name / "a.pkl", video())
    assert "an earlier clip has the same id" in refusal(capsys, "mmpose", folder, tmp_path, *SIZES)


def test_the_images_size_is_asked_for(tmp_path, capsys):
    path = dump(tmp_path / "a.pkl", video())
    line = refusal(capsys, "mmpose", path, tmp_path)
    assert "clip 'a': its image size is not known; give --img-size" in line
    assert "above 0" in refusal(capsys, "mmpose", path, tmp_path, "--img-size", 0, 480)


def test_empty_and_missing_folders_are_named(tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no .pkl" in refusal(capsys, "mmpose", empty, tmp_path, *SIZES)
    assert "no such file or folder" in refusal(capsys, "mmpose", tmp_path / "gone", tmp_path)
    (empty / "list.txt").write_text("book\n")
    line = refusal(capsys, "mmpose", empty, tmp_path, "--class-list", empty / "list.txt")
    assert "a class list without labels" in line


def test_the_report_is_empty_where_nothing_was_left_out(tmp_path):
    path = dump(tmp_path / "a.pkl", video())
    out = tmp_path / "out.safetensors"
    assert convert("mmpose", path, out, *SIZES, "--skip-bad") == 0
    assert (tmp_path / "out.skipped.csv").read_text().splitlines() == ["id,problem,remedy"]
