"""The clips of folders and CSV files: ids, signs, signers; nothing is dropped silently."""

import re

import pytest

from masa_mm.datasets.official_lists import ListError
from masa_mm.preparation.new_dataset.clips import (
    NewDatasetError,
    clips_of_folder,
    clips_of_table,
    detect_source,
    folders_without_clips,
)

from toys.own_signs import OPTIONS, write_clip, write_frames, write_table


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def fields(clips):
    return [(clip.id, clip.gloss, clip.signer, clip.split) for clip in clips]


def refused(message, call, *args, error=NewDatasetError):
    with pytest.raises(error, match=message):
        call(*args)


# ---- folders -----------------------------------------------------------------------------------


def test_equal_names_in_several_folders_are_several_clips(tmp_path):
    touch(tmp_path, "hello/1.mp4", "hello/ann/1.mp4", "thanks/1.mp4", "thanks/2.1.MOV")
    touch(tmp_path, ".git/1.mp4", "notes.txt", "thanks/.DS_Store", "thanks/._1.mp4")
    clips = clips_of_folder(tmp_path, "videos", OPTIONS)
    assert [(clip.id, clip.gloss) for clip in clips] == [
        ("hello/1", "hello"),
        ("hello/ann/1", "hello"),
        ("thanks/1", "thanks"),
        ("thanks/2.1", "thanks"),
    ]
    assert clips[1].place == tmp_path / "hello/ann/1.mp4"


def test_folders_of_images_are_clips(tmp_path):
    touch(tmp_path, "hello/1/0.png", "hello/1/1.png", "thanks/1.5/0.png")
    clips = clips_of_folder(tmp_path, "videos", OPTIONS)
    assert [clip.id for clip in clips] == ["hello/1", "thanks/1.5"]


def test_pose_files_in_folders_of_any_depth(tmp_path):
    for name in ("hello/1", "hello/ann/1", "thanks/1"):
        write_clip(tmp_path / f"{name}.npz")
    clips = clips_of_folder(tmp_path, "rtmlib", OPTIONS)
    assert [clip.id for clip in clips] == ["hello/1", "hello/ann/1", "thanks/1"]
    assert len(clips[1].entry.read().keypoint) == 6


def test_the_tutorials_sequences(tmp_path, monkeypatch):
    write_frames(tmp_path / "data/hello/0")
    write_frames(tmp_path / "data/thanks/0")
    monkeypatch.chdir(tmp_path)
    clips = clips_of_folder(tmp_path.relative_to(tmp_path) / "data", "mediapipe-frames", OPTIONS)
    assert [clip.id for clip in clips] == ["hello/0", "thanks/0"]


def test_openposes_files_of_one_folder_are_several_clips(tmp_path):
    touch(tmp_path, "hello/a_0_keypoints.json", "hello/b_0_keypoints.json")
    touch(tmp_path, "thanks/c/x_0_keypoints.json")
    clips = clips_of_folder(tmp_path, "openpose", OPTIONS)
    assert [clip.id for clip in clips] == ["hello/a", "hello/b", "thanks/c"]


def test_a_pattern_finds_the_signers(tmp_path):
    touch(tmp_path, "hello/ann_1.mp4", "hello/bob_1.mp4", "thanks/ann_1.mp4")
    clips = clips_of_folder(tmp_path, "videos", OPTIONS, re.compile("/([a-z]+)_"))
    assert [clip.signer for clip in clips] == ["ann", "bob", "ann"]
    options = "videos", OPTIONS, re.compile("(x)")
    refused("finds no signer in 'hello/ann_1'", clips_of_folder, tmp_path, *options)


def test_two_files_of_one_id_are_refused(tmp_path):
    touch(tmp_path, "hello/1.mp4", "hello/1.avi", "thanks/1.mp4")
    refused(r"1\.mp4: .*id 'hello/1'.*1\.avi", clips_of_folder, tmp_path, "videos", OPTIONS)


def test_one_sign_is_no_dataset(tmp_path):
    touch(tmp_path, "my_signs/hello/1.mp4", "my_signs/thanks/1.mp4")
    refused("two signs or more, has only 'my_signs'", clips_of_folder, tmp_path, "videos", OPTIONS)


# ---- CSV files ---------------------------------------------------------------------------------


def test_rows_are_clips(tmp_path):
    touch(tmp_path, "v/1.mp4", "w/1.mp4")
    table = write_table(
        tmp_path / "signs.csv",
        dict(path="v/1.mp4", gloss="hello", signer="Ann", split="training"),
        dict(path="w/1.mp4", gloss="thanks", signer="", split="dev"),
    )
    assert fields(clips_of_table(table, "videos", OPTIONS)) == [
        ("v/1", "hello", "Ann", "train"),
        ("w/1", "thanks", "", "val"),
    ]


def test_names_of_clips_and_pose_files(tmp_path):
    write_clip(tmp_path / "a.npz")
    table = write_table(tmp_path / "signs.csv", dict(id="x", path="a.npz", gloss="hello"))
    (clip,) = clips_of_table(table, "rtmlib", OPTIONS)
    assert clip.id == "x" and len(clip.entry.read().keypoint) == 6


def test_a_sequence_of_frames_is_a_row(tmp_path):
    write_frames(tmp_path / "hello/0")
    table = write_table(tmp_path / "signs.csv", dict(path="hello/0", gloss="hi"))
    (clip,) = clips_of_table(table, "mediapipe-frames", OPTIONS)
    assert (clip.id, clip.gloss) == ("0", "hi") and len(clip.entry.read().keypoint) == 6


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([dict(path="gone.mp4", gloss="a")], "line 2: .*gone.mp4 does not exist; paths are rel"),
        ([dict(path="v", gloss="a")], "line 2: .*v holds 2 clips; list one a line"),
        (
            [dict(path="v/1.mp4", gloss="a"), dict(path="v/1.mp4", gloss="b")],
            "line 3: lists v/1.mp4 again, after line 2",
        ),
        ([dict(path="v/1.mp4", gloss="a"), dict(path="./v/1.mp4", gloss="b")], "the id '1'"),
        (
            [dict(path="v/1.mp4", gloss="a", split="val"), dict(path="v/2.mp4", gloss="a")],
            "1 clips have no split, the first is '2'",
        ),
        ([dict(id="1", gloss="a")], "line 2: has no path"),
    ],
)
def test_bad_rows_are_named(tmp_path, rows, message):
    touch(tmp_path, "v/1.mp4", "v/2.mp4")
    rows = [dict(dict.fromkeys(rows[0], ""), **row) for row in rows]
    table = write_table(tmp_path / "signs.csv", *rows)
    refused(message, clips_of_table, table, "videos", OPTIONS)


def test_a_file_that_is_no_list_is_refused(tmp_path):
    (tmp_path / "signs.csv").write_text("name,meaning\na,b\n")
    table = tmp_path / "signs.csv"
    refused("no column 'path'", clips_of_table, table, "videos", OPTIONS, error=ListError)
    table.write_text("path,gloss\n")
    refused("lists no clip", clips_of_table, table, "videos", OPTIONS)
    refused("lists no clip", detect_source, table)


def test_folders_without_clips_are_named(tmp_path):
    touch(tmp_path, "hello/1.mp4", "thanks/1.mp4", ".git/a")
    (tmp_path / "empty").mkdir()
    clips = clips_of_folder(tmp_path, "videos", OPTIONS)
    assert folders_without_clips(tmp_path, clips) == ["empty"]


# ---- kinds of files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("1.mp4", "videos"),
        ("1/0.jpg", "videos"),
        ("1.pose", "pose-format"),
        ("1/a_0_keypoints.json", "openpose"),
        ("0/0.npy", "mediapipe-frames"),
        ("ann/0/0.npy", "mediapipe-frames"),
    ],
)
def test_files_tell_their_source(tmp_path, name, source):
    touch(tmp_path, f"hello/{name}", f"thanks/{name}", "hello/readme.txt", "hello/.x.pkl")
    assert detect_source(tmp_path) == source


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1.pkl"], "1.pkl: its kind is not clear"),
        (["0.npy"], "0.npy: its kind is not clear; frames are at SIGN/SEQUENCE/FRAME.npy, .*"),
        (["1.json"], "1.json: its kind is not clear"),
        (["1.mp4", "1.pose"], "1.mp4 and .*1.pose: are of several kinds; move those away .*"),
    ],
)
def test_unclear_files_need_the_option(tmp_path, names, message):
    touch(tmp_path, *(f"{sign}/{name}" for sign in ("hello", "thanks") for name in names))
    refused(f"{message}; give --source, one of .*rtmlib", detect_source, tmp_path)


def test_a_folder_without_clips_is_refused(tmp_path):
    touch(tmp_path, "hello/a.txt", "thanks/b.txt")
    refused("has no videos or pose files", detect_source, tmp_path)


def test_the_files_of_a_table_tell_their_source(tmp_path):
    touch(tmp_path, "a.pose")
    table = write_table(tmp_path / "signs.csv", dict(path="a.pose", gloss="a"))
    assert detect_source(table) == "pose-format"
